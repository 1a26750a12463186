import {
  ProblemError,
  type FloatingIp,
  type FloatingIpAssociate,
  type FloatingIpPool
} from '../../../openapi/model/index.ts'
import { describe, type FloatingIpService, type ReadService } from '../../driver.ts'
import {
  assertField,
  checkQuotas,
  commonFieldsOf,
  createRepository,
  createStaticService,
  fieldError,
  findFreeAddress,
  findReferenced,
  mustBeIdOf,
  poolSize,
  publicNetwork,
  tagLimits,
  type Engine,
  type Entry,
  type FloatingIpRecord,
  type NetworkRecord,
  type NicRecord,
  type NodeEntry,
  type NodeRecord,
  type Store
} from '../engine/index.ts'
import { nodeOfNic, normalizeIp } from './nics.ts'

export const floatingIpCapabilities = describe<FloatingIpService>({
  create: { parameters: ['pool', 'tags'], limits: tagLimits },
  associate: { parameters: ['node_id', 'nic_id', 'fixed_address'] }
})

const unassociated = { node_id: null, nic_id: null, fixed_address: null }

function setFloatingIp (
  { nodes }: Store,
  node: NodeEntry,
  nicId: string,
  floating: NicRecord['floating']
) {
  nodes.set(node, {
    nics: node.data.nics.map((nic) => nic.id === nicId ? { ...nic, floating } : nic)
  })
}

function disassociate (store: Store, entry: Entry<FloatingIpRecord>) {
  const { node_id: nodeId, nic_id: nicId } = entry.data
  if (nodeId === null || nicId === null) return
  const node = store.nodes.find(nodeId)
  if (node !== undefined) setFloatingIp(store, node, nicId, null)
  store.floating_ips.set(entry, unassociated)
}

/** Releases the floating IPs of removed NICs. */
export function releaseFloatingIps (store: Store, { nics }: { nics: readonly NicRecord[] }) {
  for (const { floating } of nics) {
    const entry = store.floating_ips.find(floating?.id ?? '')
    if (entry !== undefined) store.floating_ips.set(entry, unassociated)
  }
}

/** Only a NIC with an IPv4 address in a network that is not external can have a floating IP. */
const isEligible = ({ network_id: networkId, address }: NicRecord) =>
  networkId !== publicNetwork && !address.includes(':')

const formatNics = (nics: readonly NicRecord[]) =>
  nics.map(({ id, address, network_id: network }) => `${id} (${address} in ${network})`).join(', ')

/** Returns the only eligible NIC of the node. Otherwise the error lists the NICs. */
function chooseNic (
  { id, nics }: NodeRecord,
  ipId: string,
  fixedAddress: string | undefined
): NicRecord {
  const eligible = nics.filter(
    (nic) => isEligible(nic) && (fixedAddress ?? nic.address) === nic.address
  )
  const free = eligible.filter(({ floating }) => floating === null || floating.id === ipId)
  assertField(
    free.length <= 1,
    '/nic_id',
    `must name one of the NICs of ${id}: ${formatNics(free)}`
  )
  const [nic] = free
  if (nic !== undefined) return nic
  if (eligible.length > 0) {
    throw new ProblemError(
      'in_use',
      `Each eligible NIC of ${id} has a floating IP: ${formatNics(eligible)}`
    )
  }
  const address = fixedAddress ?? 'a private IPv4 address'
  const message = `must have a NIC with ${address}; it has: ${formatNics(nics) || 'none'}`
  throw new ProblemError('validation_failed', `No NIC of ${id} can have a floating IP`, {
    errors: [fieldError('/node_id', message)]
  })
}

/** Returns the node and NIC of a request. Throws in_use if the NIC has another floating IP. */
function findTarget (store: Store, ipId: string, input: FloatingIpAssociate) {
  const { node_id: nodeId, nic_id: nicId, fixed_address: fixed } = input
  const fixedAddress = fixed === undefined ? undefined : normalizeIp(fixed)
  const named = nodeId === undefined
    ? undefined
    : findReferenced(store.nodes, nodeId, '/node_id', 'a node')
  if (nicId === undefined) return { node: named!, nic: chooseNic(named!.data, ipId, fixedAddress) }

  const node = nodeOfNic(store, nicId)
  assertField(node !== undefined, '/nic_id', mustBeIdOf('a NIC'))
  assertField((named ?? node) === node, '/nic_id', `must be a NIC of the node ${nodeId}`)
  const nic = node.data.nics.find(({ id }) => id === nicId)!
  const { address, network_id: networkId, floating } = nic
  const present = `${address} in ${networkId}`
  assertField(isEligible(nic), '/nic_id', `must have a private IPv4 address; it has ${present}`)
  const hasAddress = (fixedAddress ?? address) === address
  assertField(hasAddress, '/fixed_address', `must be the address of this NIC, which is ${address}`)
  if (floating === null || floating.id === ipId) return { node, nic }
  throw new ProblemError('in_use', `NIC ${nicId} has the floating IP ${floating.address} already`)
}

/** Associates a floating IP with a NIC, and removes it from the NIC before. */
function associate (store: Store, entry: Entry<FloatingIpRecord>, input: FloatingIpAssociate) {
  const { id, address } = entry.data
  const { node, nic } = findTarget(store, id, input)
  if (entry.data.nic_id === nic.id) return
  disassociate(store, entry)
  setFloatingIp(store, node, nic.id, { id, address })
  store.floating_ips.set(entry, {
    node_id: node.data.id,
    nic_id: nic.id,
    fixed_address: nic.address
  })
}

/** External networks are the pools of floating IPs. */
const poolsOf = ({ networks }: Store) =>
  networks.entries.map(({ data }) => data).filter(({ external }) => external)

/** Chooses an address of a pool, from its middle on; nodes get addresses from its beginning on. */
function chooseAddress ({ subnets, usedAddresses }: Store, pool: NetworkRecord, position: number) {
  for (const { id } of pool.subnets) {
    const subnet = subnets.find(id)!.data
    const start = poolSize(subnet) / 2n + BigInt(position)
    const address = findFreeAddress(subnet, start, (one) => usedAddresses.has(id, one))
    if (address !== undefined) return { subnet_id: id, address }
  }
  throw new ProblemError('provider_capacity', `The pool ${pool.id} has no free address`)
}

export function createFloatingIpPools (engine: Engine): ReadService<FloatingIpPool> {
  const readPools = async () => {
    const pools = poolsOf(await engine.open()).map((data): FloatingIpPool => ({
      ...commonFieldsOf(engine, 'floating_ip_pools', data),
      state: 'available',
      provider_state: 'ACTIVE'
    }))
    return createStaticService(pools, 'pool', engine.settings.page_size)
  }
  return {
    list: async (query, call) => (await readPools()).list(query, call),
    get: async (id, options, call) => (await readPools()).get(id, options, call)
  }
}

export function createFloatingIps (engine: Engine): FloatingIpService {
  const { reads, create, update, remove } = createRepository(
    engine,
    'floating IP',
    (store) => store.floating_ips,
    (data): FloatingIp => ({
      ...commonFieldsOf(engine, 'floating_ips', data),
      state: data.nic_id === null ? 'available' : 'associated',
      provider_state: data.nic_id === null ? 'DOWN' : 'ACTIVE',
      address: data.address,
      version: 4,
      pool: data.network_id,
      node_id: data.node_id,
      nic_id: data.nic_id,
      fixed_address: data.fixed_address
    })
  )

  return {
    ...reads,
    create: ({ pool: poolId, tags }) =>
      create((store) => {
        const pools = poolsOf(store)
        const pool = pools.find(({ id }) => (poolId ?? id) === id)
        const ids = pools.map(({ id }) => id).join(', ')
        assertField(pool !== undefined, '/pool', `must be the id of a pool of this cloud: ${ids}`)
        checkQuotas(engine.settings.quotas, store, { floating_ips: 1 })
        const record = store.floating_ips.newRecord('fip')
        return {
          ...record,
          tags: { ...tags },
          network_id: pool.id,
          ...chooseAddress(store, pool, record.seq),
          ...unassociated
        }
      }),
    destroy: (id) => remove(id, (_, store, entry) => disassociate(store, entry)),
    associate: (id, input) => update(id, (_, store, entry) => associate(store, entry, input)),
    disassociate: (id) => update(id, (_, store, entry) => disassociate(store, entry))
  }
}
