import { generateKeyPairSync } from 'node:crypto'
import type { Context } from '../context.ts'
import type { Case } from './case.ts'
import { reading } from './reading.ts'

/** Whether the cloud honours a field of a request. */
const takes = ({ takes }: Context, capability: string, field: string) => takes(capability, field)

/** A public key that no cloud has, in the form of OpenSSH (RFC 4253, section 6.6; RFC 8709). */
function newPublicKey () {
  const { x } = generateKeyPairSync('ed25519').publicKey.export({ format: 'jwk' })
  const parts = [Buffer.from('ssh-ed25519'), Buffer.from(x!, 'base64url')]
  const lengths = parts.map(({ length }) => Buffer.from([0, 0, 0, length]))
  return `ssh-ed25519 ${Buffer.concat(parts.flatMap((part, i) => [lengths[i]!, part])).toString('base64')} test`
}

/** The fields of a key pair: with a public key, where the cloud makes none. */
const keyPair = ({ name, capabilities }: Context) => ({
  name: name('key'),
  ...capabilities['key_pairs.create']?.required.includes('public_key') === true ? { public_key: newPublicKey() } : {}
})

/** The block that networks need on this cloud; undefined where only subnets have blocks. */
const needed = ({ needs }: Context) => (needs?.['networks'] as { cidr?: string } | undefined)?.cidr

let blocks = 0
/** A block of addresses that no other test uses, inside of that which networks need. */
const block = (context: Context) => {
  const within = needed(context)?.split('.').slice(0, 2).join('.') ?? `10.${100 + Math.floor((blocks + 1) / 250)}`
  return `${within}.${++blocks % 250}.0/24`
}

const network = ({ make, name }: Context, fields: object = {}) => make('networks', { name: name('network'), ...fields })

async function subnet (context: Context, fields: object = {}) {
  const { id } = await network(context)
  const name = takes(context, 'subnets.create', 'name') ? { name: context.name('subnet') } : {}
  return context.make('subnets', { ...name, network_id: id, cidr: block(context), ...fields })
}

/** A network that nodes can be on: with a subnet, where it is not its own. */
const attachable = async (
  context: Context,
  fields: object = {}
): Promise<{ network_id: string, id?: string, cidr?: string }> =>
  'subnets.create' in context.capabilities ? subnet(context, fields) : { network_id: (await network(context)).id }

/** The zone of a node, for a subnet that it is to be attached to. */
const besideNode = (context: Context, { availability_zone: zone }: { availability_zone: string }) =>
  takes(context, 'subnets.create', 'availability_zone') ? { availability_zone: zone } : {}

/** A router that leads outside: to the external network, or out of its own network where routers are in networks. */
async function router (context: Context, beside?: { network_id: string }) {
  const { make, name, external_network_id: external } = context
  const own = takes(context, 'routers.create', 'network_id')
    ? { network_id: beside?.network_id ?? (await network(context)).id }
    : {}
  const gateway = own.network_id ?? external
  return make('routers', {
    name: name('router'), ...own, ...gateway === undefined ? {} : { external_gateway: { network_id: gateway } }
  })
}

const group = ({ make, name, takes }: Context, fields: object = {}) =>
  make('security-groups', {
    name: name('group'),
    ...takes('security_groups.create', 'description') ? { description: 'of a test' } : {},
    ...fields
  })

/** An address, from the pool where the cloud has pools. */
const floating = (context: Context) =>
  context.make(
    'floating-ips',
    takes(context, 'floating_ips.create', 'pool') ? { pool: context.external_network_id } : {}
  )

/** A node on a subnet that a router connects with the outside. */
async function reachableNode (context: Context) {
  // Where the cloud has no routers, a node needs none.
  if (!context.has('routers.add_interface')) return { node: await context.node() }
  const net = await subnet(context)
  const { self } = await router(context, net)
  await context.done(`${self}/actions/add_interface`, { subnet_id: net.id })
  context.t.teardown(() => context.api.post(`${self}/actions/remove_interface`, { subnet_id: net.id }))
  return { node: await context.node({ networks: [{ network_id: net.network_id }] }), net }
}

export const networkCases: Record<string, Case> = {
  ...reading('key_pairs', 1, (context) => context.make('key-pairs', keyPair(context))),
  ...reading('networks', 1, network),
  ...reading('subnets', 1, subnet),
  ...reading('routers', 1, router),
  ...reading('security_groups', 1, group),
  ...reading('floating_ip_pools', 1),

  'key_pairs.create': {
    title: 'makes a key pair whose private key is shown once, or imports a public key; a name that is taken is 409',
    async run (context) {
      const { t, api, base, make, name, problem, capabilities, public_key: known } = context
      const made = await make('key-pairs', keyPair(context))
      const isMade = capabilities['key_pairs.create']?.required.includes('public_key') !== true
      if (isMade) t.match(made.secrets?.private_key, /PRIVATE KEY/)
      if (known === undefined) t.match(made.public_key, /^ssh-/)
      const { body } = await api.get(made.self)
      t.equal(body.secrets, undefined, 'never again')
      t.notMatch(JSON.stringify(body), /PRIVATE KEY/)
      if (isMade && takes(context, 'key_pairs.create', 'public_key')) {
        const imported = await make('key-pairs', { name: name('key'), public_key: known ?? made.public_key })
        t.equal(imported.secrets, undefined)
        if (known === undefined) t.equal(imported.fingerprint, made.fingerprint)
        else t.ok(imported.fingerprint)
      }
      problem(await api.post(`${base}/key-pairs`, { ...keyPair(context), name: made.name }), 409, 'already_exists')
      const odd = await api.post(`${base}/key-pairs`, { name: name('key'), public_key: 'no key but long enough' })
      t.equal(odd.status, 422, 'what is no key is refused', { body: odd.body })
      const key = name('idempotency')
      const asked = keyPair(context)
      const first = await api.post(`${base}/key-pairs`, asked, { 'idempotency-key': key })
      const again = await api.post(`${base}/key-pairs`, asked, { 'idempotency-key': key })
      t.equal(again.status, 201)
      t.equal(again.headers['idempotency-replayed'], 'true')
      t.equal(again.body.secrets, undefined, 'a replay has no secret')
      t.equal((await api.delete(first.body.self)).status, 204)
    }
  },
  'key_pairs.destroy': {
    title: 'deletes a key pair',
    async run (context) {
      const { t, api, make } = context
      const { self } = await make('key-pairs', keyPair(context))
      t.equal((await api.delete(self)).status, 204)
      t.equal((await api.get(self)).status, 404)
      t.equal((await api.delete(self)).status, 404)
    }
  },
  'networks.create': {
    title: 'makes a network, of the block that it needs where the cloud has networks of blocks',
    async run (context) {
      const { t, api, base, name } = context
      const asked = name('network')
      const tags = takes(context, 'networks.create', 'tags') ? { tags: { env: 'test' } } : {}
      const made = await network(context, { name: asked, ...tags })
      const cidr = needed(context)
      t.match(made, { name: asked, ...tags, is_external: false, subnet_ids: [] })
      t.same(made.cidrs, cidr === undefined ? [] : [cidr])
      if (cidr === undefined) return
      const unfit = 'subnets.create' in context.capabilities ? '10.0.0.0/7' : '10.0.0.0/32'
      for (const fields of [{}, { cidr: unfit }]) {
        const { status, body } = await api.post(`${base}/networks`, { name: name('network'), ...fields })
        t.equal(status, 422, 'without a block, or with one of a size that cannot be, it is refused', { body })
        t.equal(body.errors?.[0]?.pointer, '/cidr')
      }
    }
  },
  'networks.update': {
    title: 'renames a network and changes its tags',
    async run (context) {
      const { t, api, name } = context
      const hasTags = takes(context, 'networks.create', 'tags') && takes(context, 'networks.update', 'tags')
      const { self } = await network(context, hasTags ? { tags: { keep: '1', drop: '2' } } : {})
      const renamed = takes(context, 'networks.update', 'name') ? { name: name('renamed') } : {}
      const { body } = await api.patch(self, { ...renamed, ...hasTags ? { tags: { drop: null, add: '3' } } : {} })
      t.match(body, renamed)
      t.match((await api.get(self)).body, renamed)
      if (hasTags) t.same(body.tags, { keep: '1', add: '3' })
    }
  },
  'networks.destroy': {
    title: 'deletes a network, not one that is in use',
    async run (context) {
      const { t, api, base, problem } = context
      const { self } = await network(context)
      t.equal((await api.delete(self)).status, 204)
      t.equal((await api.get(self)).status, 404)
      const net = await attachable(context)
      await context.node({ networks: [{ network_id: net.network_id }] })
      problem(await api.delete(`${base}/networks/${net.network_id}`), 409, 'in_use')
    }
  },
  'subnets.create': {
    title: 'makes a subnet; what is no block of addresses, or overlaps another, is refused',
    async run (context) {
      const { t, api, base } = context
      const cidr = block(context)
      const servers = takes(context, 'subnets.create', 'dns_servers') ? { dns_servers: ['9.9.9.9'] } : {}
      const made = await subnet(context, { cidr, ...servers })
      t.match(made, { cidr, ip_version: 4, ...servers })
      // The gateway of a subnet is in the subnet, or in the network outside of it (Hetzner Cloud).
      const gateways = [cidr, needed(context) ?? cidr].map((one) => one.replace(/0\/\d+$/, '1'))
      t.ok(gateways.includes(made.gateway_ip), 'it has a gateway', { made })
      const { body } = await api.get(`${base}/networks/${made.network_id}`)
      t.same([body.subnet_ids, body.cidrs], [[made.id], [needed(context) ?? cidr]], 'its network names it')
      const listed = await api.walk(`${base}/subnets?network_id=${made.network_id}`)
      t.equal(listed.items.length, 1)
      for (const bad of ['nonsense', '10.0.0.0/33', '10.0.0/24', '300.0.0.0/8']) {
        const { status, body } = await api.post(`${base}/subnets`, { network_id: made.network_id, cidr: bad })
        t.equal(status, 422, `${bad} is refused`)
        t.equal(body.errors?.[0]?.pointer, '/cidr')
      }
      const overlap = await api.post(`${base}/subnets`, { network_id: made.network_id, cidr })
      t.ok(overlap.status === 422 || overlap.status === 409, 'one that overlaps is refused', { body: overlap.body })
      const nowhere = await api.post(`${base}/subnets`, { network_id: context.absent.networks, cidr })
      t.equal(nowhere.status, 422, 'one in a network there is not is refused', { body: nowhere.body })
      t.equal(nowhere.body.errors?.[0]?.pointer, '/network_id')
    }
  },
  'subnets.update': {
    title: 'changes name, tags and, where the cloud has them, name servers of a subnet',
    async run (context) {
      const { t, api, name } = context
      const { self } = await subnet(context)
      const renamed = name('renamed')
      const servers = takes(context, 'subnets.update', 'dns_servers') ? { dns_servers: ['1.1.1.1'] } : {}
      const fields = { name: renamed, ...context.tags('subnets.update', { add: '1' }), ...servers }
      const { body } = await api.patch(self, fields)
      t.match(body, fields)
    }
  },
  'subnets.destroy': {
    title: 'deletes a subnet',
    async run (context) {
      const { t, api } = context
      const { self } = await subnet(context)
      t.equal((await api.delete(self)).status, 204)
      t.equal((await api.get(self)).status, 404)
    }
  },
  'routers.create': {
    title: 'makes a router with a gateway to the outside',
    async run (context) {
      const { t, api, base, name, external_network_id: external } = context
      const made = await router(context)
      const isInNetwork = takes(context, 'routers.create', 'network_id')
      const gateway = isInNetwork ? made.network_id : external
      t.match(made, { interfaces: [], ...gateway === undefined ? {} : { external_gateway: { network_id: gateway } } })
      t.match((await api.get(made.self)).body, { external_gateway: made.external_gateway })
      if (!isInNetwork) return
      const { status, body } = await api.post(`${base}/routers`, { name: name('router') })
      t.equal(status, 422, 'one in no network is refused', { body })
      t.equal(body.errors?.[0]?.pointer, '/network_id')
    }
  },
  'routers.update': {
    title: 'renames a router, takes its gateway away and gives it one again',
    async run (context) {
      const { t, api, name } = context
      const { self, external_gateway: gateway } = await router(context)
      const renamed = name('renamed')
      if (gateway === null) {
        t.equal((await api.patch(self, { name: renamed })).body.name, renamed)
        return
      }
      const { body } = await api.patch(self, { name: renamed, external_gateway: null })
      t.equal(body.name, renamed)
      t.equal(body.external_gateway, null)
      t.match((await api.patch(self, { external_gateway: gateway })).body, { name: renamed, external_gateway: gateway })
    }
  },
  'routers.add_interface': {
    title: 'connects a subnet, once',
    async run (context) {
      const { t, api } = context
      const net = await subnet(context)
      const { id } = net
      const { self } = await router(context, net)
      const connected = await context.done(`${self}/actions/add_interface`, { subnet_id: id })
      t.same(connected.interfaces, [{ subnet_id: id }])
      const again = await api.post(`${self}/actions/add_interface`, { subnet_id: id })
      t.ok(again.status === 409 || again.status === 422, 'twice is refused', { body: again.body })
      await context.done(`${self}/actions/remove_interface`, { subnet_id: id })
    }
  },
  'routers.remove_interface': {
    title: 'disconnects a subnet',
    async run (context) {
      const { t } = context
      const net = await subnet(context)
      const { id } = net
      const { self } = await router(context, net)
      await context.done(`${self}/actions/add_interface`, { subnet_id: id })
      t.same((await context.done(`${self}/actions/remove_interface`, { subnet_id: id })).interfaces, [])
    }
  },
  'routers.destroy': {
    title: 'deletes a router, not one with interfaces',
    async run (context) {
      const { t, api, problem } = context
      const net = await subnet(context)
      const { id } = net
      const { self } = await router(context, net)
      await context.done(`${self}/actions/add_interface`, { subnet_id: id })
      problem(await api.delete(self), 409, 'in_use')
      await context.done(`${self}/actions/remove_interface`, { subnet_id: id })
      t.equal((await api.delete(self)).status, 204)
    }
  },
  'security_groups.create': {
    title: 'makes a security group',
    async run (context) {
      const { t, takes } = context
      const described = takes('security_groups.create', 'description') ? { description: 'of a test' } : {}
      t.match(await group(context), { ...described, state: 'available' })
    }
  },
  'security_groups.update': {
    title: 'changes tags of a security group, and its name where the cloud can',
    async run (context) {
      const { t, api, name, tags } = context
      const isTaggedBy = (action: string) => takes(context, `security_groups.${action}`, 'tags')
      const hasTags = isTaggedBy('create') && isTaggedBy('update')
      const { self } = await group(context, tags('security_groups.create', { keep: '1', drop: '2' }))
      const description = takes(context, 'security_groups.update', 'description') ? { description: 'changed' } : {}
      const renamed = takes(context, 'security_groups.update', 'name')
        ? { name: name('renamed'), ...description }
        : {}
      const { body } = await api.patch(self, { ...renamed, ...hasTags ? { tags: { drop: null, add: '3' } } : {} })
      t.match(body, renamed)
      if (hasTags) t.same(body.tags, { keep: '1', add: '3' })
    }
  },
  'security_groups.create_rule': {
    title: 'adds rules by protocol, ports, ICMP and group; one that exists is 409, one that makes no sense 422',
    async run (context) {
      const { t, api, problem } = context
      const { id, self } = await group(context)
      const add = (rule: object) => api.post(`${self}/rules`, { direction: 'ingress', ...rule })
      const web = await add({ protocol: 'tcp', port_min: 80, port_max: 81, cidr: '0.0.0.0/0' })
      t.equal(web.status, 201)
      t.match(web.body, {
        direction: 'ingress',
        protocol: 'tcp',
        port_min: 80,
        port_max: 81,
        cidr: '0.0.0.0/0',
        ethertype: 'IPv4'
      })
      problem(await add({ protocol: 'tcp', port_min: 80, port_max: 81, cidr: '0.0.0.0/0' }), 409, 'already_exists')
      const has = (field: string) => takes(context, 'security_groups.create_rule', field)
      if (has('icmp_type')) {
        const ping = await add({ protocol: 'icmp', icmp_type: 8, icmp_code: 0 })
        t.match(ping.body, { protocol: 'icmp', icmp_type: 8, icmp_code: 0, port_min: null })
      }
      if (has('remote_group_id')) {
        t.equal((await add({ protocol: 'udp', port_min: 53, remote_group_id: id })).body.remote_group_id, id)
        const none = await add({ protocol: 'tcp', port_min: 1, remote_group_id: context.absent.security_groups })
        t.equal(none.status, 422, 'one of a group there is not is refused', { body: none.body })
      }
      const six = await add({ ethertype: 'IPv6', protocol: 'tcp', port_min: 22, cidr: '::/0' })
      if (takes(context, 'security_groups.create_rule', 'ethertype')) {
        t.match(six.body, { ethertype: 'IPv6', cidr: '::/0', port_min: 22 })
      } else problem(six, 501, 'not_supported')
      const { body } = await api.get(self)
      t.ok(body.rules.length >= 1 + Number(has('icmp_type')) + Number(has('remote_group_id')), 'the group has them')
      for (const [bad, pointer] of [
        [{ protocol: 'tcp', port_min: 70_000 }, '/port_min'],
        [{ protocol: 'tcp', port_min: 90, port_max: 80 }, '/port_max'],
        [{ protocol: 'tcp', port_min: 1, cidr: 'everywhere' }, '/cidr']
      ] as const) {
        const { status, body } = await add(bad)
        t.equal(status, 422)
        t.equal(body.errors?.[0]?.pointer, pointer)
      }
    }
  },
  'security_groups.destroy_rule': {
    title: 'removes a rule',
    async run (context) {
      const { t, api } = context
      const { self } = await group(context)
      const { body } = await api.post(`${self}/rules`, { direction: 'ingress', protocol: 'tcp', port_min: 80 })
      t.equal((await api.delete(`${self}/rules/${body.id}`)).status, 204)
      t.notOk((await api.get(self)).body.rules.some(({ id }: { id: string }) => id === body.id))
      t.equal((await api.delete(`${self}/rules/${body.id}`)).status, 404)
    }
  },
  'security_groups.destroy': {
    title: 'deletes a security group, not one in use',
    async run (context) {
      const { t, api, node, base, done, problem } = context
      const { id, self } = await group(context)
      const made = await node()
      await done(`${base}/nodes/${made.id}/security-groups`, { security_group_id: id })
      problem(await api.delete(self), 409, 'in_use')
      t.equal((await api.delete(`${base}/nodes/${made.id}/security-groups/${id}`)).status, 204)
      t.equal((await api.delete(self)).status, 204)
    }
  },
  'nodes.add_security_group': {
    title: 'puts a security group on a node',
    async run (context) {
      const { t, node, base, get, done } = context
      const { id } = await group(context)
      const made = await node()
      await done(`${base}/nodes/${made.id}/security-groups`, { security_group_id: id })
      t.ok((await get(made.id)).security_group_ids.includes(id))
    }
  },
  'nodes.remove_security_group': {
    title: 'takes a security group from a node',
    async run (context) {
      const { t, api, node, base, get, done } = context
      const { id } = await group(context)
      const made = await node()
      await done(`${base}/nodes/${made.id}/security-groups`, { security_group_id: id })
      t.equal((await api.delete(`${base}/nodes/${made.id}/security-groups/${id}`)).status, 204)
      t.notOk((await get(made.id)).security_group_ids.includes(id))
    }
  },
  'nodes.list_nics': {
    title: 'lists the NICs of a node',
    async run (context) {
      const { t, api, node, base } = context
      const made = await node()
      const nics = async () => (await api.get(`${base}/nodes/${made.id}/nics`)).body.items
      if ((await nics()).length === 0) {
        // A node may be without NICs where its public address belongs to none.
        const net = await attachable(context, besideNode(context, made))
        await context.done(`${base}/nodes/${made.id}/nics`, { network_id: net.network_id })
      }
      const items = await nics()
      t.ok(items.length >= 1)
      t.match(items[0], { network_id: String, mac: String })
    }
  },
  'nodes.attach_nic': {
    title: 'attaches a NIC, with an address of its own choice inside the subnet where the cloud can',
    async run (context) {
      const { t, api, node, base, done } = context
      const made = await node()
      const before = (await api.get(`${base}/nodes/${made.id}/nics`)).body.items.length
      const net = await attachable(context, besideNode(context, made))
      const outside = await api.post(`${base}/nodes/${made.id}/nics`, {
        network_id: net.network_id,
        fixed_ip: '192.0.2.77'
      })
      const chosen = takes(context, 'nodes.attach_nic', 'fixed_ip')
      t.equal(outside.status, chosen ? 422 : 501, 'an address outside, or any where none can be chosen, is refused', {
        body: outside.body
      })
      const inside = net.cidr?.replace('0/24', '77')
      await done(`${base}/nodes/${made.id}/nics`, {
        network_id: net.network_id,
        ...(chosen ? { fixed_ip: inside } : {})
      })
      const { body } = await api.get(`${base}/nodes/${made.id}/nics`)
      t.equal(body.items.length, before + 1)
      if (chosen) {
        t.ok(body.items.some(({ addresses }: any) => addresses.some(({ address }: any) => address === inside)))
      }
      const [nic] = body.items.filter(({ network_id: id }: any) => id === net.network_id)
      t.ok(nic.addresses.length > 0, 'it has an address')
      await api.ended((await api.delete(`${base}/nodes/${made.id}/nics/${nic.id}`)).body)
    }
  },
  'nodes.detach_nic': {
    title: 'detaches a NIC',
    async run (context) {
      const { t, api, node, base, done } = context
      const made = await node()
      const net = await attachable(context, besideNode(context, made))
      const nics = async () => (await api.get(`${base}/nodes/${made.id}/nics`)).body.items
      const before = (await nics()).length
      const bySubnet = takes(context, 'nodes.attach_nic', 'subnet_id')
      await done(`${base}/nodes/${made.id}/nics`, bySubnet ? { subnet_id: net.id } : { network_id: net.network_id })
      const [nic] = (await nics()).filter(({ network_id: id }: any) => id === net.network_id)
      t.equal((await api.ended((await api.delete(`${base}/nodes/${made.id}/nics/${nic.id}`)).body)).status, 'succeeded')
      t.equal((await nics()).length, before)
    }
  },
  'floating_ips.list': {
    title: 'lists floating IPs, of all pages and by node',
    async run (context) {
      const { t, api, base } = context
      const made = await floating(context)
      const { items } = await api.walk(`${base}/floating-ips?limit=1`)
      t.ok(items.some(({ id }) => id === made.id))
      t.same((await api.walk(`${base}/floating-ips?address=${made.address}`)).items.map(({ id }) => id), [made.id])
    }
  },
  'floating_ips.get': {
    title: 'gets a floating IP',
    async run (context) {
      const { t, api, base, absent, problem } = context
      const made = await floating(context)
      t.match((await api.get(made.self)).body, { id: made.id, address: made.address })
      problem(await api.get(`${base}/floating-ips/${absent.floating_ips}`), 404, 'resource_not_found')
    }
  },
  'floating_ips.create': {
    title: 'takes an address, from a pool where the cloud has pools',
    async run (context) {
      context.t.match(await floating(context), {
        state: 'available',
        address: String,
        version: 4,
        node_id: null,
        nic_id: null
      })
    }
  },
  'floating_ips.associate': {
    title: 'gives the address to a node, which shows it; it goes away from a node that is destroyed',
    async run (context) {
      const { t, api, get, done } = context
      const { node } = await reachableNode(context)
      const ip = await floating(context)
      const given = await done(`${ip.self}/actions/associate`, { node_id: node.id })
      const hasNics = takes(context, 'floating_ips.associate', 'nic_id')
      t.match(given, {
        state: 'associated',
        node_id: node.id,
        ...hasNics ? { nic_id: String, fixed_address: node.private_ips[0] } : {}
      })
      // The cloud tells its own parts of it after a moment.
      const shown = async () =>
        (await get(node.id)).addresses.some(({ address, kind }: any) => address === ip.address && kind === 'floating')
      for (let tries = 0; tries < 50 && !await shown(); tries++) continue
      t.ok(await shown(), 'the node shows it')
      t.ok((await get(node.id)).public_ips.includes(ip.address))
      await api.ended((await api.delete(node.self)).body)
      const free = async () => (await api.get(ip.self)).body.node_id === null
      for (let tries = 0; tries < 50 && !await free(); tries++) continue
      t.ok(await free(), 'it outlives the node')
    }
  },
  'floating_ips.disassociate': {
    title: 'takes the address from the node',
    async run (context) {
      const { t, done } = context
      const { node } = await reachableNode(context)
      const ip = await floating(context)
      await done(`${ip.self}/actions/associate`, { node_id: node.id })
      t.match(await done(`${ip.self}/actions/disassociate`), { state: 'available', node_id: null, nic_id: null })
    }
  },
  'floating_ips.destroy': {
    title: 'gives the address back',
    async run (context) {
      const { t, api } = context
      const { self } = await floating(context)
      t.equal((await api.delete(self)).status, 204)
      t.equal((await api.get(self)).status, 404)
    }
  }
}
