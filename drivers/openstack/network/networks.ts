import type { Network, NetworkCreate, NetworkState, NetworkUpdate } from '../../../openapi/model/index.ts'
import type { Call } from '../../call.ts'
import { describe, type Identity, type NetworkService } from '../../driver.ts'
import { createCollection, createUpdate, toCommonFields, type Kind } from './collection.ts'
import { findBy, type Neutron, type NeutronNetwork } from './neutron.ts'

/** Neutron's statuses of networks, routers and ports (`neutron_lib/constants.py`). */
const statuses: Readonly<Record<string, NetworkState>> = {
  ACTIVE: 'available', BUILD: 'pending', ALLOCATING: 'pending', DOWN: 'down', ERROR: 'error', PENDING_DELETE: 'deleting'
}

export const networkState = (status: string | null | undefined): NetworkState =>
  statuses[status?.toUpperCase() ?? ''] ?? 'unknown'

/** Converts a network of Neutron. `cidrs` are the address blocks of its subnets. */
export const toNetwork = (raw: NeutronNetwork, cidrs: string[], identity: Identity, extra: boolean): Network => ({
  ...toCommonFields(raw, identity),
  state: networkState(raw.status),
  cidrs,
  is_external: raw['router:external'] ?? null,
  shared: raw.shared ?? null,
  mtu: raw.mtu ?? null,
  subnet_ids: raw.subnets ?? [],
  extra: extra ? { ...raw } : undefined
})

export const networkCapabilities = describe<NetworkService>({
  list: { filters: ['name', 'tag', 'is_external'], limits: { limit: 1000 } },
  create: { parameters: ['name', 'mtu', 'tags'], limits: { tag_characters: 255 } },
  update: { parameters: ['name', 'tags'] }
})

/** Networks of Neutron, with the address blocks of their subnets, which take one more call for a page. */
export function createNetworks (neutron: Neutron, identify: (id: string) => Identity): NetworkService {
  const readCidrs = async (ids: readonly string[], call: Call) => {
    const cidrs = new Map<string, string[]>()
    const query = { fields: ['id', 'network_id', 'cidr'] }
    for (const { network_id: network, cidr } of await findBy(neutron.subnets, 'network_id', ids, query, call)) {
      cidrs.set(network, [...cidrs.get(network) ?? [], cidr])
    }
    return cidrs
  }

  const kind: Kind<NeutronNetwork, Network, NetworkCreate> = {
    objects: neutron.networks,
    tags: neutron.tags,
    path: 'networks',
    fields: [{ pattern: /MTU/, pointer: '/mtu' }],
    async toResources (raws, extra, call) {
      const withSubnets = raws.filter(({ subnets = [] }) => subnets.length > 0)
      const cidrs = await readCidrs(withSubnets.map(({ id }) => id), call)
      return raws.map((raw) => toNetwork(raw, cidrs.get(raw.id) ?? [], identify(raw.id), extra))
    },
    toQuery: ({ is_external: external }) => external?.length === 1 ? { 'router:external': external[0] } : {},
    toBody: ({ name, mtu }) => ({ name, mtu })
  }
  const collection = createCollection(kind)
  return { ...collection, update: createUpdate<Network, NetworkUpdate>(kind, collection.get, (patch) => patch) }
}
