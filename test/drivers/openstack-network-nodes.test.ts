import t from 'tap'
import type { FloatingIpService } from '../../drivers/driver.ts'
import { id, input, query, refused, server, start, type Answer, type Routes } from './openstack-fake.ts'

const pool = '00000000-0000-4000-8000-0000000000aa'
const ports = 'GET /network/v2.0/ports'
const newPort = 'POST /network/v2.0/ports'
const create = 'POST /compute/v2.1/servers'
const attach = `POST /compute/v2.1/servers/${id}/os-interface`
const port = (name: string, address: string, more: object = {}) =>
  ({
    id: name,
    device_id: id,
    device_owner: 'compute:nova',
    network_id: 'n',
    mac_address: name,
    status: 'ACTIVE',
    fixed_ips: [{ ip_address: address, subnet_id: `s-${name}` }],
    security_groups: ['g'],
    ...more
  })
const withPorts = (...list: object[]): Answer => ({ body: { ports: list } })
const subnet: Answer = { body: { subnets: [{ id: 's', network_id: 'n', cidr: '10.0.0.0/24' }] } }

async function open (t: Parameters<typeof start>[0], routes: Routes) {
  const started = await start(t, routes)
  return { ...started, ips: started.cloud.floating_ips as Required<FloatingIpService> }
}

t.test('a NIC in a subnet or with own security groups gets a port first', async (t) => {
  const { nodes, call, of } = await open(t, {
    'GET /network/v2.0/subnets': subnet,
    [newPort]: { status: 201, body: { port: { id: 'p1' } } },
    [create]: { status: 202, body: { server: { id } } }
  })
  const networks = [{ subnet_id: 's', fixed_ip: '10.0.0.9' }, { network_id: 'm' }]
  await nodes.create({ ...input, networks, security_group_ids: ['g'] }, call({ operation: 'op' }))
  t.strictSame(of(newPort)[0]!.body, {
    port: {
      network_id: 'n',
      name: 'orchestrator:op',
      fixed_ips: [{ subnet_id: 's', ip_address: '10.0.0.9' }],
      security_groups: ['g']
    }
  })
  t.match(of(create)[0]!.body, { server: { networks: [{ port: 'p1' }, { uuid: 'm' }] } })
  t.strictSame(of(ports)[0]!.query.get('name'), 'orchestrator:op', 'those of an earlier attempt are looked for')
})

t.test('the check of a create throws what the create would throw, and makes no port and no server', async (t) => {
  const { nodes, call, of } = await open(t, { 'GET /network/v2.0/subnets': subnet })
  const pointers = async (fields: object) => {
    const { code, details } = await refused(nodes.checkCreate!({ ...input, ...fields }, call()))
    t.equal(code, 'validation_failed')
    return details.errors!.map(({ pointer }) => pointer)
  }
  t.strictSame(await pointers({ root_volume: {} }), ['/root_volume/size'])
  t.strictSame(await pointers({ tags: { 'orchestrator:operation': 'x' } }), ['/tags/orchestrator:operation'])
  t.strictSame(await pointers({ networks: [{ fixed_ip: '10.0.0.9' }] }), ['/networks/0/network_id'])
  t.strictSame(await pointers({ count: 2, networks: [{ subnet_id: 's' }] }), ['/count'])
  t.strictSame(await pointers({ networks: [{ network_id: 'n', fixed_ip: '192.0.2.9' }] }), ['/networks/0/fixed_ip'])
  await nodes.checkCreate!({ ...input, networks: [{ subnet_id: 's', fixed_ip: '10.0.0.9' }] }, call())
  t.strictSame([...of(newPort), ...of(create)], [])
})

t.test('the ports of a refused create are removed; if the outcome is unknown, they stay', async (t) => {
  const { nodes, call, of, routes } = await open(t, {
    'GET /network/v2.0/subnets': subnet,
    [ports]: withPorts({ id: 'old', device_id: '' }, { id: 'taken', device_id: 'x' }),
    [newPort]: { status: 201, body: { port: { id: 'p1' } } },
    'DELETE /network/v2.0/ports/p1': { status: 204 },
    'DELETE /network/v2.0/ports/old': { status: 204 },
    [create]: { status: 400, body: { badRequest: { message: 'Can not find requested image' } } }
  })
  const networks = [{ subnet_id: 's' }]
  t.match(await refused(nodes.create({ ...input, networks }, call({ operation: 'op' }))), { code: 'validation_failed' })
  t.equal(of('DELETE /network/v2.0/ports/p1').length, 1)
  t.equal(of('DELETE /network/v2.0/ports/old').length, 1, 'left by an attempt before')
  t.equal(of('DELETE /network/v2.0/ports/taken').length, 0)
  routes[create] = { status: 504, body: {} }
  t.match(await refused(nodes.create({ ...input, networks }, call({ operation: 'op' }))), { outcomeUnknown: true })
  t.equal(of('DELETE /network/v2.0/ports/p1').length, 1)
  routes[newPort] = {
    status: 404,
    body: { NeutronError: { type: 'SecurityGroupNotFound', message: 'Security group x does not exist' } }
  }
  const grouped = [{ network_id: 'n', security_group_ids: ['x'] }]
  t.match(await refused(nodes.create({ ...input, networks: grouped }, call())), {
    details: { errors: [{ pointer: '/networks/0/security_group_ids' }] }
  })
})

t.test('an address outside of its network is refused at its field', async (t) => {
  const { nodes, call, of } = await open(t, {
    'GET /network/v2.0/subnets': subnet,
    'GET /network/v2.0/networks': { body: { networks: [{ id: 'n' }] } }
  })
  const networks = [{ network_id: 'm' }, { network_id: 'n', fixed_ip: '192.0.2.1' }]
  t.match(await refused(nodes.create({ ...input, networks }, call())), {
    details: { errors: [{ pointer: '/networks/1/fixed_ip' }] }
  })
  t.match(await refused(nodes.attach_nic(id, { network_id: 'n', fixed_ip: '192.0.2.1' }, call())), {
    details: { errors: [{ pointer: '/fixed_ip' }] }
  })
  t.equal(of(create).length + of(attach).length, 0)
})

t.test('the ports that were created for a node are removed with it', async (t) => {
  const { nodes, call, asked, routes, of } = await open(t, {
    [ports]: withPorts(port('a', '10.0.0.1'), port('b', '10.0.0.2', { name: 'orchestrator:op' })),
    [`DELETE /compute/v2.1/servers/${id}`]: { status: 204 },
    'DELETE /network/v2.0/ports/b': { status: 404, body: {} }
  })
  await nodes.destroy(id, call())
  t.strictSame(asked.filter(({ method }) => method === 'DELETE').map(({ path }) => path.split('/').pop()), [id, 'b'])
  routes[`GET /compute/v2.1/servers/${id}`] = {
    body: { server: { ...server, metadata: { 'orchestrator:operation': 'op' } } }
  }
  routes[ports] = ({ query }) => withPorts(
    ...(query.get('name') === 'orchestrator:op' ? [{ id: 'b', device_id: '' }] : [])
  )
  await nodes.destroy(id, call())
  t.equal(of('DELETE /network/v2.0/ports/b').length, 2, 'also where the build failed')
  routes[ports] = { status: 500, body: {} }
  t.match(await nodes.destroy(id, call()), { until: { gone: true } }, 'Neutron keeps nobody from it')
  routes[`DELETE /compute/v2.1/servers/${id}`] = {
    status: 409,
    body: { conflictingRequest: { message: 'Instance is locked' } }
  }
  routes[ports] = withPorts(port('b', '10.0.0.2', { name: 'orchestrator:op' }))
  t.match(await refused(nodes.destroy(id, call())), { code: 'protected' })
  t.equal(of('DELETE /network/v2.0/ports/b').length, 2, 'one that stays keeps its ports')
})

t.test('NICs are ports, with the floating addresses of the server', async (t) => {
  const addresses = {
    net: [{ addr: '203.0.113.9', version: 4, 'OS-EXT-IPS:type': 'floating', 'OS-EXT-IPS-MAC:mac_addr': 'a' }]
  }
  const { nodes, call } = await open(t, {
    [ports]: withPorts(port('a', '10.0.0.1'), port('b', 'fd00::1', { status: 'DOWN' })),
    [`GET /compute/v2.1/servers/${id}`]: { body: { server: { ...server, addresses } } }
  })
  t.match(await nodes.list_nics(id, call()), [
    {
      id: 'a',
      subnet_id: 's-a',
      mac: 'a',
      state: 'available',
      security_group_ids: ['g'],
      addresses: [
        { address: '10.0.0.1', kind: 'fixed', scope: 'private' },
        { address: '203.0.113.9', kind: 'floating', scope: 'public' }
      ]
    },
    { id: 'b', state: 'down', addresses: [{ address: 'fd00::1', version: 6 }] }
  ])
})

t.test('a NIC is detached when its port no longer belongs to the node', async (t) => {
  let looks = 0
  const { nodes, call, of, routes } = await open(t, {
    [ports]: () => ++looks < 3 ? withPorts({ id: 'b', name: 'orchestrator:op' }) : withPorts(),
    [`DELETE /compute/v2.1/servers/${id}/os-interface/b`]: { status: 202 },
    'DELETE /network/v2.0/ports/b': { status: 204 }
  })
  t.match(await nodes.detach_nic(id, 'b', call()), { until: { states: [] } })
  t.equal(looks, 3)
  t.equal(of('DELETE /network/v2.0/ports/b').length, 1, 'Nova leaves it behind')
  t.match(await refused(nodes.detach_nic(id, 'b', call())), { code: 'resource_not_found' })
  routes[ports] = withPorts({ id: 'b' })
  t.match(await refused(nodes.detach_nic(id, 'b', call({ timeout: 300 }))), { code: 'provider_timeout' })
})

t.test('a port that was created for a refused attachment is removed', async (t) => {
  const { nodes, call, of } = await open(t, {
    'GET /network/v2.0/subnets': subnet,
    [newPort]: { status: 201, body: { port: { id: 'p1' } } },
    'DELETE /network/v2.0/ports/p1': { status: 204 },
    [attach]: {
      status: 409,
      body: { conflictingRequest: { message: "Cannot 'attach_interface' instance while it is in vm_state error" } }
    }
  })
  t.match(await refused(nodes.attach_nic(id, { subnet_id: 's' }, call())), {
    code: 'invalid_state',
    details: { state: 'running' }
  })
  t.equal(of('DELETE /network/v2.0/ports/p1').length, 1)
})

t.test('a security group is added to all NICs that lack it', async (t) => {
  const { nodes, call, asked } = await open(t, {
    [ports]: withPorts(port('a', '10.0.0.1'), port('b', '10.0.0.2', { security_groups: ['new'] })),
    'PUT /network/v2.0/ports/a': { body: { port: {} } },
    'PUT /network/v2.0/ports/b': { body: { port: {} } }
  })
  await nodes.add_security_group(id, { security_group_id: 'new' }, call())
  await nodes.remove_security_group(id, 'new', call())
  t.strictSame(asked.filter(({ method }) => method === 'PUT').map(({ path, body }) => [path.split('/').pop(), body]),
    [['a', { port: { security_groups: ['g', 'new'] } }], ['b', { port: { security_groups: [] } }]])
  t.match(await refused(nodes.remove_security_group(id, 'none', call())), { code: 'resource_not_found' })
})

t.test('a floating IP goes to the only suitable NIC; otherwise the error lists the NICs', async (t) => {
  const ip = { id, floating_network_id: pool, floating_ip_address: '203.0.113.9', status: 'DOWN', port_id: null }
  const { ips, call, of, routes } = await open(t, {
    [`GET /network/v2.0/floatingips/${id}`]: { body: { floatingip: ip } },
    [`PUT /network/v2.0/floatingips/${id}`]: { body: { floatingip: ip } },
    'GET /network/v2.0/routers': { body: { routers: [{ id: 'r', external_gateway_info: { network_id: pool } }] } }
  })
  const put = () => of(`PUT /network/v2.0/floatingips/${id}`).at(-1)!.body
  const portsOf = (node: object[], router: object[]) => {
    routes[ports] = ({ query }) => withPorts(...(query.getAll('device_id').includes('r') ? router : node))
  }
  portsOf([port('a', '10.0.0.1'), port('v6', 'fd00::1')], [])
  await ips.associate(id, { node_id: id }, call())
  t.strictSame(put(), { floatingip: { port_id: 'a' } })
  portsOf([port('a', '10.0.0.1'), port('b', '10.0.1.1')], [
    { id: 'i', device_id: 'r', fixed_ips: [{ ip_address: '10.0.1.254', subnet_id: 's-b' }] }
  ])
  await ips.associate(id, { node_id: id }, call())
  t.strictSame(put(), { floatingip: { port_id: 'b' } })
  await ips.associate(id, { node_id: id, fixed_address: '10.0.0.1' }, call())
  t.strictSame(put(), { floatingip: { port_id: 'a', fixed_ip_address: '10.0.0.1' } })
  portsOf([port('a', '10.0.0.1'), port('b', '10.0.1.1')], [])
  t.match(await refused(ips.associate(id, { node_id: id }, call())), {
    code: 'validation_failed', details: { errors: [{ pointer: '/node_id', message: /a \(10\.0\.0\.1\); b/ }] }
  })
  t.match(await refused(ips.associate(id, { node_id: id, nic_id: 'z' }, call())), {
    details: { errors: [{ pointer: '/nic_id' }] }
  })
  routes[`PUT /network/v2.0/floatingips/${id}`] = {
    status: 409,
    body: {
      NeutronError: {
        type: 'FloatingIPPortAlreadyAssociated',
        message: 'Cannot associate floating IP x with port y using fixed IP z'
      }
    }
  }
  t.equal((await refused(ips.associate(id, { nic_id: 'a' }, call()))).code, 'in_use')
})

t.test('one call reads the nodes of floating IPs; the pool is optional if there is only one', async (t) => {
  const ip = {
    id,
    floating_network_id: pool,
    floating_ip_address: '203.0.113.9',
    status: 'ACTIVE',
    port_id: 'a',
    fixed_ip_address: '10.0.0.1'
  }
  const { ips, call, routes, of } = await open(t, {
    'GET /network/v2.0/floatingips': {
      body: { floatingips: [ip, { ...ip, port_id: 'lb' }, { ...ip, port_id: null }] }
    },
    [ports]: withPorts(port('a', '10.0.0.1'), port('lb', '10.0.0.2', { device_owner: 'Octavia' })),
    'GET /network/v2.0/networks': { body: { networks: [{ id: pool, name: 'public' }] } },
    'POST /network/v2.0/floatingips': { status: 201, body: { floatingip: { ...ip, port_id: null } } }
  })
  const { items } = await ips.list({ ...query, filters: { name: ['x'], address: ['203.0.113.9'] } }, call())
  t.match(items, [
    { state: 'associated', node_id: id, nic_id: 'a', name: null },
    { state: 'associated', node_id: null },
    { state: 'available', nic_id: null }
  ])
  t.equal(of(ports).length, 1)
  t.equal(of('GET /network/v2.0/floatingips')[0]!.query.get('name'), null, 'they have none')
  await ips.create({}, call())
  t.strictSame(of('POST /network/v2.0/floatingips')[0]!.body, { floatingip: { floating_network_id: pool } })
  routes['GET /network/v2.0/networks'] = { body: { networks: [{ id: pool, name: 'a' }, { id, name: 'b' }] } }
  t.match(await refused(ips.create({}, call())), {
    details: { errors: [{ pointer: '/pool', message: /\(a\).*\(b\)/ }] }
  })
})

t.test('a cloud without Neutron answers not_supported', async (t) => {
  const { ips, nodes, call, routes } = await open(t, {})
  const auth = routes['POST /v3/auth/tokens'] as () => Answer
  routes['POST /v3/auth/tokens'] = () => {
    const { body, ...rest } = auth() as { body: { token: { catalog: { type: string }[] } } }
    return {
      ...rest,
      body: { token: { ...body.token, catalog: body.token.catalog.filter(({ type }) => type !== 'network') } }
    }
  }
  t.match(await refused(ips.list(query, call())), {
    code: 'not_supported', details: { capability: 'floating_ips.list' }
  })
  t.match(await refused(nodes.list_nics(id, call())), { code: 'not_supported' })
})
