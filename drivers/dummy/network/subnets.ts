import { ProblemError, type Subnet, type SubnetCreate } from '../../../openapi/model/index.ts'
import type { Context, SubnetService } from '../../driver.ts'
import { newRecord } from '../record.ts'
import { commonOf, createReadsOf, newId } from '../records.ts'
import { must } from '../refusal.ts'
import type { Settings } from '../settings.ts'
import type { State } from '../state.ts'
import type { Store } from '../store.ts'
import { mergeTags } from '../tags.ts'
import { formatBlock, formatIp, hostsOf, isInside, overlap, parseBlock, parseIp, type Block } from './ip.ts'
import type { StoredNetwork, StoredSubnet } from './stored.ts'
import { assertOwn, assertUnused, routerOf } from './uses.ts'

/** The block of a new subnet of this network. Throws validation_failed. */
function blockFor ({ subnets }: StoredNetwork, cidr: string): Block {
  const block = parseBlock(cidr)
  must(block !== undefined, '/cidr', 'must be a block of addresses, such as 10.0.0.0/24')
  must(block.prefix > 0, '/cidr', 'must not be all addresses')
  const [address = ''] = cidr.split('/')
  must(parseIp(address)?.value === block.first, '/cidr', `must not have bits set behind its prefix: ${formatBlock(block)} has none`)
  const other = subnets.find((subnet) => overlap(parseBlock(subnet.cidr)!, block))
  must(other === undefined, '/cidr', `must not overlap ${other?.cidr}, which is subnet ${other?.id} of this network`)
  return block
}

/** A gateway in its one form; the first address where none is named. Throws validation_failed. */
function gatewayFor (block: Block, wanted: string | null | undefined) {
  const hosts = hostsOf(block)
  if (wanted === undefined) return formatIp({ version: block.version, value: hosts.first })
  if (wanted === null) return null
  const ip = parseIp(wanted)
  must(ip !== undefined && isInside(ip, hosts), '/gateway_ip', `must be an address inside ${formatBlock(block)}`)
  return formatIp(ip)
}

const servers = (list: readonly string[] = []) => list.map((address, i) => {
  const ip = parseIp(address)
  must(ip !== undefined, `/dns_servers/${i}`, 'must be an address')
  return formatIp(ip)
})

/** Throws where the gateway cannot become another: a router has the present one, or somebody the new one. */
function assertGatewayFree (store: Store, { id, gateway_ip: present }: StoredSubnet, next: string | null) {
  if (next === present) return
  const router = routerOf(store, id)
  if (router !== undefined) throw new ProblemError('in_use', `The gateway of subnet ${id} is the router ${router.id}`)
  must(next === null || !store.taken.has(id, next), '/gateway_ip', 'must be free: somebody has this address')
}

/** Subnets, which are in networks: none overlaps another of its network. */
export function createSubnets ({ location, page_size: pageSize }: Settings, state: State, context: Context): SubnetService {
  const { open, save } = state
  const { view, find, reads } = createReadsOf(state, 'subnet', (store) => store.subnets, pageSize, (data: StoredSubnet): Subnet => ({
    ...commonOf(context, 'subnets', location, data),
    state: 'available',
    network_id: data.network_id,
    cidr: data.cidr,
    ip_version: data.cidr.includes(':') ? 6 : 4,
    gateway_ip: data.gateway_ip,
    dns_servers: data.dns_servers,
    availability_zone: null
  }))
  const networkOf = (store: Store, { network_id: id }: StoredSubnet) => store.networks.find(id)!

  const make = (store: Store, { name, network_id: networkId, cidr, gateway_ip: gateway, dns_servers: dns, tags }: SubnetCreate) => {
    const network = store.networks.find(networkId)
    must(network !== undefined, '/network_id', 'must be the id of a network of this cloud')
    assertOwn(network.data)
    const block = blockFor(network.data, cidr)
    const fields = {
      name: name ?? null,
      tags: { ...tags },
      network_id: networkId,
      cidr: formatBlock(block),
      gateway_ip: gatewayFor(block, gateway),
      dns_servers: servers(dns)
    }
    const entry = store.subnets.add({ ...newRecord(store.subnets.newSeq(), newId(store.subnets, 'subnet')), ...fields })
    store.networks.set(network, { subnets: [...network.data.subnets, { id: entry.data.id, cidr: fields.cidr }] })
    return entry
  }

  return {
    ...reads,
    async create (input) {
      const entry = make(await open(), input)
      await save()
      return view(entry)
    },
    async update (id, { name, tags, dns_servers: dns, gateway_ip: wanted }) {
      const store = await open()
      const entry = find(store, id)
      const { data } = entry
      assertOwn(networkOf(store, data).data)
      const gateway = wanted === undefined ? data.gateway_ip : gatewayFor(parseBlock(data.cidr)!, wanted)
      assertGatewayFree(store, data, gateway)
      store.subnets.set(entry, {
        name: name ?? data.name,
        tags: mergeTags(data.tags, tags),
        dns_servers: dns === undefined ? data.dns_servers : servers(dns),
        gateway_ip: gateway
      })
      await save()
      return view(entry)
    },
    async destroy (id) {
      const store = await open()
      const entry = find(store, id)
      const network = networkOf(store, entry.data)
      assertOwn(network.data)
      assertUnused(store, entry.data)
      store.subnets.remove(entry)
      store.networks.set(network, { subnets: network.data.subnets.filter((subnet) => subnet.id !== id) })
      await save()
    }
  }
}
