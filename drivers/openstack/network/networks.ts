import type {
  Network,
  NetworkCreate,
  NetworkState,
  NetworkUpdate
} from '../../../openapi/model/index.ts'
import type { Call } from '../../call.ts'
import { describe, type NetworkService } from '../../driver.ts'
import { tagLimits } from '../client/tags.ts'
import { createCollection, createUpdate, type Identify, type Kind } from './collection.ts'
import { findBy, type Neutron, type NeutronNetwork, type NeutronObject } from './neutron.ts'

/** Neutron's statuses of networks, routers and ports (`neutron_lib/constants.py`). */
const statuses: Readonly<Record<string, NetworkState>> = {
  ACTIVE: 'available',
  BUILD: 'pending',
  ALLOCATING: 'pending',
  DOWN: 'down',
  ERROR: 'error',
  PENDING_DELETE: 'deleting'
}

/** States that an administrator's `admin_state_up: false` does not hide. */
const lastingStates = new Set<NetworkState>(['error', 'deleting'])

/** Finds the state of a network, a router or a port. Neutron may show one that is switched off as ACTIVE. */
export function networkState (
  { status, admin_state_up: isUp }: Pick<NeutronObject, 'status' | 'admin_state_up'>
): NetworkState {
  const state = statuses[status?.toUpperCase() ?? ''] ?? 'unknown'
  return isUp === false && !lastingStates.has(state) ? 'down' : state
}

export const capabilities = describe<NetworkService>({
  list: { filters: ['name', 'tag', 'is_external'], limits: { limit: 1000 } },
  create: { parameters: ['name', 'mtu', 'tags'], limits: tagLimits },
  update: { parameters: ['name', 'tags'], limits: tagLimits }
})

/** Networks of Neutron, with the address blocks of their subnets, which take one more call for a page. */
export function createNetworks (neutron: Neutron, identify: Identify): NetworkService {
  const readCidrs = async (networks: readonly NeutronNetwork[], call: Call) => {
    const ids = networks.filter(({ subnets = [] }) => subnets.length > 0).map(({ id }) => id)
    const query = { fields: ['id', 'network_id', 'cidr'] }
    const cidrs = new Map<string, string[]>()
    const subnets = await findBy(neutron.subnets, 'network_id', ids, query, call)
    for (const { network_id: network, cidr } of subnets) {
      cidrs.set(network, [...cidrs.get(network) ?? [], cidr])
    }
    return cidrs
  }

  const kind: Kind<NeutronNetwork, Network, NetworkCreate, Map<string, string[]>> = {
    objects: neutron.networks,
    tags: neutron.tags.of('networks'),
    identify,
    fields: [{ pattern: /MTU/, pointer: '/mtu' }],
    readRelated: readCidrs,
    toFields: (raw, cidrs) => ({
      state: networkState(raw),
      cidrs: cidrs.get(raw.id) ?? [],
      is_external: raw['router:external'] ?? null,
      shared: raw.shared ?? null,
      mtu: raw.mtu ?? null,
      subnet_ids: raw.subnets ?? []
    }),
    toQuery: ({ is_external: external }) =>
      external?.length === 1 ? { 'router:external': external[0] } : {},
    toBody: ({ name, mtu }) => ({ name, mtu })
  }
  const collection = createCollection(kind)
  return {
    ...collection,
    update: createUpdate(kind, collection.get, (patch: NetworkUpdate) => patch)
  }
}
