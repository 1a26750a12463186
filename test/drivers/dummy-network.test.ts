import { createPrivateKey, createPublicKey } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Ajv } from 'ajv'
import formats from 'ajv-formats'
import Fastify from 'fastify'
import t, { type Test } from 'tap'
import { openCall } from '../../drivers/call.ts'
import type { Connection, Services } from '../../drivers/driver.ts'
import dummy from '../../drivers/dummy/index.ts'
import { formatIp, parseBlock, parseIp } from '../../drivers/dummy/engine/ip.ts'
import { models, type NodeCreate, type ProblemError } from '../../openapi/model/index.ts'

const log = Fastify().log
const call = (options = {}) => openCall({ timeout: 1000, log, requestId: 't', ...options })
const query = { limit: 100, token: null, filters: {}, extra: false }
const plain = { extra: false }

type Whole = { [S in keyof Services]-?: Required<NonNullable<Services[S]>> }

/** Starts a new cloud, in memory unless the settings name a file. Its changes take effect at once. */
async function start (t: Test, settings: Record<string, unknown> = {}) {
  const fastify = Fastify()
  t.teardown(() => fastify.close())
  await fastify.register(dummy, { name: 'default', state_file: null, delay: 0, ...settings })
  const cloud = fastify.clouds['default'] as Connection & Whole
  const { nodes, networks, subnets, routers, security_groups: groups, floating_ips: ips } = cloud
  const create = async (more: Partial<NodeCreate> = {}) => {
    const { resources } = await nodes.create(
      { name: 'web', image_id: 'img-debian-12', size_id: 'dummy.small', ...more }, call()
    )
    return nodes.get(resources[0]!.id, plain, call())
  }
  const network = (name = 'net') => networks.create({ name }, call())
  return {
    cloud,
    create,
    network,
    get: (id: string) => nodes.get(id, plain, call()),
    nics: (id: string) => nodes.list_nics(id, call()),
    ip: () => ips.create({}, call()),
    group: (name = 'web') => groups.create({ name }, call()),
    router: (external = true) =>
      routers.create({ name: 'r', external_gateway: external ? { network_id: 'net-public' } : undefined }, call()),
    subnet: async (cidr: string, more = {}) =>
      subnets.create({ network_id: (await network()).id, cidr, ...more }, call())
  }
}

const refused = (t: Test, promise: Promise<unknown>, code: string, pointer?: string, message = '') =>
  t.rejects(promise, {
    code, ...(pointer === undefined ? {} : { details: { errors: [{ pointer, message: new RegExp(message) }] } })
  }, `${code} ${pointer ?? ''} ${message}`)

t.test('all resources are valid in the model, and all ids match their patterns', async (t) => {
  const { cloud, create, subnet, router, ip } = await start(t)
  const ajv = new Ajv({ strict: false, schemas: models })
  formats.default(ajv)
  const node = await create()
  const { id: subnetId } = await subnet('10.1.0.0/24', { name: 'one', dns_servers: ['9.9.9.9'] })
  await cloud.routers.add_interface((await router()).id, { subnet_id: subnetId }, call())
  await cloud.floating_ips.associate((await ip()).id, { node_id: node.id }, call())
  await cloud.key_pairs.create({ name: 'mine' }, call())
  const kinds = [
    ['key_pairs', 'KeyPair', 2], ['networks', 'Network', 3], ['subnets', 'Subnet', 3], ['routers', 'Router', 1],
    ['security_groups', 'SecurityGroup', 1], ['floating_ips', 'FloatingIp', 1],
    ['floating_ip_pools', 'FloatingIpPool', 1]
  ] as const
  for (const [service, model, count] of kinds) {
    const validate = ajv.getSchema(model)!
    const { items, total, next } = await cloud[service].list({ ...query, extra: true }, call())
    t.match({ total, next }, { total: count, next: null }, service)
    for (const item of items) {
      t.ok(validate(item), `${service}: ${ajv.errorsText(validate.errors)}`)
      t.match(item.id, cloud.ids[service]!)
      t.match(await cloud[service].get(item.id, plain, call()), {
        id: item.id, self: `/api/v2/clouds/default/${service.replaceAll('_', '-')}/${item.id}`
      })
    }
    const first = await cloud[service].list({ ...query, limit: 1 }, call())
    t.equal(first.items.length, 1, 'the page has the requested size')
    await refused(t, cloud[service].get('none', plain, call()), 'resource_not_found')
  }
  const validate = ajv.getSchema('Nic')!
  for (const nic of await cloud.nodes.list_nics(node.id, call())) t.ok(validate(nic), ajv.errorsText(validate.errors))
  const made = ajv.getSchema('Node')!
  t.ok(made(await cloud.nodes.get(node.id, plain, call())), ajv.errorsText(made.errors))
})

t.test('addresses are parsed, and formatted in the canonical form', async (t) => {
  for (const [text, short] of [
    ['10.0.0.1', '10.0.0.1'], ['255.255.255.255', '255.255.255.255'], ['2001:DB8:0:0::1', '2001:db8::1'], ['::', '::'],
    ['::1', '::1'], ['fe80::', 'fe80::'],
    ['1:2:3:4:5:6:7:8', '1:2:3:4:5:6:7:8'], ['::ffff:10.0.0.1', '::ffff:a00:1']
  ] as const) t.equal(formatIp(parseIp(text)!), short)
  for (const bad of ['', '10.0.0', '10.0.0.256', 'fe80::1%eth0', 'host']) t.equal(parseIp(bad), undefined, bad)
  for (const bad of ['10.0.0.0', '10.0.0.0/33', '::/129', '10.0.0.0/', '/8', '10.0.0.0/8/8']) {
    t.equal(parseBlock(bad), undefined, bad)
  }
})

t.test('a create generates a key pair and returns its private key once, without keeping it', async (t) => {
  const file = join(t.testdir(), 'state.json')
  const { cloud: { key_pairs: keys } } = await start(t, { state_file: file })
  const made = await keys.create({ name: 'my key' }, call())
  t.match(made, {
    id: 'my key',
    name: 'my key',
    type: 'ed25519',
    public_key: /^ssh-ed25519 AAAA\S+ my-key$/,
    fingerprint: /^SHA256:\S{43}$/,
    tags: {}
  })
  const pem = made.secrets!['private_key']!
  const bytes = Buffer.from(pem.replaceAll(/-----[^-]+-----|\s/g, ''), 'base64')
  t.match(pem, /^-----BEGIN OPENSSH PRIVATE KEY-----\n[\s\S]+-----END OPENSSH PRIVATE KEY-----\n$/)
  const open = Buffer.from(made.public_key!.split(' ')[1]!, 'base64').subarray(-32)
  const seed = bytes.subarray(bytes.lastIndexOf(open) - 32, bytes.lastIndexOf(open))
  const rebuilt = createPrivateKey({
    key: { kty: 'OKP', crv: 'Ed25519', d: seed.toString('base64url'), x: open.toString('base64url') }, format: 'jwk'
  })
  t.equal(
    createPublicKey(
      rebuilt
    ).export({ format: 'jwk' }).x, open.toString('base64url'), 'the private key and the public key match'
  )

  const rsa = await keys.create({ name: 'rsa', type: 'rsa' }, call())
  t.match(rsa, {
    type: 'rsa', public_key: /^ssh-rsa AAAA/, secrets: { private_key: /^-----BEGIN RSA PRIVATE KEY-----/ }
  })
  const { n } = createPublicKey(rsa.secrets!['private_key']!).export({ format: 'jwk' })
  t.ok(Buffer.from(rsa.public_key!.split(' ')[1]!, 'base64').includes(Buffer.from(n!, 'base64url')))

  t.notOk('secrets' in await keys.get('my key', plain, call()))
  t.notMatch(readFileSync(file, 'utf8'), /PRIVATE|private_key/)
})

t.test('a create imports a valid public key, and names are unique', async (t) => {
  const { cloud: { key_pairs: keys }, create } = await start(t)
  const { public_key: publicKey, fingerprint } = await keys.get('dummy-key', plain, call())
  const [type, data] = publicKey!.split(' ') as [string, string]
  t.equal(fingerprint, 'SHA256:dFFcSpR9fsMcWp4C8py68SlFXSBDpazuPNz3NDq1q6c')
  const imported = await keys.create({ name: 'imported', public_key: ` ${publicKey}\n` }, call())
  t.match(imported, { fingerprint, public_key: publicKey, type: 'ed25519', secrets: undefined })
  const ecdsa = 'ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBEmKSENjQEezOmxkZMy7opKgw' +
    'FB9nkt5YRrYMjNuG5N87uRgg6CLrbo5wAdT/y6v0mKV0U2w0WZ2YB/++Tpockg='
  t.match(await keys.create({ name: 'ecdsa', public_key: ecdsa }, call()), { type: 'ecdsa' })
  const bytes = Buffer.from(data, 'base64')
  for (const nonsense of [
    'no key but long enough', `ssh-rsa ${data}`, `ssh-dss ${data}`, `${type} ${data.slice(0, 40)}`,
    `${type} ${data}AAAA`, `${type} ????????????????`,
    `${type} ${data} one\n${type} ${data} two`,
    `${type} ${Buffer.concat([bytes, Buffer.from([0, 0, 0, 9])]).toString('base64')}`,
    `toString ${data}`
  ]) await refused(t, keys.create({ name: 'bad', public_key: nonsense }, call()), 'validation_failed', '/public_key')
  await refused(t, keys.create({ name: 'imported' }, call()), 'already_exists')

  t.equal((await create({ key_pair_name: 'imported' })).key_pair_name, 'imported')
  await keys.destroy('imported', call())
  await refused(t, keys.destroy('imported', call()), 'resource_not_found')
  await refused(t, create({ key_pair_name: 'imported' }), 'validation_failed', '/key_pair_name')
})

t.test('a network lists its subnets, and is destroyed with them unless they are in use', async (t) => {
  const { cloud: { networks, subnets, nodes }, create } = await start(t)
  const made = await networks.create({ name: 'front', mtu: 9000, tags: { a: '1', b: '2' } }, call())
  t.match(
    made, { name: 'front', mtu: 9000, is_external: false, shared: false, cidrs: [], subnet_ids: [], state: 'available' }
  )
  t.match(await networks.update(made.id, { name: 'back', tags: { a: null, c: '3' } }, call()), {
    name: 'back', tags: { a: undefined, b: '2', c: '3' }
  })
  const one = await subnets.create({ network_id: made.id, cidr: '10.1.0.0/24' }, call())
  const two = await subnets.create({ network_id: made.id, cidr: '2001:db8::/64' }, call())
  t.match(await networks.get(made.id, plain, call()), {
    cidrs: ['10.1.0.0/24', '2001:db8::/64'], subnet_ids: [one.id, two.id]
  })
  await subnets.destroy(two.id, call())
  t.same((await networks.get(made.id, plain, call())).subnet_ids, [one.id])
  const node = await create({ networks: [{ network_id: made.id }] })
  await refused(t, networks.destroy(made.id, call()), 'in_use')
  await nodes.destroy(node.id, call())
  await networks.destroy(made.id, call())
  await refused(t, networks.get(made.id, plain, call()), 'resource_not_found')
  await refused(t, subnets.get(one.id, plain, call()), 'resource_not_found')
})

t.test('an external network belongs to the cloud and cannot change', async (t) => {
  const { cloud: { networks, subnets } } = await start(t)
  t.match(await networks.get('net-public', plain, call()), {
    is_external: true, shared: true, cidrs: ['198.18.0.0/15']
  })
  for (const change of [
    () => networks.update('net-public', { name: 'mine' }, call()), () => networks.destroy('net-public', call()),
    () => subnets.create({ network_id: 'net-public', cidr: '10.0.0.0/24' }, call()),
    () => subnets.update('subnet-public', { name: 'mine' }, call()), () => subnets.destroy('subnet-public', call())
  ]) await refused(t, change(), 'provider_permission_denied')
})

t.test('without the built-in network, a node that names no network has no NIC', async (t) => {
  const { cloud: { networks, nodes }, create } = await start(t)
  await networks.destroy('net-private', call())
  const { id, addresses } = await create()
  t.same(addresses, [])
  await refused(
    t,
    nodes.add_security_group(id, { security_group_id: 'sg-default' }, call()),
    'validation_failed',
    '/security_group_id'
  )
})

t.test('a subnet does not overlap another one of its network, and contains its gateway', async (t) => {
  const { cloud: { subnets }, network } = await start(t)
  const { id } = await network()
  const make = (cidr: string, more = {}) => subnets.create({ network_id: id, cidr, ...more }, call())
  t.match(await make('10.1.0.0/24', { name: 'one', dns_servers: ['9.9.9.9', '2620:FE::FE'], tags: { a: 'b' } }), {
    name: 'one',
    network_id: id,
    cidr: '10.1.0.0/24',
    ip_version: 4,
    gateway_ip: '10.1.0.1',
    dns_servers: ['9.9.9.9', '2620:fe::fe'],
    tags: { a: 'b' }
  })
  t.match(await make('2001:DB8::/64'), { name: null, cidr: '2001:db8::/64', ip_version: 6, gateway_ip: '2001:db8::1' })
  t.equal((await make('10.2.0.0/24', { gateway_ip: null })).gateway_ip, null)
  t.equal((await make('10.3.0.0/24', { gateway_ip: '10.3.0.254' })).gateway_ip, '10.3.0.254')
  for (const [cidr, message] of [
    ['10.4.0.5/24', '10.4.0.0/24'], ['nonsense', 'block'], ['10.4.0.0/33', 'block'], ['0.0.0.0/0', 'all'],
    ['10.1.0.0/24', 'overlap 10.1.0.0/24'],
    ['10.1.0.128/25', 'overlap'], ['10.0.0.0/8', 'overlap'], ['2001:db8::/32', 'overlap']
  ] as const) await refused(t, make(cidr), 'validation_failed', '/cidr', message)
  for (const gateway of ['10.5.1.1', '10.5.0.0', '10.5.0.255', '2001:db8::1']) {
    await refused(t, make('10.5.0.0/24', { gateway_ip: gateway }), 'validation_failed', '/gateway_ip')
  }
  await refused(t, make('10.5.0.0/24', { dns_servers: ['9.9.9.9', 'dns'] }), 'validation_failed', '/dns_servers/1')
  await refused(
    t, subnets.create({ network_id: 'net-none', cidr: '10.5.0.0/24' }, call()), 'validation_failed', '/network_id'
  )
  t.ok(
    await subnets.create({ network_id: (await network()).id, cidr: '10.1.0.0/24' }, call()),
    'another network can have the same block'
  )
})

t.test('a merge patch changes a subnet, and its gateway only if the address is not in use', async (t) => {
  const { cloud: { subnets, routers }, create, subnet, router } = await start(t)
  const { id, network_id: networkId } = await subnet('10.1.0.0/24', { tags: { a: '1' } })
  const update = (patch: object) => subnets.update(id, patch, call())
  t.match(await update({ name: 'new', dns_servers: ['1.1.1.1'], tags: { b: '2' } }), {
    name: 'new', dns_servers: ['1.1.1.1'], tags: { a: '1', b: '2' }, gateway_ip: '10.1.0.1'
  })
  t.equal((await update({ gateway_ip: null })).gateway_ip, null)
  const node = await create({ networks: [{ network_id: networkId!, fixed_ip: '10.1.0.9' }] })
  t.same(node.private_ips, ['10.1.0.9'])
  await refused(t, update({ gateway_ip: '10.1.0.9' }), 'validation_failed', '/gateway_ip', 'free')
  t.equal((await update({ gateway_ip: '10.1.0.254' })).gateway_ip, '10.1.0.254')
  await routers.add_interface((await router()).id, { subnet_id: id }, call())
  await refused(t, update({ gateway_ip: null }), 'in_use')
  t.equal((await update({ gateway_ip: '10.1.0.254', name: 'kept' })).name, 'kept', 'the same gateway is accepted')
})

t.test('a subnet cannot be destroyed while nodes or a router use it', async (t) => {
  const { cloud: { subnets, routers, nodes }, create, subnet, router } = await start(t)
  const { id } = await subnet('10.1.0.0/24')
  const node = await create({ networks: [{ subnet_id: id }] })
  await refused(t, subnets.destroy(id, call()), 'in_use')
  await nodes.destroy(node.id, call())
  const { id: routerId } = await router()
  await routers.add_interface(routerId, { subnet_id: id }, call())
  await refused(t, subnets.destroy(id, call()), 'in_use')
  await routers.remove_interface(routerId, { subnet_id: id }, call())
  await subnets.destroy(id, call())
  await refused(t, subnets.destroy(id, call()), 'resource_not_found')
})

t.test('a router has a gateway in an external network, and connects each subnet once', async (t) => {
  const { cloud: { routers }, subnet, router } = await start(t)
  const made = await router()
  t.match(made, {
    external_gateway: { network_id: 'net-public' }, interfaces: [], network_id: null, state: 'available'
  })
  t.equal((await router(false)).external_gateway, null)
  for (const bad of ['net-private', 'net-none']) {
    await refused(
      t,
      routers.create({ name: 'r', external_gateway: { network_id: bad } }, call()),
      'validation_failed',
      '/external_gateway/network_id'
    )
  }
  t.match(await routers.update(made.id, { name: 'x', external_gateway: null, tags: { a: 'b' } }, call()), {
    name: 'x', external_gateway: null, tags: { a: 'b' }
  })
  t.match(await routers.update(made.id, { external_gateway: { network_id: 'net-public' } }, call()), {
    name: 'x', external_gateway: { network_id: 'net-public' }
  })

  const { id } = await subnet('10.1.0.0/24')
  const add = (subnetId: string, to = made.id) => routers.add_interface(to, { subnet_id: subnetId }, call())
  t.same((await add(id)).interfaces, [{ subnet_id: id }])
  await refused(t, add(id), 'already_exists')
  await refused(t, add(id, (await router()).id), 'in_use')
  await refused(t, add('subnet-none'), 'validation_failed', '/subnet_id')
  await refused(t, add((await subnet('10.1.0.0/16')).id), 'validation_failed', '/subnet_id', 'overlap')
  await refused(
    t, add((await subnet('10.2.0.0/24', { gateway_ip: null })).id), 'validation_failed', '/subnet_id', 'gateway'
  )
  await refused(t, routers.destroy(made.id, call()), 'in_use')
  t.same((await routers.remove_interface(made.id, { subnet_id: id }, call())).interfaces, [])
  await refused(t, routers.remove_interface(made.id, { subnet_id: id }, call()), 'resource_not_found')
  await routers.destroy(made.id, call())
  await refused(t, routers.get(made.id, plain, call()), 'resource_not_found')
})

t.test('names of security groups can repeat, except for the default group, which cannot be destroyed', async (t) => {
  const { cloud: { security_groups: groups }, group } = await start(t)
  const one = await group('web')
  t.match(one, {
    name: 'web',
    state: 'available',
    rules: [{ direction: 'egress', ethertype: 'IPv4' }, { direction: 'egress', ethertype: 'IPv6' }]
  })
  t.not((await group('web')).id, one.id)
  await refused(t, group('default'), 'already_exists')
  t.match(await groups.update(one.id, { name: 'x', description: 'new', tags: { a: 'b' } }, call()), {
    name: 'x', description: 'new', tags: { a: 'b' }
  })
  t.equal((await groups.update(one.id, { description: '' }, call())).description, '')
  await refused(t, groups.update(one.id, { name: 'default' }, call()), 'already_exists')
  t.equal((await groups.update('sg-default', { name: 'default', description: 'mine' }, call())).description, 'mine')
  await refused(t, groups.update('sg-default', { name: 'x' }, call()), 'validation_failed', '/name')
  await refused(t, groups.destroy('sg-default', call()), 'in_use')
  await groups.destroy(one.id, call())
  await refused(t, groups.destroy(one.id, call()), 'resource_not_found')
})

t.test('a rule is unique, has default values, and is validated', async (t) => {
  const { cloud: { security_groups: groups }, group } = await start(t)
  const { id } = await group()
  const add = (rule: object) => groups.create_rule(id, { direction: 'ingress', ...rule }, call())
  const web = await add({ protocol: 'tcp', port_min: 443, cidr: '0.0.0.0/0', description: 'web' })
  t.match(web, {
    ethertype: 'IPv4', port_min: 443, port_max: 443, cidr: '0.0.0.0/0', remote_group_id: null, description: 'web'
  })
  await refused(
    t,
    add({ protocol: 'tcp', port_min: 443, port_max: 443, cidr: '0.0.0.0/0', description: 'other words' }),
    'already_exists'
  )
  await refused(t, add({ direction: 'egress' }), 'already_exists')
  t.match(await add({ protocol: 'icmp', icmp_type: 8, icmp_code: 0 }), {
    protocol: 'icmp', icmp_type: 8, icmp_code: 0, port_min: null
  })
  t.match(await add({ protocol: 'udp', port_min: 53, remote_group_id: id }), { remote_group_id: id })
  t.equal((await add({ protocol: 'tcp', port_min: 22, cidr: '::/0' })).ethertype, 'IPv6')
  t.equal((await add({ protocol: '47' })).protocol, '47')
  for (const [rule, pointer] of [
    [{ protocol: 'tcp', port_min: 90, port_max: 80 }, '/port_max'], [{ protocol: 'tcp', port_max: 80 }, '/port_min'],
    [{ port_min: 80 }, '/port_min'],
    [{ protocol: 'gre', port_min: 80 }, '/port_min'], [{ protocol: 'tcp', icmp_type: 8 }, '/icmp_type'],
    [{ protocol: 'icmp', icmp_code: 0 }, '/icmp_type'],
    [{ protocol: 'telepathy' }, '/protocol'], [{ protocol: '256' }, '/protocol'], [{ cidr: 'everywhere' }, '/cidr'],
    [{ cidr: '::/0', ethertype: 'IPv4' }, '/cidr'], [{ remote_group_id: 'sg-none' }, '/remote_group_id'],
    [{ cidr: '10.0.0.0/8', remote_group_id: id }, '/remote_group_id']
  ] as const) await refused(t, add(rule), 'validation_failed', pointer)
  await groups.destroy_rule(id, web.id, call())
  t.notOk((await groups.get(id, plain, call())).rules.some((rule) => rule.id === web.id))
  await refused(t, groups.destroy_rule(id, web.id, call()), 'resource_not_found')
})

t.test('a security group cannot be destroyed while a NIC or a rule of another group refers to it', async (t) => {
  const { cloud: { security_groups: groups, nodes }, create, group } = await start(t)
  const [one, other] = [await group('one'), await group('other')]
  const node = await create({ security_group_ids: [one.id, one.id] })
  t.same(node.security_group_ids, [one.id])
  await refused(t, groups.destroy(one.id, call()), 'in_use')
  await nodes.destroy(node.id, call())
  const rule = await groups.create_rule(other.id, { direction: 'ingress', remote_group_id: one.id }, call())
  await refused(t, groups.destroy(one.id, call()), 'in_use')
  await groups.destroy_rule(other.id, rule.id, call())
  await groups.create_rule(one.id, { direction: 'ingress', remote_group_id: one.id }, call())
  await groups.destroy(one.id, call())
})

t.test('a create can choose NICs, addresses and security groups', async (t) => {
  const { create, nics, subnet, group } = await start(t)
  const [one, two] = [await subnet('10.1.0.0/24'), await subnet('2001:db8::/64')]
  const [all, own] = [await group(), await group()]
  const node = await create({
    networks: [
      { network_id: one.network_id! },
      { subnet_id: two.id, fixed_ip: '2001:DB8::0:50', security_group_ids: [own.id] },
      { network_id: 'net-public' }
    ],
    security_group_ids: [all.id]
  })
  t.same(node.private_ips, ['10.1.0.2', '2001:db8::50'])
  t.match(node.public_ips, [/^198\.18\./])
  t.same(node.security_group_ids, [all.id, own.id])
  t.match(await nics(node.id), [
    { subnet_id: one.id, primary: true, security_group_ids: [all.id], addresses: [{ version: 4, scope: 'private' }] },
    {
      subnet_id: two.id,
      primary: false,
      security_group_ids: [own.id],
      addresses: [{ version: 6, address: '2001:db8::50' }]
    },
    { subnet_id: 'subnet-public', addresses: [{ scope: 'public', kind: 'fixed' }] }
  ])
  t.same((await create()).security_group_ids, ['sg-default'])
})

t.test('a create reports every invalid NIC', async (t) => {
  const { cloud: { nodes }, create, network, subnet } = await start(t)
  const [one, two] = [await subnet('10.1.0.0/24'), await subnet('10.2.0.0/24')]
  const empty = await network()
  await create({ networks: [{ subnet_id: one.id, fixed_ip: '10.1.0.9' }] })
  const error = await create({
    networks: [
      { network_id: 'net-none' }, { subnet_id: 'subnet-none' }, { network_id: one.network_id!, subnet_id: two.id },
      { network_id: empty.id }, { fixed_ip: '10.1.0.7' },
      { subnet_id: one.id, fixed_ip: '192.0.2.1' }, { subnet_id: one.id, fixed_ip: '10.1.0.255' },
      { subnet_id: one.id, fixed_ip: '10.1.0.1' },
      { subnet_id: one.id, fixed_ip: '10.1.0.9' }, { subnet_id: one.id, fixed_ip: 'nonsense' },
      { subnet_id: one.id, security_group_ids: ['sg-default', 'sg-none'] }
    ],
    security_group_ids: ['sg-none']
  }).then(() => undefined, (error: ProblemError) => error)
  t.equal(error?.code, 'validation_failed')
  t.same(error?.details.errors?.map(({ pointer }) => pointer), [
    '/networks/0/network_id', '/networks/1/subnet_id', '/networks/2/subnet_id', '/networks/3/network_id',
    '/networks/4/network_id',
    ...[5, 6, 7, 8, 9].map((i) => `/networks/${i}/fixed_ip`), '/networks/10/security_group_ids/1',
    '/security_group_ids/0'
  ])
  const twice = { subnet_id: one.id, fixed_ip: '10.1.0.77' }
  await refused(t, create({ networks: [twice, twice] }), 'validation_failed', '/networks/1/fixed_ip')
  t.equal((await nodes.list(query, call())).items.length, 1, 'no node was created')
})

t.test('a subnet assigns each address once, and no more than it has', async (t) => {
  const { cloud: { nodes }, create, subnet } = await start(t)
  const { id } = await subnet('10.1.0.0/29')
  const wanted = { networks: [{ subnet_id: id }] }
  const made = []
  for (let i = 0; i < 5; i++) made.push(await create(wanted))
  t.same(
    made.flatMap(({ private_ips: ips }) => ips).sort(),
    [2, 3, 4, 5, 6].map((i) => `10.1.0.${i}`),
    'all addresses but the gateway and both ends'
  )
  await refused(t, create(wanted), 'provider_capacity')
  await nodes.destroy(made[2]!.id, call())
  t.same((await create(wanted)).private_ips, made[2]!.private_ips, 'the address of a destroyed node is free')
  t.equal(new Set(made.flatMap(({ addresses }) => addresses.map(({ mac }) => mac))).size, 5)
})

t.test('NICs can be attached and detached', async (t) => {
  const { cloud: { nodes }, create, get, nics, subnet, group } = await start(t)
  const { id } = await create()
  const { id: subnetId, network_id: networkId } = await subnet('10.1.0.0/24')
  const own = await group()
  const attach = (input: object) => nodes.attach_nic(id, input, call())
  t.same(await attach({ network_id: networkId!, fixed_ip: '10.1.0.77', security_group_ids: [own.id] }), {
    resources: [{ kind: 'node', id }], until: { states: [] }
  })
  await attach({ subnet_id: subnetId })
  const [first, second, third] = await nics(id)
  t.match(second, {
    subnet_id: subnetId, addresses: [{ address: '10.1.0.77' }], security_group_ids: [own.id], primary: false
  })
  t.same(
    (await get(id)).private_ips, [first, second, third].flatMap((nic) => nic!.addresses.map(({ address }) => address))
  )
  for (const [input, pointer] of [
    [{ network_id: networkId, fixed_ip: '192.0.2.77' }, '/fixed_ip'],
    [{ network_id: networkId, fixed_ip: '10.1.0.77' }, '/fixed_ip'],
    [{ network_id: networkId, fixed_ip: '10.1.0.1' }, '/fixed_ip'], [{ network_id: 'net-none' }, '/network_id'],
    [{ subnet_id: 'subnet-none' }, '/subnet_id'],
    [{ subnet_id: subnetId, security_group_ids: ['sg-none'] }, '/security_group_ids/0']
  ] as const) await refused(t, attach(input), 'validation_failed', pointer)
  await nodes.detach_nic(id, second!.id, call())
  await refused(t, nodes.detach_nic(id, second!.id, call()), 'resource_not_found')
  await attach({ network_id: networkId!, fixed_ip: '10.1.0.77' })
  t.equal((await nics(id)).length, 3, 'the address of the detached NIC is free')

  await nodes.stop(id, {}, call())
  await attach({ subnet_id: subnetId })
  await nodes.update(id, { protected: true }, call())
  await refused(t, attach({ subnet_id: subnetId }), 'protected')
  await refused(t, nodes.detach_nic(id, first!.id, call()), 'protected')
  await refused(t, nodes.add_security_group(id, { security_group_id: own.id }, call()), 'protected')
  await nodes.update(id, { protected: false }, call())
  await nodes.start(id, {}, call())
  await nodes.suspend(id, {}, call())
  await refused(t, attach({ subnet_id: subnetId }), 'invalid_state')
  await refused(t, nodes.list_nics('node-00000000', call()), 'resource_not_found')
})

t.test('a node has 32 NICs at most', async (t) => {
  const { cloud: { nodes }, create, nics } = await start(t)
  const { id } = await create({ networks: Array.from({ length: 32 }, () => ({ network_id: 'net-private' })) })
  t.equal((await nics(id)).length, 32)
  await refused(t, nodes.attach_nic(id, { network_id: 'net-private' }, call()), 'validation_failed', '')
})

t.test('a security group is added to all NICs of a node, and removed from them', async (t) => {
  const { cloud: { nodes }, create, get, nics, group } = await start(t)
  const { id } = await create({ networks: [{ network_id: 'net-private' }, { network_id: 'net-private' }] })
  const own = await group()
  for (let i = 0; i < 2; i++) await nodes.add_security_group(id, { security_group_id: own.id }, call())
  t.same((await nics(id)).map((nic) => nic.security_group_ids), [['sg-default', own.id], ['sg-default', own.id]])
  t.same((await get(id)).security_group_ids, ['sg-default', own.id])
  await refused(
    t, nodes.add_security_group(id, { security_group_id: 'sg-none' }, call()), 'validation_failed', '/security_group_id'
  )
  await nodes.remove_security_group(id, 'sg-default', call())
  t.same((await get(id)).security_group_ids, [own.id])
  await refused(t, nodes.remove_security_group(id, 'sg-default', call()), 'resource_not_found')
})

t.test('a floating IP is associated with the only eligible NIC, and the node lists it', async (t) => {
  const { cloud: { floating_ips: ips, floating_ip_pools: pools, nodes }, create, get, nics, ip } = await start(t)
  t.same((await pools.list(query, call())).items.map(({ id }) => id), ['net-public'])
  const one = await ips.create({ pool: 'net-public', tags: { a: 'b' } }, call())
  t.match(one, {
    state: 'available',
    address: /^198\.19\./,
    version: 4,
    pool: 'net-public',
    node_id: null,
    nic_id: null,
    fixed_address: null,
    tags: { a: 'b' }
  })
  await refused(t, ips.create({ pool: 'net-private' }, call()), 'validation_failed', '/pool', 'net-public')

  const node = await create({ networks: [{ network_id: 'net-private' }, { network_id: 'net-public' }] })
  const given = await ips.associate(one.id, { node_id: node.id }, call())
  const [nic] = await nics(node.id)
  t.match(given, { state: 'associated', node_id: node.id, nic_id: nic!.id, fixed_address: node.private_ips[0] })
  t.same(nic!.addresses.map(({ address, kind, scope }) => [address, kind, scope]), [
    [node.private_ips[0], 'fixed', 'private'], [one.address, 'floating', 'public']
  ])
  t.same((await get(node.id)).public_ips, [one.address, ...node.public_ips])
  t.match(
    await ips.associate(one.id, { node_id: node.id }, call()),
    { nic_id: nic!.id },
    'a second association changes nothing'
  )
  await refused(t, ips.associate((await ip()).id, { node_id: node.id }, call()), 'in_use')
  await refused(t, ips.associate((await ip()).id, { nic_id: nic!.id }, call()), 'in_use')

  t.match(await ips.disassociate(one.id, call()), {
    state: 'available', node_id: null, nic_id: null, fixed_address: null
  })
  t.match(await ips.disassociate(one.id, call()), { state: 'available' })
  t.same((await get(node.id)).public_ips, node.public_ips)
  await nodes.destroy(node.id, call())
})

t.test('if several NICs are eligible, the error lists them, and a request can name one', async (t) => {
  const { cloud: { floating_ips: ips, nodes }, create, nics, ip, subnet } = await start(t)
  const { id } = await create({ networks: [{ network_id: 'net-private' }, { network_id: 'net-private' }] })
  const [first, second] = await nics(id)
  const [one, other] = [await ip(), await ip()]
  const give = (input: object, to = one.id) => ips.associate(to, input as never, call())
  await refused(t, give({ node_id: id }), 'validation_failed', '/nic_id', `${first!.id}.*${second!.id}`)
  t.match(await give({ node_id: id, fixed_address: second!.addresses[0]!.address }), { nic_id: second!.id })
  t.match(
    await give({ nic_id: first!.id }), {
      nic_id: first!.id, fixed_address: first!.addresses[0]!.address
    }, 'the floating IP moves to this NIC'
  )
  t.equal((await nics(id))[1]!.addresses.length, 1)
  t.match(
    await give({ node_id: id }, other.id),
    { nic_id: second!.id },
    'a NIC with a floating IP is not eligible for another'
  )
  for (const [input, pointer] of [
    [{ node_id: 'node-none' }, '/node_id'], [{ nic_id: 'nic-none' }, '/nic_id'],
    [{ node_id: (await create()).id, nic_id: first!.id }, '/nic_id'],
    [{ nic_id: first!.id, fixed_address: '10.0.9.9' }, '/fixed_address'],
    [{ node_id: id, fixed_address: '10.0.9.9' }, '/node_id']
  ] as const) await refused(t, give(input), 'validation_failed', pointer)
  const outside = await create(
    { networks: [{ network_id: 'net-public' }, { subnet_id: (await subnet('2001:db8::/64')).id }] }
  )
  await refused(t, give({ node_id: outside.id }), 'validation_failed', '/node_id', outside.public_ips[0])
  await refused(t, give({ nic_id: (await nics(outside.id))[0]!.id }), 'validation_failed', '/nic_id')
  await nodes.detach_nic(id, first!.id, call())
  t.match(
    await ips.get(one.id, plain, call()),
    { state: 'available', nic_id: null },
    'the floating IP stays when the NIC is detached'
  )
})

t.test('a floating IP stays when its node is destroyed, and the node stays when the floating IP is', async (t) => {
  const { cloud: { floating_ips: ips, nodes }, create, get, ip } = await start(t)
  const [node, other] = [await create(), await create()]
  const { id, address } = await ip()
  await ips.associate(id, { node_id: node.id }, call())
  await nodes.destroy(node.id, call())
  t.match(await ips.get(id, plain, call()), { state: 'available', node_id: null, nic_id: null, fixed_address: null })
  await ips.associate(id, { node_id: other.id }, call())
  t.same((await get(other.id)).public_ips, [address])
  await ips.destroy(id, call())
  t.same((await get(other.id)).public_ips, [])
  await refused(t, ips.destroy(id, call()), 'resource_not_found')
})

t.test('the state file keeps everything over a restart', async (t) => {
  const file = join(t.testdir(), 'state.json')
  const before = await start(t, { state_file: file })
  const made = await before.subnet('10.1.0.0/24')
  const { id: routerId } = await before.router()
  await before.cloud.routers.add_interface(routerId, { subnet_id: made.id }, call())
  const node = await before.create(
    { networks: [{ subnet_id: made.id }], security_group_ids: [(await before.group()).id] }
  )
  await before.cloud.floating_ips.associate((await before.ip()).id, { node_id: node.id }, call())
  const after = await start(t, { state_file: file })
  for (const service of [
    'key_pairs', 'networks', 'subnets', 'routers', 'security_groups', 'floating_ips', 'nodes'
  ] as const) {
    t.same(
      (await after.cloud[service].list(query, call())).items,
      (await before.cloud[service].list(query, call())).items,
      service
    )
  }
  await refused(t, after.cloud.subnets.destroy(made.id, call()), 'in_use')
  await refused(
    t,
    after.create({ networks: [{ subnet_id: made.id, fixed_ip: node.private_ips[0]! }] }),
    'validation_failed',
    '/networks/0/fixed_ip'
  )
  t.not((await after.ip()).address, (await before.cloud.floating_ips.list(query, call())).items[0]!.address)
})

t.test('a state file without networks is read, and the built-in records are added', async (t) => {
  const file = join(t.testdir(), 'state.json')
  const before = await start(t, { state_file: file })
  const { id, private_ips: addresses } = await before.create()
  const { collections, nodes: [node], ...rest } = JSON.parse(readFileSync(file, 'utf8'))
  const nics = node.nics.map(
    ({ id, network_id: network, address }: Record<string, string>) => ({ id, network_id: network, address })
  )
  writeFileSync(file, JSON.stringify({ ...rest, nodes: [{ ...node, nics }] }))
  const { cloud, get, create } = await start(t, { state_file: file })
  t.match(await get(id), { private_ips: addresses, security_group_ids: ['sg-default'] })
  t.same((await cloud.networks.list(query, call())).items.map((network) => network.id), ['net-private', 'net-public'])
  await refused(t, cloud.subnets.destroy('subnet-private', call()), 'in_use')
  t.notSame((await create()).private_ips, addresses)
})

t.test('faults apply to these methods by name', async (t) => {
  const { cloud, network } = await start(t, {
    faults: [
      { on: 'networks.create', kind: 'unavailable', when: 'after', times: 1 },
      { on: 'key_pairs.*', kind: 'error' },
      { on: 'nodes.list_nics', kind: 'reset' }
    ]
  })
  await t.rejects(network(), { code: 'provider_unavailable', outcomeUnknown: true })
  t.equal(
    (await cloud.networks.list(query, call())).items.length,
    3,
    'the network was created although the answer is an error'
  )
  await refused(t, cloud.key_pairs.list(query, call()), 'provider_error')
  await t.rejects(cloud.nodes.list_nics('node-00000000', call()), {
    code: 'provider_unavailable', outcomeUnknown: false
  })
})
