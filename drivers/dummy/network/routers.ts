import { ProblemError, type Router } from '../../../openapi/model/index.ts'
import type { Context, RouterService } from '../../driver.ts'
import { newRecord } from '../record.ts'
import { commonOf, createReadsOf, newId } from '../records.ts'
import { must } from '../refusal.ts'
import type { Settings } from '../settings.ts'
import type { State } from '../state.ts'
import type { Store } from '../store.ts'
import { mergeTags } from '../tags.ts'
import { overlap, parseBlock } from './ip.ts'
import type { StoredRouter } from './stored.ts'
import { routerOf } from './uses.ts'

/** The network of a gateway; null where there is to be none. Throws validation_failed where it does not lead outside. */
function gatewayFor ({ networks }: Store, wanted: { network_id: string } | null) {
  if (wanted === null) return null
  const network = networks.find(wanted.network_id)?.data
  must(network !== undefined, '/external_gateway/network_id', 'must be the id of a network of this cloud')
  must(network.external, '/external_gateway/network_id', 'must be a network that leads outside')
  return network.id
}

/** Throws where this router cannot connect this subnet. */
function assertConnectable (store: Store, router: StoredRouter, subnetId: string) {
  const subnet = store.subnets.find(subnetId)?.data
  must(subnet !== undefined, '/subnet_id', 'must be the id of a subnet of this cloud')
  if (router.subnet_ids.includes(subnetId)) throw new ProblemError('already_exists', `Router ${router.id} connects the subnet ${subnetId} already`)
  const other = routerOf(store, subnetId)?.id
  if (other !== undefined) throw new ProblemError('in_use', `Subnet ${subnetId} is connected to the router ${other} already`)
  must(subnet.gateway_ip !== null, '/subnet_id', 'must be a subnet with a gateway_ip, which the router takes')
  const block = parseBlock(subnet.cidr)!
  const like = router.subnet_ids.flatMap((id) => store.subnets.find(id)?.data ?? []).find(({ cidr }) => overlap(parseBlock(cidr)!, block))
  must(like === undefined, '/subnet_id', `must not overlap ${like?.cidr}, which is subnet ${like?.id} of this router`)
}

/** Routers: each connects subnets with each other, and through its gateway with the outside. */
export function createRouters ({ location, page_size: pageSize }: Settings, state: State, context: Context): RouterService {
  const { open, save } = state
  const { view, find, reads } = createReadsOf(state, 'router', (store) => store.routers, pageSize, (data: StoredRouter): Router => ({
    ...commonOf(context, 'routers', location, data),
    state: 'available',
    provider_state: 'ACTIVE',
    network_id: null,
    external_gateway: data.external_network_id === null ? null : { network_id: data.external_network_id },
    interfaces: data.subnet_ids.map((id) => ({ subnet_id: id }))
  }))

  return {
    ...reads,
    async create ({ name, external_gateway: gateway = null, tags = {} }) {
      const store = await open()
      const external = gatewayFor(store, gateway)
      const record = newRecord(store.routers.newSeq(), newId(store.routers, 'router'))
      const entry = store.routers.add({ ...record, name, tags: { ...tags }, external_network_id: external, subnet_ids: [] })
      await save()
      return view(entry)
    },
    async update (id, { name, external_gateway: gateway, tags }) {
      const store = await open()
      const entry = find(store, id)
      store.routers.set(entry, {
        name: name ?? entry.data.name,
        tags: mergeTags(entry.data.tags, tags),
        external_network_id: gateway === undefined ? entry.data.external_network_id : gatewayFor(store, gateway)
      })
      await save()
      return view(entry)
    },
    async destroy (id) {
      const store = await open()
      const entry = find(store, id)
      const { subnet_ids: subnets } = entry.data
      if (subnets.length > 0) throw new ProblemError('in_use', `Router ${id} connects ${subnets.join(', ')}`)
      store.routers.remove(entry)
      await save()
    },
    async add_interface (id, { subnet_id: subnetId }) {
      const store = await open()
      const entry = find(store, id)
      assertConnectable(store, entry.data, subnetId)
      store.routers.set(entry, { subnet_ids: [...entry.data.subnet_ids, subnetId] })
      await save()
      return view(entry)
    },
    async remove_interface (id, { subnet_id: subnetId }) {
      const store = await open()
      const entry = find(store, id)
      const { subnet_ids: subnets } = entry.data
      if (!subnets.includes(subnetId)) throw new ProblemError('resource_not_found', `Router ${id} does not connect the subnet ${subnetId}`)
      store.routers.set(entry, { subnet_ids: subnets.filter((one) => one !== subnetId) })
      await save()
      return view(entry)
    }
  }
}
