import { ProblemError } from '../../openapi/model/index.ts'
import type { CloudPage } from './read.ts'

/** The terms on which the failure of a cloud is the failure of its list. */
export interface FailureRules {
  /** Whether the failure of one cloud is the failure of the list. */
  single: boolean
  /** Whether the list goes on without the clouds that fail. */
  partial: boolean
  /** Whether earlier pages have been answered. */
  isLaterPage: boolean
}

/**
 * Throws if the failure of a cloud is the failure of the list. A later page continues without a cloud that fails, and
 * so does a page that has `more` clouds to follow.
 */
export function throwIfFailed (
  { single, partial, isLaterPage }: FailureRules,
  reads: readonly CloudPage[],
  more: boolean
) {
  const errors = reads.flatMap(({ error }) => error ?? [])
  if (errors.length === 0) return
  const [first] = errors
  if (first !== undefined && (single || !partial)) throw first
  const shuttingDown = errors.find(({ code }) => code === 'shutting_down')
  if (shuttingDown !== undefined) throw shuttingDown
  if (errors.length < reads.length || more || isLaterPage) return
  const failures = reads.map(({ cloud, error }) => `${cloud}: ${error!.code}`).join(', ')
  const allTimedOut = errors.every(({ code }) => code === 'provider_timeout')
  throw new ProblemError(
    allTimedOut ? 'provider_timeout' : 'provider_error',
    `No cloud answered (${failures})`,
    {
      hint: 'List one cloud alone to see its problem.'
    }
  )
}
