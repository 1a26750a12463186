import { ProblemError, type Network, type Subnet } from '../../../openapi/model/index.ts'
import { describe, type NetworkService, type SubnetService } from '../../driver.ts'
import {
  assertField,
  checkQuotas,
  commonFieldsOf,
  createRepository,
  findReferenced,
  formatBlock,
  formatIp,
  hostsOf,
  isInside,
  isOverlapping,
  mergeLabels,
  parseBlock,
  parseIp,
  tagLimits,
  type Block,
  type Engine,
  type NetworkRecord,
  type Store,
  type SubnetRecord
} from '../engine/index.ts'

export const networkCapabilities = describe<NetworkService>({
  create: { parameters: ['name', 'mtu', 'tags'], limits: tagLimits },
  update: { parameters: ['name', 'tags'], limits: tagLimits }
})

export const subnetCapabilities = describe<SubnetService>({
  create: {
    parameters: ['name', 'network_id', 'cidr', 'gateway_ip', 'dns_servers', 'tags'],
    limits: tagLimits
  },
  update: { parameters: ['name', 'gateway_ip', 'dns_servers', 'tags'], limits: tagLimits }
})

/** Throws provider_permission_denied for an external network, which all accounts share. */
function assertOwned ({ id, external }: NetworkRecord) {
  if (!external) return
  throw new ProblemError(
    'provider_permission_denied',
    `Network ${id} is external and belongs to the cloud, not to this account`
  )
}

export const routerOf = ({ routers }: Store, subnetId: string) =>
  routers.entries.find(({ data }) => data.subnet_ids.includes(subnetId))?.data

/** Throws in_use if addresses of the subnet are used, or a router is connected to it. */
function assertUnused (store: Store, { id }: SubnetRecord) {
  const used = store.usedAddresses.count(id)
  if (used > 0) {
    throw new ProblemError('in_use', `Subnet ${id} is in use: ${used} of its addresses are taken`)
  }
  const router = routerOf(store, id)
  if (router !== undefined) {
    throw new ProblemError('in_use', `Subnet ${id} is connected to the router ${router.id}`)
  }
}

/** A network is destroyed with its subnets, unless they are in use. */
export function createNetworks (engine: Engine): NetworkService {
  const { reads, create, update, remove } = createRepository(
    engine,
    'network',
    ({ networks }) => networks,
    (data): Network => ({
      ...commonFieldsOf(engine, 'networks', data),
      state: 'available',
      provider_state: 'ACTIVE',
      cidrs: data.subnets.map(({ cidr }) => cidr),
      is_external: data.external,
      shared: data.external,
      mtu: data.mtu,
      subnet_ids: data.subnets.map(({ id }) => id)
    })
  )

  return {
    ...reads,
    create: ({ name, mtu = 1500, tags }) =>
      create((store) => {
        checkQuotas(engine.settings.quotas, store, { networks: 1 })
        const record = store.networks.newRecord('net')
        return { ...record, name, tags: { ...tags }, external: false, mtu, subnets: [] }
      }),
    update: (id, patch) =>
      update(id, (network) => {
        assertOwned(network)
        return mergeLabels(network, patch)
      }),
    destroy: (id) =>
      remove(id, (network, store) => {
        assertOwned(network)
        const subnets = network.subnets.flatMap((subnet) => store.subnets.find(subnet.id) ?? [])
        for (const { data } of subnets) assertUnused(store, data)
        for (const subnet of subnets) store.subnets.remove(subnet)
      })
  }
}

/** Throws validation_failed if one of the subnets overlaps the block. */
export function assertNotOverlapping (
  subnets: ReadonlyArray<{ id: string, cidr: string }>,
  block: Block,
  pointer: string,
  owner: string
) {
  const other = subnets.find(({ cidr }) => isOverlapping(parseBlock(cidr)!, block))
  const message = `must not overlap ${other?.cidr}, which is subnet ${other?.id} of this ${owner}`
  assertField(other === undefined, pointer, message)
}

function parseSubnetBlock ({ subnets }: NetworkRecord, cidr: string): Block {
  const block = parseBlock(cidr)
  assertField(block !== undefined, '/cidr', 'must be a block of addresses, such as 10.0.0.0/24')
  assertField(block.prefix > 0, '/cidr', 'must not be all addresses')
  const [address = ''] = cidr.split('/')
  const hasHostBits = parseIp(address)?.value !== block.first
  assertField(
    !hasHostBits,
    '/cidr',
    `must not have bits set behind its prefix: use ${formatBlock(block)}`
  )
  assertNotOverlapping(subnets, block, '/cidr', 'network')
  return block
}

/** The default gateway is the first address of the block. */
function parseGateway (block: Block, gateway: string | null | undefined) {
  const hosts = hostsOf(block)
  if (gateway === undefined) return formatIp({ version: block.version, value: hosts.first })
  if (gateway === null) return null
  const ip = parseIp(gateway)
  const isHost = ip !== undefined && isInside(ip, hosts)
  assertField(isHost, '/gateway_ip', `must be an address inside ${formatBlock(block)}`)
  return formatIp(ip!)
}

const parseServers = (addresses: readonly string[]) =>
  addresses.map((address, i) => {
    const ip = parseIp(address)
    assertField(ip !== undefined, `/dns_servers/${i}`, 'must be an address')
    return formatIp(ip)
  })

/** Throws if a router has the present gateway address, or a NIC has the new one. */
function assertGatewayChange (
  store: Store,
  { id, gateway_ip: present }: SubnetRecord,
  gateway: string | null
) {
  if (gateway === present) return
  const router = routerOf(store, id)
  if (router !== undefined) {
    throw new ProblemError('in_use', `The gateway of subnet ${id} is the router ${router.id}`)
  }
  const isFree = gateway === null || !store.usedAddresses.has(id, gateway)
  assertField(isFree, '/gateway_ip', 'must be free: this address is in use')
}

export function createSubnets (engine: Engine): SubnetService {
  const { reads, create, update, remove } = createRepository(
    engine,
    'subnet',
    ({ subnets }) => subnets,
    (data): Subnet => ({
      ...commonFieldsOf(engine, 'subnets', data),
      state: 'available',
      network_id: data.network_id,
      cidr: data.cidr,
      ip_version: data.cidr.includes(':') ? 6 : 4,
      gateway_ip: data.gateway_ip,
      dns_servers: data.dns_servers,
      availability_zone: null
    })
  )

  const ownedNetworkOf = ({ networks }: Store, { network_id: id }: SubnetRecord) => {
    const network = networks.find(id)!
    assertOwned(network.data)
    return network
  }

  return {
    ...reads,
    create: (input) =>
      create(({ networks, subnets }) => {
        const network = findReferenced(networks, input.network_id, '/network_id', 'a network')
        assertOwned(network.data)
        const block = parseSubnetBlock(network.data, input.cidr)
        const fields = {
          name: input.name ?? null,
          tags: { ...input.tags },
          network_id: input.network_id,
          cidr: formatBlock(block),
          gateway_ip: parseGateway(block, input.gateway_ip),
          dns_servers: parseServers(input.dns_servers ?? [])
        }
        const subnet = { ...subnets.newRecord('subnet'), ...fields }
        networks.set(network, {
          subnets: [...network.data.subnets, { id: subnet.id, cidr: subnet.cidr }]
        })
        return subnet
      }),
    update: (id, patch) =>
      update(id, (subnet, store) => {
        ownedNetworkOf(store, subnet)
        const { gateway_ip: present, dns_servers: servers, cidr } = subnet
        const gateway = patch.gateway_ip === undefined
          ? present
          : parseGateway(parseBlock(cidr)!, patch.gateway_ip)
        assertGatewayChange(store, subnet, gateway)
        return {
          ...mergeLabels(subnet, patch),
          dns_servers: patch.dns_servers === undefined ? servers : parseServers(patch.dns_servers),
          gateway_ip: gateway
        }
      }),
    destroy: (id) =>
      remove(id, (subnet, store) => {
        const network = ownedNetworkOf(store, subnet)
        assertUnused(store, subnet)
        store.networks.set(network, {
          subnets: network.data.subnets.filter((one) => one.id !== id)
        })
      })
  }
}
