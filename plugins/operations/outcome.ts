import type { Until } from '../../drivers/driver.ts'
import { nodeActionDetails, ProblemError, type ResourceKind } from '../../openapi/model/index.ts'

/** The fields of a resource that show how far a change has come. */
export interface ResourceStatus {
  state: string
  provider_state: string | null
  /** Whether the cloud is changing the resource. */
  transitioning: boolean
  progress?: number | null
  fault?: { code: string | null, message: string | null } | null
}

/** A resource as its service returns it. Only nodes have `transitioning`. */
export interface ResourceView extends Omit<ResourceStatus, 'transitioning'> {
  id: string
  transitioning?: boolean
}

/** States in which the cloud changes a resource that is not a node. */
const transitionStates = new Set([
  'creating',
  'pending',
  'attaching',
  'detaching',
  'updating',
  'backing_up',
  'restoring',
  'migrating',
  'deleting'
])

export const toStatus = (kind: ResourceKind, view: ResourceView): ResourceStatus => ({
  ...view,
  transitioning: kind === 'node' ? view.transitioning === true : transitionStates.has(view.state)
})

export interface AcceptedChange {
  until: Until
  /** The state of the resource before the change; null if it did not exist. */
  fromState: string | null
  /** Milliseconds since the cloud accepted the change. */
  waited: number
}

export type Verdict = 'waiting' | 'succeeded' | ProblemError

/** Milliseconds that a resource may stay in another state before the change counts as lost. */
const maxUnchanged = 60_000

/** Judges from the status of a resource whether a change has ended. The status is null if there is no resource. */
export function judgeChange (
  { until, fromState, waited }: AcceptedChange,
  status: ResourceStatus | null
): Verdict {
  if (status === null || status.state === 'terminated' || status.state === 'deleted') {
    if (until.gone === true) return 'succeeded'
    // A cloud that cannot complete a create may delete the resource itself, and show the reason.
    if (status?.fault != null) return toFailure(status, 'The cloud ended the resource')
    return new ProblemError(
      'resource_not_found',
      'The resource was destroyed before the operation ended'
    )
  }
  if (until.fault === true && !status.transitioning && status.fault != null) {
    return toFailure(status, 'The change failed at the cloud')
  }
  const isInEndState = until.states.includes(status.state) &&
    (until.provider_states?.includes(status.provider_state ?? '') ?? true)
  if (isInEndState && !status.transitioning) return 'succeeded'
  if (status.transitioning) return 'waiting'
  if (status.state === 'error' && fromState !== 'error') {
    return toFailure(status, 'The cloud put the resource into the state error')
  }
  if (waited < maxUnchanged || status.state === 'unknown') return 'waiting'
  const seconds = maxUnchanged / 1000
  return new ProblemError(
    'outcome_unknown',
    `The cloud accepted the change, but the resource has been ${status.state} for ${seconds} s since`,
    { state: status.state }
  )
}

function toFailure ({ fault }: ResourceStatus, otherwise: string) {
  const { code = null, message = null } = fault ?? {}
  return new ProblemError('provider_error', message ?? otherwise, {
    retryable: false,
    provider_error: { code, message, request_id: null }
  })
}

interface ExpectedEnd {
  endStates: readonly string[]
  /** Whether an end state proves that the action was executed. Otherwise the server must have seen a transition. */
  endStateIsProof: boolean
}

/** The end of each action. An action whose answer was lost ends by it, because the driver returned no `until`. */
const expectedEnds: Readonly<Record<string, ExpectedEnd>> = {
  ...Object.fromEntries(
    Object.entries(nodeActionDetails).map(([action, details]) => [`nodes.${action}`, details])
  ),
  'volumes.attach': { endStates: ['in_use'], endStateIsProof: true },
  'volumes.detach': { endStates: ['available'], endStateIsProof: true },
  'volumes.extend': { endStates: ['available', 'in_use'], endStateIsProof: false },
  'volumes.destroy': { endStates: ['deleted'], endStateIsProof: true },
  'snapshots.destroy': { endStates: ['deleted'], endStateIsProof: true },
  'images.destroy': { endStates: ['deleted'], endStateIsProof: true }
}

/**
 * Judges an action of this kind (`nodes.stop`) whose answer was lost. If the cloud is changing the resource, the action
 * is under way and `until` tells when it has ended.
 */
export function judgeLostChange (
  kind: string,
  status: ResourceStatus | null
): 'succeeded' | 'unknown' | { until: Until } {
  const { endStates, endStateIsProof } = expectedEnds[kind] ??
    { endStates: [], endStateIsProof: false }
  const gone = kind.endsWith('.destroy')
  if (status === null) return gone ? 'succeeded' : 'unknown'
  if (status.transitioning) return { until: { states: [...endStates], ...(gone ? { gone } : {}) } }
  return endStateIsProof && endStates.includes(status.state) ? 'succeeded' : 'unknown'
}
