import { ProblemError, type FloatingIp, type FloatingIpPool } from '../../../openapi/model/index.ts'
import type { Context, FloatingIpService, ReadService } from '../../driver.ts'
import { createReads } from '../page.ts'
import { checkQuotas } from '../quota.ts'
import { newRecord } from '../record.ts'
import { commonOf, createReadsOf, newId } from '../records.ts'
import { must } from '../refusal.ts'
import type { Settings } from '../settings.ts'
import type { State } from '../state.ts'
import type { Store } from '../store.ts'
import { freeAddress, poolSize } from './addresses.ts'
import { associate, disassociate } from './association.ts'
import type { StoredFloatingIp, StoredNetwork } from './stored.ts'

const poolsOf = ({ networks }: Store) => networks.entries.map(({ data }) => data).filter(({ external }) => external)

/** A free address of the pool. Those of nodes begin at one end, these in the middle. Throws provider_capacity. */
function addressFrom (store: Store, pool: StoredNetwork, place: number) {
  for (const { id } of pool.subnets) {
    const subnet = store.subnets.find(id)!.data
    const address = freeAddress(subnet, poolSize(subnet) / 2n + BigInt(place), (one) => store.taken.has(id, one))
    if (address !== undefined) return { subnet_id: id, address }
  }
  throw new ProblemError('provider_capacity', `The pool ${pool.id} has no free address`)
}

/** Networks that lead outside are the pools of floating IPs. */
export function createPools ({ location, page_size: pageSize }: Settings, { open }: State, context: Context): ReadService<FloatingIpPool> {
  const reads = async () => createReads(poolsOf(await open()).map((data): FloatingIpPool => ({
    ...commonOf(context, 'floating_ip_pools', location, data), state: 'available', provider_state: 'ACTIVE'
  })), 'pool', pageSize)
  return {
    list: async (query, call) => (await reads()).list(query, call),
    get: async (id, options, call) => (await reads()).get(id, options, call)
  }
}

/** Floating IPs: each stands for the address of one NIC, or of none. */
export function createFloatingIps ({ location, page_size: pageSize, quotas }: Settings, state: State, context: Context): FloatingIpService {
  const { open, save } = state
  const { view, find, reads } = createReadsOf(state, 'floating IP', (store) => store.floating_ips, pageSize, (data: StoredFloatingIp): FloatingIp => ({
    ...commonOf(context, 'floating_ips', location, data),
    state: data.nic_id === null ? 'available' : 'associated',
    provider_state: data.nic_id === null ? 'DOWN' : 'ACTIVE',
    address: data.address,
    version: 4,
    pool: data.network_id,
    node_id: data.node_id,
    nic_id: data.nic_id,
    fixed_address: data.fixed_address
  }))

  return {
    ...reads,
    async create ({ pool: wanted, tags = {} }) {
      const store = await open()
      const pools = poolsOf(store)
      const pool = wanted === undefined ? pools[0] : pools.find(({ id }) => id === wanted)
      must(pool !== undefined, '/pool', `must be the id of a pool of this cloud: ${pools.map(({ id }) => id).join(', ')}`)
      checkQuotas(quotas, store, { floating_ips: 1 })
      const { floating_ips: ips } = store
      const seq = ips.newSeq()
      const entry = ips.add({
        ...newRecord(seq, newId(ips, 'fip')),
        tags: { ...tags },
        network_id: pool.id,
        ...addressFrom(store, pool, seq),
        node_id: null,
        nic_id: null,
        fixed_address: null
      })
      await save()
      return view(entry)
    },
    async destroy (id) {
      const store = await open()
      const entry = find(store, id)
      disassociate(store, entry)
      store.floating_ips.remove(entry)
      await save()
    },
    async associate (id, input) {
      const store = await open()
      const entry = find(store, id)
      associate(store, entry, input)
      await save()
      return view(entry)
    },
    async disassociate (id) {
      const store = await open()
      const entry = find(store, id)
      disassociate(store, entry)
      await save()
      return view(entry)
    }
  }
}
