import type { Instance } from '@aws-sdk/client-ec2'
import type { NodeAction, NodeState } from '../../../openapi/model/index.ts'
import { allowedActions } from '../../states.ts'
import { toStatuses } from '../client/index.ts'

const states: Readonly<Record<string, NodeState>> = {
  pending: 'pending',
  running: 'running',
  'shutting-down': 'terminating',
  terminated: 'terminated',
  stopping: 'stopping',
  stopped: 'stopped'
}

/** Translates a state for the cloud's filter. Amazon shows a node that starts again as `pending`. */
export const toNodeStatuses = (state: string) =>
  toStatuses(states, state === 'starting' ? 'pending' : state)

/**
 * Returns the time when the instance was created: when its primary NIC was attached. LaunchTime is the time of the last
 * start.
 */
export function createdAt (
  { NetworkInterfaces: nics = [], LaunchTime: launchTime }: Instance
): Date | undefined {
  if (nics.length === 0) return launchTime
  return nics.find(({ Attachment: attachment }) => attachment?.DeviceIndex === 0)?.Attachment
    ?.AttachTime
}

/** Milliseconds after its creation during which a pending instance is a new one. */
const creationWindow = 60_000

/** Maps the state of an instance. An instance that is pending long after its creation is starting again. */
export function toNodeState (instance: Instance): NodeState {
  const state = states[instance.State?.Name ?? ''] ?? 'unknown'
  const created = createdAt(instance)?.getTime()
  const launched = instance.LaunchTime?.getTime()
  if (state !== 'pending' || created === undefined || launched === undefined) return state
  return launched - created > creationWindow ? 'starting' : 'pending'
}

/** The actions of states in which Amazon differs from Nova. Only a stopped instance can change its type. */
const specialActions: Partial<Record<NodeState, readonly NodeAction[]>> = {
  running: ['stop', 'reboot', 'suspend', 'destroy'],
  stopped: ['start', 'resize', 'destroy'],
  stopping: ['destroy'],
  terminated: []
}

export function allowedActionsOf (
  instance: Instance,
  state: NodeState,
  can: ReadonlySet<string>
): NodeAction[] {
  const canHibernate = instance.HibernationOptions?.Configured === true
  // An instance whose root is a disk of the host loses it when it stops.
  const canStop = instance.RootDeviceType !== 'instance-store'
  return allowedActions(state, can, specialActions[state]).filter((action) =>
    (action !== 'suspend' || canHibernate) && (action !== 'stop' || canStop)
  )
}
