import type { Node, NodeAction } from '../../../openapi/model/index.ts'
import type { Identity } from '../../driver.ts'
import { nodeState, novaActions } from '../../common/nova-states.ts'
import { allowedActions, isTransitioning } from '../../states.ts'
import { operationKey, toTags } from '../../common/tags.ts'
import type { Client } from '../client/client.ts'
import { toTimestamp } from '../client/metadata.ts'
import { microversions, type Microversion } from '../client/microversions.ts'
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
    security_group_ids: ports === null
      ? null
      : [...new Set(own.flatMap((port) => port.security_groups ?? []))],
    volume_ids: server['os-extended-volumes:volumes_attached']?.map(({ id }) => id) ?? null,
    // Nova does not know how a server is paid for.
    lifecycle: null,
    launched_at: toTimestamp(server['OS-SRV-USG:launched_at']),
    // Outside of a transition Nova answers a meaningless 0.
    progress: transitioning ? (server.progress ?? null) : null,
    fault: fault === undefined
      ? null
      : { code: fault.code?.toString() ?? null, message: fault.message ?? null },
    protected: server.locked ?? null
  }
  if (extra) node.extra = toExtra(server)
  return node
}

/** Decides on the actions of a server, beside the server itself. */
export interface Abilities extends Pick<Client, 'hasVersion' | 'isAdmin'> {
  /** The methods of the driver. */
  methods: ReadonlySet<string>
}

/** Finds the state of a server and the actions that it allows. */
export function situationOf (server: Server, can: Abilities) {
  const { status, image, locked: isLocked, 'OS-EXT-STS:task_state': task = null } = server
  const state = nodeState(status, task)
  const isLaunched = server['OS-SRV-USG:launched_at'] !== null
  const allowed = allowedActions(state, can.methods, novaActions({ status, task, isLaunched }))
  // The lock forbids every action, except to the administrators of the cloud (`check_instance_lock`).
  if (isLocked === true && !can.isAdmin()) return { state, task, actions: [] }
  const actions = image === '' ? allowed.filter((action) => canChangeVolume(action, can)) : allowed
  return { state, task, actions }
}

/** The versions of Nova that an action needs on a server that boots from a volume. */
const volumeVersions: { readonly [A in NodeAction]?: Microversion } = {
  rescue: microversions.rescueVolume,
  rebuild: microversions.rebuildVolume
}

function canChangeVolume (action: NodeAction, { hasVersion }: Abilities) {
  const version = volumeVersions[action]
  return version === undefined || hasVersion(version)
}

/** Finds the types of reboot that Nova accepts: only a hard one of a server that does not run. */
const rebootTypes = (
  { status }: Server,
  task: string | null,
  actions: readonly NodeAction[]
): RebootType[] => {
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
