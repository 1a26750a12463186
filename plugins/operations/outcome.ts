import type { Until } from '../../drivers/driver.ts'
import { nodeActionDetails, ProblemError, type ResourceKind } from '../../openapi/model/index.ts'

/** What of a resource tells how far a change has come. */
export interface Seen {
  state: string
  provider_state: string | null
  transitioning: boolean
  fault?: { code: string | null, message: string | null } | null
}

/** A resource as its service shows it. */
export interface Shown extends Omit<Seen, 'transitioning'> {
  id: string
  transitioning?: boolean
}

/** States in which the cloud is at work on what is not a node. */
const passing = new Set([
  'creating', 'pending', 'attaching', 'detaching', 'updating', 'backing_up', 'restoring', 'migrating', 'deleting'
])

export const toSeen = (kind: ResourceKind, shown: Shown): Seen =>
  ({ ...shown, transitioning: kind === 'node' ? shown.transitioning === true : passing.has(shown.state) })

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
  if (seen === null || seen.state === 'terminated' || seen.state === 'deleted') {
    if (until.gone === true) return 'succeeded'
    // A cloud that could not make it may end it by itself, and say why.
    if (seen?.fault != null) return failed(seen, 'The cloud ended the resource')
    return new ProblemError('resource_not_found', 'The resource was destroyed before this had ended')
  }
  const there = until.states.includes(seen.state) && (until.provider_states?.includes(seen.provider_state ?? '') ?? true)
  if (there && !seen.transitioning) return 'succeeded'
  if (seen.transitioning) return 'waiting'
  if (seen.state === 'error' && fromState !== 'error') {
    return failed(seen, 'The cloud put the resource into the state error')
  }
  if (waited < settle || seen.state === 'unknown') return 'waiting'
  return new ProblemError('outcome_unknown',
    `The cloud accepted this, but the resource has been ${seen.state} for ${settle / 1000} s since`, { state: seen.state })
}

function failed ({ fault }: Seen, otherwise: string) {
  const { code = null, message = null } = fault ?? {}
  return new ProblemError('provider_error', message ?? otherwise, {
    retryable: false, provider_error: { code, message, request_id: null }
  })
}

interface ExpectedEnd {
  endStates: readonly string[]
  /** Whether an end state proves that the action was executed. Otherwise the server must have seen a transition. */
  endStateIsProof: boolean
}

/** Where each action leads. It ends an action whose response was lost, since the driver could not return its `until`. */
const expectedEnds: Readonly<Record<string, ExpectedEnd>> = {
  ...Object.fromEntries(Object.entries(nodeActionDetails).map(([action, details]) => [`nodes.${action}`, details])),
  'volumes.attach': { endStates: ['in_use'], endStateIsProof: true },
  'volumes.detach': { endStates: ['available'], endStateIsProof: true },
  'volumes.extend': { endStates: ['available', 'in_use'], endStateIsProof: false },
  'volumes.destroy': { endStates: ['deleted'], endStateIsProof: true },
  'snapshots.destroy': { endStates: ['deleted'], endStateIsProof: true },
  'images.destroy': { endStates: ['deleted'], endStateIsProof: true }
}

/**
 * What an action of this kind (`nodes.stop`) whose answer was lost has come to; where it is seen under way, `until` tells
 * how its end will be known.
 */
export function judgeLost (kind: string, seen: Seen | null): 'succeeded' | 'unknown' | { until: Until } {
  const { endStates, endStateIsProof } = expectedEnds[kind] ?? { endStates: [], endStateIsProof: false }
  const gone = kind.endsWith('.destroy')
  if (seen === null) return gone ? 'succeeded' : 'unknown'
  if (seen.transitioning) return { until: { states: [...endStates], ...(gone ? { gone } : {}) } }
  return endStateIsProof && endStates.includes(seen.state) ? 'succeeded' : 'unknown'
}
