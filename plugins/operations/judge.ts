import type { Until } from '../../drivers/driver.ts'
import { ProblemError, type NodeAction, type NodeState } from '../../openapi/model/index.ts'

/** What of a resource tells how far a change has come. */
export interface Seen {
  state: string
  provider_state: string | null
  transitioning: boolean
  fault?: { code: string | null, message: string | null } | null
}

export interface Asked {
  until: Until
  /** The resource's state before; null where it was not there. */
  fromState: string | null
  /** Milliseconds since the cloud accepted it. */
  waited: number
}

export type Verdict = 'waiting' | 'succeeded' | ProblemError

/** Milliseconds in which a resource may rest in another state before the change counts as lost. */
const settle = 60_000

/** Whether a change has ended, from what the cloud shows: `seen` is null where the resource is not there. */
export function judge ({ until, fromState, waited }: Asked, seen: Seen | null): Verdict {
  if (seen === null || seen.state === 'terminated') {
    if (until.gone === true) return 'succeeded'
    return new ProblemError('resource_not_found', 'The resource was destroyed before this had ended')
  }
  const there = until.states.includes(seen.state) && (until.provider_states?.includes(seen.provider_state ?? '') ?? true)
  if (there && !seen.transitioning) return 'succeeded'
  if (seen.transitioning) return 'waiting'
  if (seen.state === 'error' && fromState !== 'error') {
    const { code = null, message = null } = seen.fault ?? {}
    return new ProblemError('provider_error', message ?? 'The cloud put the resource into the state error', {
      retryable: false, provider_error: { code, message, request_id: null }
    })
  }
  if (waited < settle || seen.state === 'unknown') return 'waiting'
  return new ProblemError('outcome_unknown',
    `The cloud accepted this, but the resource has been ${seen.state} for ${settle / 1000} s since`, { state: seen.state })
}

interface Expected {
  states: NodeState[]
  /** Whether being in that state proves it: otherwise a change must have been seen on the way. */
  proves: boolean
}

/** Where each action leads. It is what ends an action whose answer was lost: then the driver could not say it. */
const expected: Record<NodeAction, Expected> = {
  start: { states: ['running'], proves: true },
  stop: { states: ['stopped'], proves: true },
  reboot: { states: ['running'], proves: false },
  pause: { states: ['paused'], proves: true },
  suspend: { states: ['suspended'], proves: true },
  resume: { states: ['running'], proves: true },
  shelve: { states: ['suspended'], proves: false },
  rescue: { states: ['rescued'], proves: true },
  unrescue: { states: ['running', 'stopped'], proves: true },
  resize: { states: ['running', 'stopped'], proves: false },
  confirm_resize: { states: ['running', 'stopped'], proves: false },
  revert_resize: { states: ['running', 'stopped'], proves: false },
  rebuild: { states: ['running', 'stopped'], proves: false },
  restore: { states: ['running', 'stopped'], proves: true },
  destroy: { states: ['terminated'], proves: true }
}

/** What an action whose answer was lost has come to; `until` of 'accepted' is how its end will be known. */
export function judgeLost (action: NodeAction, seen: Seen | null): 'succeeded' | 'unknown' | { until: Until } {
  const { states, proves } = expected[action]
  const gone = action === 'destroy'
  if (seen === null) return gone ? 'succeeded' : 'unknown'
  if (seen.transitioning) return { until: { states, ...(gone ? { gone } : {}) } }
  return proves && (states as string[]).includes(seen.state) ? 'succeeded' : 'unknown'
}
