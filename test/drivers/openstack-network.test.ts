import t from 'tap'
import type { Services } from '../../drivers/driver.ts'
import { isWithin } from '../../drivers/openstack/network/fixed-ips.ts'
import { patchTagList, tagQuery } from '../../drivers/openstack/client/tags.ts'
import type { NeutronRule } from '../../drivers/openstack/network/neutron.ts'
import { toRule, toRuleBody } from '../../drivers/openstack/network/security-rules.ts'
import { id, query, refused, start, type FakeRequest, type Routes } from './openstack-fake.ts'

type Tested = 'networks' | 'subnets' | 'routers' | 'security_groups' | 'floating_ips' | 'key_pairs'
type Network = Required<Pick<Services, Tested>>

const other = '00000000-0000-4000-8000-000000000002'
const network = {
  id,
  name: 'net',
  status: 'ACTIVE',
  subnets: ['s1'],
  mtu: 1450,
  shared: false,
  'router:external': false,
  tags: ['a=b', 'word']
}
const neutron = (path: string) => `/network/v2.0/${path}`
const failure = (status: number, type: string, message: string) => ({
  status,
  body: { NeutronError: { type, message, detail: '' } }
})

async function open (t: Parameters<typeof start>[0], routes: Routes) {
  const started = await start(t, routes)
  const cloud = started.cloud as { [S in keyof Network]: Required<Network[S]> }
  return { ...started, cloud }
}

t.test('a page of networks takes one call for all their subnets', async (t) => {
  const { cloud, call, of, asked } = await open(t, {
    [`GET ${neutron('networks')}`]: {
      body: { networks: [network, { ...network, id: other, name: '', subnets: ['s2', 's3'] }] }
    },
    [`GET ${neutron('subnets')}`]: {
      body: {
        subnets: [{ id: 's1', network_id: id, cidr: '10.0.0.0/24' }, { id: 's2', network_id: other, cidr: 'fd00::/64' }]
      }
    }
  })
  const filters = { name: ['net'], is_external: ['false'], tag: ['a=b'] }
  const { items } = await cloud.networks.list({ ...query, filters }, call())
  t.match(items, [
    {
      id,
      name: 'net',
      state: 'available',
      cidrs: ['10.0.0.0/24'],
      is_external: false,
      subnet_ids: ['s1'],
      tags: { a: 'b', word: '' }
    },
    { id: other, name: null, cidrs: ['fd00::/64'] }
  ])
  const [{ query: sent }] = of(`GET ${neutron('networks')}`) as [FakeRequest]
  t.strictSame(Object.fromEntries(sent), {
    name: 'net',
    tags: 'a=b',
    'router:external': 'false',
    limit: '100',
    sort_key: 'id',
    sort_dir: 'asc'
  })
  t.strictSame(of(`GET ${neutron('subnets')}`)[0]!.query.getAll('network_id'), [id, other])
  t.equal(asked.length, 3, 'and one for the token')
})

t.test('a page that does not follow its marker is an error', async (t) => {
  const { cloud, call } = await open(t, {
    [`GET ${neutron('security-groups')}`]: { body: { security_groups: [{ id }] } }
  })
  t.match(await cloud.security_groups.list({ ...query, token: '00000000-0000-4000-8000-000000000000' }, call()), {
    items: [{ id }]
  })
  t.match(await refused(cloud.security_groups.list({ ...query, token: other }, call())), { code: 'invalid_request' })
})

t.test('if the tags of a create are refused, nothing is left', async (t) => {
  const { cloud, call, of, routes } = await open(t, {
    [`POST ${neutron('networks')}`]: { status: 201, body: { network: { ...network, tags: [] } } },
    [`PUT ${neutron(`networks/${id}/tags`)}`]: failure(
      400,
      'InvalidInput',
      "Invalid input for operation: 'x' exceeds maximum length of 60."
    ),
    [`DELETE ${neutron(`networks/${id}`)}`]: { status: 204 }
  })
  t.match(await refused(cloud.networks.create({ name: 'net', tags: { a: 'b' } }, call())), {
    code: 'validation_failed', details: { errors: [{ pointer: '/tags' }] }
  })
  t.equal(of(`DELETE ${neutron(`networks/${id}`)}`).length, 1)
  routes[`DELETE ${neutron(`networks/${id}`)}`] = { status: 500, body: {} }
  t.match(await refused(cloud.networks.create({ name: 'net', tags: { a: 'b' } }, call())), {
    message: new RegExp(`${id} was made`)
  })
  t.match(await refused(cloud.networks.create({ name: 'n', tags: { 'a=b': 'c', x: 'y'.repeat(254) } }, call())), {
    details: { errors: [{ pointer: '/tags/a=b' }, { pointer: '/tags/x' }] }
  })
})

t.test('an update is one call for fields and one for tags; an error names what was applied', async (t) => {
  const { cloud, call, of, routes } = await open(t, {
    [`GET ${neutron(`routers/${id}`)}`]: { body: { router: { id, tags: ['keep=1', 'drop=2', 'word'] } } },
    [`PUT ${neutron(`routers/${id}`)}`]: { body: { router: { id } } },
    [`PUT ${neutron(`routers/${id}/tags`)}`]: { body: { tags: [] } }
  })
  await cloud.routers.update(id, { name: 'r', external_gateway: null, tags: { drop: null, add: '3' } }, call())
  t.strictSame(of(`PUT ${neutron(`routers/${id}`)}`)[0]!.body, { router: { name: 'r', external_gateway_info: null } })
  t.strictSame(of(`PUT ${neutron(`routers/${id}/tags`)}`)[0]!.body, { tags: ['keep=1', 'word', 'add=3'] })
  routes[`PUT ${neutron(`routers/${id}/tags`)}`] = { status: 403, body: {} }
  t.match(await refused(cloud.routers.update(id, { name: 'r', tags: { a: 'b' } }, call())), {
    code: 'provider_permission_denied', message: /already applied: name/
  })
})

t.test('a refusal of Neutron has the right code and names the field', async (t) => {
  const { cloud, call, routes } = await open(t, {})
  const subnet = { network_id: id, cidr: '10.0.0.0/24' }
  for (const [status, type, message, code, pointer] of [
    [
      400, 'InvalidInput',
      'Invalid input for operation: Requested subnet with cidr: 10.0.0.0/24 for network: x ' +
        'overlaps with another subnet.',
      'validation_failed', '/cidr'
    ],
    [404, 'NetworkNotFound', 'Network x could not be found.', 'validation_failed', '/network_id'],
    [
      400, 'HTTPBadRequest', "Invalid input for dns_nameservers. Reason: 'x' is not a valid nameserver.",
      'validation_failed', '/dns_servers'
    ],
    [
      409, 'GatewayConflictWithAllocationPools',
      'Gateway ip 10.0.0.5 conflicts with allocation pool 10.0.0.2-10.0.0.254.', 'validation_failed', '/gateway_ip'
    ],
    [409, 'OverQuota', "Quota exceeded for resources: ['subnet'].", 'provider_quota_exceeded', undefined]
  ] as const) {
    routes[`POST ${neutron('subnets')}`] = failure(status, type, message)
    const { code: told, details } = await refused(cloud.subnets.create(subnet, call()))
    t.strictSame([told, details.errors?.[0]?.pointer], [code, pointer], message)
  }
  const tooLong = "Invalid input for name. Reason: 'xx' exceeds maximum length of 255."
  routes[`PUT ${neutron(`subnets/${id}`)}`] = failure(400, 'HTTPBadRequest', tooLong)
  t.match(await refused(cloud.subnets.update(id, { name: 'xx' }, call())), {
    details: { errors: [{ pointer: '/name' }] }
  })
  for (const [status, type, message, code] of [
    [409, 'RouterInUse', 'Router x still has ports', 'in_use'], [
      404, 'RouterNotFound', 'Router x could not be found', 'resource_not_found'
    ]
  ] as const) {
    routes[`DELETE ${neutron(`routers/${id}`)}`] = failure(status, type, message)
    t.equal((await refused(cloud.routers.destroy(id, call()))).code, code)
  }
  for (const [status, type, message, code] of [
    [400, 'BadRequest', 'Bad router request: Router already has a port on subnet x.', 'already_exists'],
    [404, 'SubnetNotFound', 'Subnet x could not be found.', 'validation_failed'],
    [404, 'RouterNotFound', 'Router x could not be found', 'resource_not_found']
  ] as const) {
    routes[`PUT ${neutron(`routers/${id}/add_router_interface`)}`] = failure(status, type, message)
    t.equal((await refused(cloud.routers.add_interface(id, { subnet_id: other }, call()))).code, code)
  }
})

const sent = (...input: Parameters<typeof toRuleBody>) => JSON.parse(JSON.stringify(toRuleBody(...input))) as unknown

t.test('rules: ICMP uses the fields of ports, the family comes from the addresses', async (t) => {
  const raw: NeutronRule = {
    id,
    security_group_id: 'g',
    direction: 'ingress',
    ethertype: 'IPv6',
    protocol: 'ipv6-icmp',
    port_range_min: 128,
    port_range_max: 0
  }
  t.match(toRule(raw), { protocol: 'icmpv6', port_min: null, port_max: null, icmp_type: 128, icmp_code: 0, cidr: null })
  t.match(toRule({ ...raw, protocol: '47', port_range_min: null, port_range_max: null }), {
    protocol: '47',
    icmp_type: null
  })
  t.match(toRule({ ...raw, protocol: 'tcp' }), { port_min: 128, port_max: 0, icmp_type: null })
  t.match(toRule({ ...raw, protocol: 'any' }), { protocol: null })
  const common = { security_group_id: 'g', ethertype: 'IPv4' }
  t.strictSame(
    sent('g', { direction: 'ingress', protocol: 'tcp', port_min: 80 }),
    { ...common, direction: 'ingress', protocol: 'tcp', port_range_min: 80, port_range_max: 80 }
  )
  t.strictSame(
    sent('g', { direction: 'egress', protocol: null, cidr: 'fd00::/8' }),
    { ...common, direction: 'egress', ethertype: 'IPv6', remote_ip_prefix: 'fd00::/8' }
  )
  t.strictSame(
    sent('g', { direction: 'egress', protocol: 'icmp', icmp_type: 8 }),
    { ...common, direction: 'egress', protocol: 'icmp', port_range_min: 8 }
  )
})

t.test('a rule never shows less restriction than it has', async (t) => {
  const raw: NeutronRule = { id, security_group_id: 'g', direction: 'ingress', ethertype: 'IPv4' }
  const nobody = { cidr: null, remote_group_id: null }
  t.match(toRule(raw), { ...nobody, remote: 'any', remote_address_group_id: null })
  t.match(toRule({ ...raw, remote_ip_prefix: '0.0.0.0/0' }), { remote: 'cidr', cidr: '0.0.0.0/0' })
  t.match(toRule({ ...raw, remote_group_id: 'r' }), { remote: 'security_group', remote_group_id: 'r' })
  t.match(
    toRule({ ...raw, remote_address_group_id: 'a', remote_ip_prefix: null, remote_group_id: null }),
    { ...nobody, remote: 'address_group', remote_address_group_id: 'a' }
  )
  const later: NeutronRule & Record<string, unknown> = { ...raw, remote_domain: 'x' }
  t.match(toRule(later), { ...nobody, remote: 'unknown' })
  t.match(toRule({ ...raw, ethertype: null, protocol: '' }), { remote: 'any', protocol: null })
})

t.test('a rule of another group is not found', async (t) => {
  const { cloud, call, of } = await open(t, {
    [`GET ${neutron(`security-group-rules/${other}`)}`]: {
      body: { security_group_rule: { id: other, security_group_id: 'another' } }
    }
  })
  t.match(await refused(cloud.security_groups.destroy_rule(id, other, call())), { code: 'resource_not_found' })
  t.equal(of(`DELETE ${neutron(`security-group-rules/${other}`)}`).length, 0)
})

t.test('a tag list keeps other tags; a filter is sent only if it misses nothing', async (t) => {
  t.strictSame(patchTagList(['a=1', 'word', 'b=2', '=x'], { a: '3', word: null, c: '' }), ['b=2', '=x', 'a=3', 'c='])
  t.strictSame(tagQuery(['a=b', 'c=d']), { tags: 'a=b,c=d' })
  for (const tags of [[], ['a'], ['a='], ['a=b,c'], ['a=b', 'c']]) t.strictSame(tagQuery(tags), {})
})

t.test('an address is inside or outside of a block', async (t) => {
  for (const [address, cidr, within] of [
    ['10.0.0.5', '10.0.0.0/24', true], ['10.0.1.5', '10.0.0.0/24', false], ['fd00::5', 'fd00::/64', true],
    ['fd00::5', '10.0.0.0/24', false], ['x', '10.0.0.0/24', false]
  ] as const) t.equal(isWithin(address, cidr), within)
})

t.test('a key pair: the private key is under secrets only; ed25519 pairs are not supported', async (t) => {
  const { cloud, call, routes, of } = await open(t, {
    'POST /compute/v2.1/os-keypairs': {
      body: { keypair: { name: 'k', public_key: 'ssh-rsa AAAA', type: 'ssh', private_key: 'SECRET' } }
    },
    'GET /compute/v2.1/os-keypairs': {
      body: {
        keypairs: [{ keypair: { name: 'k', public_key: 'ssh-ed25519 AAAA', type: 'ssh' } }],
        keypairs_links: [{ rel: 'next', href: '?marker=k' }]
      }
    }
  })
  t.match(await cloud.key_pairs.create({ name: 'k', type: 'rsa' }, call()), {
    id: 'k',
    type: 'rsa',
    secrets: { private_key: 'SECRET' }
  })
  t.strictSame(of('POST /compute/v2.1/os-keypairs')[0]!.body, { keypair: { name: 'k' } })
  t.equal(
    of('POST /compute/v2.1/os-keypairs')[0]!.headers['openstack-api-version'],
    'compute 2.2',
    'from 2.92 on no pair is made'
  )
  const { items, next } = await cloud.key_pairs.list({ ...query, extra: true }, call())
  t.match(items, [{ id: 'k', type: 'ed25519' }])
  t.equal(next, 'k')
  t.equal(of('GET /compute/v2.1/os-keypairs')[0]!.headers['openstack-api-version'], 'compute 2.35')
  t.match(await refused(cloud.key_pairs.create({ name: 'k', type: 'ed25519' }, call())), {
    code: 'not_supported',
    details: { capability: 'key_pairs.create.type' }
  })
  t.match(await refused(cloud.key_pairs.create({ name: 'k', type: 'rsa', public_key: 'ssh-ed25519 AAAA' }, call())), {
    code: 'validation_failed'
  })
  routes['POST /compute/v2.1/os-keypairs'] = {
    status: 409,
    body: { conflictingRequest: { code: 409, message: "Key pair 'k' already exists." } }
  }
  t.equal((await refused(cloud.key_pairs.create({ name: 'k' }, call()))).code, 'already_exists')
})
