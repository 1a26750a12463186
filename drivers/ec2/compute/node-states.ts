import type { Instance } from '@aws-sdk/client-ec2'
import type { NodeAction, NodeState } from '../../../openapi/model/index.ts'
import { allowedActions } from '../../states.ts'

const states: Readonly<Record<string, NodeState>> = {
  pending: 'pending', running: 'running', 'shutting-down': 'terminating', terminated: 'terminated', stopping: 'stopping', stopped: 'stopped'
}

/** The statuses of a state, for filters: what a list of them returns may be more, never less. */
export const statusesOf = (state: string): readonly string[] | undefined => {
  // Both are `pending` there.
  if (state === 'starting') return ['pending']
  const found = Object.entries(states).filter(([, ours]) => ours === state).map(([theirs]) => theirs)
  // None has the states that Amazon does not know, such as paused: whatever is listed is then filtered here.
  return found.length === 0 ? undefined : found
}

/** When the primary NIC was attached, which is when the instance was made; LaunchTime is that of its last start. */
export const createdAt = ({ NetworkInterfaces: nics, LaunchTime: launched }: Instance): Date | undefined =>
  nics === undefined || nics.length === 0
    ? launched
    : nics.find(({ Attachment: at }) => at?.DeviceIndex === 0)?.Attachment?.AttachTime

/** Milliseconds after its making in which a pending instance is one that is made. */
const making = 60_000

/** The state of an instance: one that is pending long after its making is starting again. */
export function nodeState (instance: Instance): NodeState {
  const state = states[instance.State?.Name ?? ''] ?? 'unknown'
  if (state !== 'pending') return state
  const made = createdAt(instance)
  const { LaunchTime: launched } = instance
  return made !== undefined && launched !== undefined && launched.getTime() - made.getTime() > making ? 'starting' : 'pending'
}

/** What each state allows at Amazon, where it is not what Nova allows. A stopped instance alone changes its type. */
const special: Partial<Record<NodeState, readonly NodeAction[]>> = {
  running: ['stop', 'reboot', 'suspend', 'destroy'],
  stopped: ['start', 'resize', 'destroy'],
  stopping: ['destroy'],
  terminated: []
}

export function actionsOf (instance: Instance, state: NodeState, can: ReadonlySet<string>): NodeAction[] {
  return allowedActions(state, can, special[state]).filter((action) => {
    if (action === 'suspend') return instance.HibernationOptions?.Configured === true
    // What has its root on the host's own disk is lost when it stops.
    return action !== 'stop' || instance.RootDeviceType !== 'instance-store'
  })
}
