import type { Network, NetworkCreate, NetworkState } from '../../../openapi/model/index.ts'
import type { Call } from '../../call.ts'
import type { Filters, Identity, NetworkService } from '../../driver.ts'
import type { Neutron, NeutronObject } from './neutron.ts'
import { common, createCollection, createUpdate } from './collection.ts'
import { resources } from '../client/resources.ts'
import type { NeutronSubnet } from './subnets.ts'

/** A network as Neutron tells it. */
export interface NeutronNetwork extends NeutronObject {
  subnets?: string[]
  mtu?: number | null
  shared?: boolean
  'router:external'?: boolean
}

/** Neutron's statuses of networks, routers and ports (`neutron_lib/constants.py`). */
const statuses: Readonly<Record<string, NetworkState>> = {
  ACTIVE: 'available', BUILD: 'pending', ALLOCATING: 'pending', DOWN: 'down', ERROR: 'error', PENDING_DELETE: 'deleting'
}

export const networkState = (status: string | null | undefined): NetworkState => statuses[status?.toUpperCase() ?? ''] ?? 'unknown'

/** A network and the blocks of its subnets as a network. */
export const toNetwork = (raw: NeutronNetwork, cidrs: string[], identity: Identity, extra: boolean): Network => ({
  ...common(raw, identity),
  state: networkState(raw.status),
  cidrs,
  is_external: raw['router:external'] ?? null,
  shared: raw.shared ?? null,
  mtu: raw.mtu ?? null,
  subnet_ids: raw.subnets ?? [],
  ...(extra ? { extra: { ...raw } } : {})
})

/** Networks of Neutron, with the blocks of all their subnets: one more call for a page. */
export function createNetworks (neutron: Neutron, identify: (id: string) => Identity): NetworkService {
  const { network: resource, subnet } = resources

  const readCidrs = async (ids: readonly string[], call: Call) => {
    const cidrs = new Map<string, string[]>()
    const subnets = await neutron.allOf<NeutronSubnet>(subnet, 'network_id', ids, { fields: ['id', 'network_id', 'cidr'] }, call)
    for (const { network_id: network, cidr } of subnets) cidrs.set(network, [...cidrs.get(network) ?? [], cidr])
    return cidrs
  }

  const fields = [{ pattern: /MTU/, pointer: '/mtu' }]
  const kind = {
    neutron,
    resource,
    path: 'networks',
    identify,
    fields,
    async map (raws: readonly NeutronNetwork[], extra: boolean, call: Call) {
      const cidrs = await readCidrs(raws.filter(({ subnets = [] }) => subnets.length > 0).map(({ id }) => id), call)
      return raws.map((raw) => toNetwork(raw, cidrs.get(raw.id) ?? [], identify(raw.id), extra))
    },
    async filter ({ is_external: external }: Filters) {
      return external?.length === 1
        ? { query: { 'router:external': external[0] }, applied: ['is_external'] }
        : { query: {}, applied: [] }
    },
    body: ({ name, mtu }: NetworkCreate) => ({ name, ...(mtu === undefined ? {} : { mtu }) })
  }
  const collection = createCollection(kind)
  return { ...collection, update: createUpdate({ ...kind, get: collection.get, body: (patch) => patch }) }
}
