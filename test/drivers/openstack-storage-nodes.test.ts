import t from 'tap'
import { action, id, input, list, refused, server, start } from './openstack-fake.ts'

const servers = 'POST /compute/v2.1/servers'
const consoles = `POST /compute/v2.1/servers/${id}/remote-consoles`

t.test('several nodes are created by one call and found by the operation', async (t) => {
  const made = ['1', '2'].map((one) => ({
    ...server,
    id: one,
    name: `web-${one}`,
    metadata: { 'orchestrator:operation': 'op' }
  }))
  const { nodes, call, routes, of } = await start(t, {
    [servers]: { status: 202, body: { server: { id: '1', adminPass: 'pw' } } },
    [list]: { body: { servers: [server, ...made] } }
  })
  t.strictSame(await nodes.create({ ...input, count: 2 }, call({ operation: 'op' })), {
    resources: [
      { kind: 'node', id: '1' },
      { kind: 'node', id: '2' }
    ],
    until: { states: ['running'] },
    secrets: { admin_password: 'pw' }
  })
  t.match(of(servers)[0]!.body, { server: { min_count: 2, max_count: 2 } })
  t.equal(of(list)[0]!.query.get('name'), '^web-.*$')
  routes[list] = { status: 500 }
  t.match(
    await refused(nodes.create({ ...input, count: 2 }, call({ operation: 'op' }))),
    { outcomeUnknown: true },
    'they are looked for again'
  )
  routes[list] = { body: { servers: [made[0]] } }
  t.match(await refused(nodes.create({ ...input, count: 2 }, call({ operation: 'op' }))), { outcomeUnknown: true })
})

t.test('a root volume is created from the image', async (t) => {
  const { nodes, call, of, asked } = await start(t, { [servers]: { status: 202, body: { server: { id } } } })
  await nodes.create({ ...input, root_volume: { size: 20 } }, call())
  const disk = {
    boot_index: 0,
    uuid: 'img',
    source_type: 'image',
    destination_type: 'volume',
    volume_size: 20,
    delete_on_termination: true
  }
  t.match(of(servers)[0], {
    headers: { 'openstack-api-version': undefined },
    body: { server: { imageRef: '', block_device_mapping_v2: [disk] } }
  })
  await nodes.create({ ...input, root_volume: { size: 20, type: 'fast', delete_on_termination: false } }, call())
  t.match(of(servers)[1], {
    headers: { 'openstack-api-version': 'compute 2.67' },
    body: {
      server: {
        networks: 'auto',
        block_device_mapping_v2: [{ ...disk, volume_type: 'fast', delete_on_termination: false }]
      }
    }
  })
  asked.length = 0
  t.match(await refused(nodes.create({ ...input, root_volume: {} }, call())), {
    details: { errors: [{ pointer: '/root_volume/size' }] }
  })
  t.equal(asked.length, 0)
})

t.test('a console returns a text or an address', async (t) => {
  const { nodes, call, routes, of } = await start(t, {
    [action]: { body: { output: 'booted' } },
    [consoles]: { body: { remote_console: { protocol: 'vnc', type: 'novnc', url: 'http://screen/' } } }
  })
  const empty = { text: null, url: null, expires_at: null }
  t.strictSame(await nodes.console(id, 'text', call()), { ...empty, kind: 'text', text: 'booted' })
  t.strictSame(await nodes.console(id, 'url', call()), { ...empty, kind: 'url', url: 'http://screen/' })
  t.match(of(consoles), [
    {
      headers: { 'openstack-api-version': 'compute 2.6' },
      body: { remote_console: { protocol: 'vnc', type: 'novnc' } }
    }
  ])
  routes[action] = { body: { output: null } }
  t.equal((await nodes.console(id, 'text', call())).text, '')
  routes[consoles] = { status: 400, body: { badRequest: { code: 400, message: 'Unavailable console type novnc.' } } }
  t.match(await refused(nodes.console(id, 'url', call())), {
    code: 'not_supported',
    details: { capability: 'nodes.console' }
  })
  routes[consoles] = {
    status: 409,
    body: { conflictingRequest: { code: 409, message: `Instance ${id} is not ready` } }
  }
  t.match(await refused(nodes.console(id, 'url', call())), { code: 'invalid_state', details: { state: 'running' } })
})
