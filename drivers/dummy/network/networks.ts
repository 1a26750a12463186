import type { Network } from '../../../openapi/model/index.ts'
import type { Context, NetworkService } from '../../driver.ts'
import { checkQuotas } from '../quota.ts'
import { newRecord } from '../record.ts'
import { commonOf, createReadsOf, newId } from '../records.ts'
import type { Settings } from '../settings.ts'
import type { State } from '../state.ts'
import { mergeTags } from '../tags.ts'
import type { StoredNetwork } from './stored.ts'
import { assertOwn, assertUnused } from './uses.ts'

/** Networks. One goes with its subnets, unless something is in them. */
export function createNetworks ({ location, page_size: pageSize, quotas }: Settings, state: State, context: Context): NetworkService {
  const { open, save } = state
  const { view, find, reads } = createReadsOf(state, 'network', (store) => store.networks, pageSize, (data: StoredNetwork): Network => ({
    ...commonOf(context, 'networks', location, data),
    state: 'available',
    provider_state: 'ACTIVE',
    cidrs: data.subnets.map(({ cidr }) => cidr),
    is_external: data.external,
    shared: data.external,
    mtu: data.mtu,
    subnet_ids: data.subnets.map(({ id }) => id)
  }))

  return {
    ...reads,
    async create ({ name, mtu = 1500, tags = {} }) {
      const store = await open()
      checkQuotas(quotas, store, { networks: 1 })
      const { networks } = store
      const record = newRecord(networks.newSeq(), newId(networks, 'net'))
      const entry = networks.add({ ...record, name, tags: { ...tags }, external: false, mtu, subnets: [] })
      await save()
      return view(entry)
    },
    async update (id, { name, tags }) {
      const store = await open()
      const entry = find(store, id)
      assertOwn(entry.data)
      store.networks.set(entry, { name: name ?? entry.data.name, tags: mergeTags(entry.data.tags, tags) })
      await save()
      return view(entry)
    },
    async destroy (id) {
      const store = await open()
      const entry = find(store, id)
      assertOwn(entry.data)
      const subnets = entry.data.subnets.flatMap((subnet) => store.subnets.find(subnet.id) ?? [])
      for (const { data } of subnets) assertUnused(store, data)
      for (const subnet of subnets) store.subnets.remove(subnet)
      store.networks.remove(entry)
      await save()
    }
  }
}
