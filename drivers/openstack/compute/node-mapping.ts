import type { Node, NodeAction, NodeState } from '../../../openapi/model/index.ts'
import type { Identity } from '../../driver.ts'
import { isRebootable, nodeState, statusActions } from '../../nova-states.ts'
import { allowedActions, isTransitioning } from '../../states.ts'
import { operationKey, toTags } from '../../tags.ts'
import { toTimestamp } from '../client/metadata.ts'
import type { PortsByDevice } from '../network/ports.ts'
import { toAddresses, type NovaAddress } from './addresses.ts'

/** A server of Nova below version 2.47. */
export interface Server {
  id: string
  name?: string
  status: string
  created?: string
  updated?: string
  metadata?: Record<string, string>
  /** Empty if the server boots from a volume. */
  image?: { id: string } | '' | null
  flavor?: { id?: string }
  key_name?: string | null
  addresses?: Record<string, NovaAddress[]>
  fault?: { code?: number, message?: string }
  progress?: number
  /** From version 2.9. */
  locked?: boolean
  'OS-EXT-STS:task_state'?: string | null
  'OS-EXT-AZ:availability_zone'?: string
  'OS-SRV-USG:launched_at'?: string | null
  'os-extended-volumes:volumes_attached'?: Array<{ id: string }>
}

export interface NodeMapping {
  identity: Identity
  /** Null if the ports could not be read. */
  ports: PortsByDevice | null
  can: Abilities
  extra: boolean
}

const noPorts: readonly never[] = []

/** Converts a server and its ports to a node. */
export function toNode (server: Server, { identity, ports, can, extra }: NodeMapping): Node {
  const { state, task, actions } = situationOf(server, can)
  const transitioning = isTransitioning(state)
  const own = ports === null ? noPorts : (ports.get(server.id) ?? noPorts)
  const addresses = toAddresses(server.addresses ?? {}, own)
  const { fault } = server
  // Field by field: V8 takes 0.4 µs for that, 3 µs if the object ends with `...identity`, and 85 µs
  // if it begins with it.
  const node: Node = {
    id: identity.id,
    cloud: identity.cloud,
    driver: identity.driver,
    location: identity.location,
    self: identity.self,
    name: server.name ?? null,
    state,
    provider_state: server.status,
    provider_task_state: task,
    transitioning,
    allowed_actions: actions,
    reboot_types: rebootTypes(server, task, actions),
    created_at: server.created ?? null,
    updated_at: server.updated ?? null,
    tags: toTags(server.metadata),
    size_id: server.flavor?.id ?? null,
    image_id: typeof server.image === 'object' ? (server.image?.id ?? null) : null,
    key_pair_name: server.key_name ?? null,
    availability_zone: server['OS-EXT-AZ:availability_zone'] || null,
    architecture: null,
    public_ips: addresses.filter(({ scope }) => scope === 'public').map(({ address }) => address),
    private_ips: addresses.filter(({ scope }) => scope === 'private').map(({ address }) => address),
    addresses,
    security_group_ids:
      ports === null ? null : [...new Set(own.flatMap((port) => port.security_groups ?? []))],
    volume_ids: server['os-extended-volumes:volumes_attached']?.map(({ id }) => id) ?? null,
    // Nova does not know how a server is paid for.
    lifecycle: null,
    launched_at: toTimestamp(server['OS-SRV-USG:launched_at']),
    // Outside of a transition Nova answers a meaningless 0.
    progress: transitioning ? (server.progress ?? null) : null,
    fault:
      fault === undefined ? null : { code: fault.code?.toString() ?? null, message: fault.message ?? null },
    protected: server.locked ?? null
  }
  if (extra) node.extra = toExtra(server)
  return node
}

/** The actions that the driver has. */
export interface Abilities extends ReadonlySet<string> {
  /** Whether Nova can rebuild a server that boots from a volume. Default: false. */
  readonly rebuildsVolumes?: boolean
}

/** Finds the state of a server and the actions that it allows. */
export function situationOf (server: Server, can: Abilities) {
  const task = server['OS-EXT-STS:task_state'] ?? null
  const state = nodeState(server.status, task)
  const actions = allowedActions(state, can, specialActions(server, state, task, can))
  return { state, task, actions }
}

/**
 * The actions that Nova accepts (`nova/compute/api.py`). During a snapshot or an unknown task, and before the first
 * launch, it accepts only deletion; during some tasks also a hard reboot. A server that boots from a volume can be
 * rebuilt from 2.93. It cannot be rescued: that needs 2.87, an image with special properties, and a host that can.
 */
function specialActions (
  { status, image, 'OS-SRV-USG:launched_at': launchedAt }: Server, state: NodeState, task: string | null, can: Abilities
): readonly NodeAction[] | undefined {
  const isLaunched = launchedAt !== null
  if (task !== null && isLaunched && state !== 'terminating' && isRebootable(status, task)) return ['reboot', 'destroy']
  // Nova deletes a server during any task.
  if (state === 'migrating') return ['destroy']
  if (isTransitioning(state)) return undefined
  const byStatus = statusActions[status.toUpperCase()]
  if (task !== null) return ['destroy']
  if (byStatus === undefined || state === 'unknown') return byStatus
  if (!isLaunched) return byStatus.filter((action) => action === 'destroy' || action === 'restore')
  if (image !== '') return byStatus
  return byStatus.filter((action) => action !== 'rescue' && (action !== 'rebuild' || can.rebuildsVolumes === true))
}

/** Finds the types of reboot that Nova accepts: only a hard one of a server that does not run. */
const rebootTypes = ({ status }: Server, task: string | null, actions: readonly NodeAction[]): RebootType[] => {
  if (!actions.includes('reboot')) return []
  return status.toUpperCase() === 'ACTIVE' && task === null ? ['soft', 'hard'] : ['hard']
}

type RebootType = NonNullable<Node['reboot_types']>[number]

/** Fields that must not be shown. Nova shows administrators the user data of others. */
const secrets = ['adminPass', 'user_data', 'OS-EXT-SRV-ATTR:user_data']

function toExtra (server: Server): Record<string, unknown> {
  const raw = Object.entries(server).filter(([field]) => !secrets.includes(field))
  const extra: Record<string, unknown> = Object.fromEntries(raw)
  if (server.metadata?.[operationKey] !== undefined) extra.metadata = toTags(server.metadata)
  return extra
}
