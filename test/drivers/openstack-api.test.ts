import t, { type Test } from 'tap'
import { build } from '../helper/app.ts'
import { action, auth, id, server, startFake, type FakeRequest, type Routes } from './openstack-fake.ts'

const create = 'POST /compute/v2.1/servers'
const nodes = '/api/v2/clouds/default/nodes'

/** Starts the whole server on a fake cloud. */
async function open (t: Test, routes: Routes) {
  const fake = await startFake(t, routes)
  const built = await build(t, { clouds: { default: { driver: 'openstack', auth: fake.credentials } } })
  // Without tokens, versions and the health check.
  const calls = () => fake.asked.map(({ method, path }: FakeRequest) => `${method} ${path}`)
    .filter((call) => !/tokens$|v2\.1\/$|GET .*(v2\.1\/servers|import)$/.test(call))
  return { ...fake, ...built, calls }
}

t.test('a stop makes three calls', async (t) => {
  const { api, calls, routes } = await open(t, {
    [action]: () => {
      routes[`GET /compute/v2.1/servers/${id}`] = { body: { server: { ...server, status: 'SHUTOFF' } } }
      return { status: 202 }
    }
  })
  const { body } = await api.post(`${nodes}/${id}/actions/stop`)
  t.match(await api.ended(body), { status: 'succeeded' })
  t.strictSame(calls(), [`GET /compute/v2.1/servers/${id}`, action, `GET /compute/v2.1/servers/${id}`])
})

t.test('20 nodes of one create are followed by one call for each poll', async (t) => {
  const listed = 'GET /compute/v2.1/servers/detail'
  const made = Array.from({ length: 20 }, (_, i) => ({
    ...server, id: id.replace(/..$/, String(i + 10)), status: 'BUILD'
  }))
  let polls = 0
  const { api, calls } = await open(t, {
    [create]: ({ body }) => {
      const { metadata } = (body as { server: { metadata: object } }).server
      for (const one of made) one.metadata = metadata
      return { status: 202, body: { server: { id: made[0]!.id } } }
    },
    [listed]: ({ query }) => {
      if (query.get('changes-since') === null) polls++
      return { body: { servers: made.map((one) => ({ ...one, status: polls > 3 ? 'ACTIVE' : 'BUILD' })) } }
    }
  })
  const { body } = await api.post(nodes, { name: 'web', image_id: id, size_id: '1', count: 20 })
  t.match(await api.ended(body), { status: 'succeeded' })
  const expected = [create, listed, ...Array.from({ length: polls }, () => listed)]
  t.strictSame(calls(), expected, 'no call for one node, no ports')
})

t.test('a cloud is degraded while a service that was used fails, and the problem names it', async (t) => {
  const volumes = 'GET /volume/v3/p/volumes/detail'
  const { api, routes } = await open(t, {
    'GET /compute/v2.1/servers': { body: { servers: [server] } }, [volumes]: { status: 503 }
  })
  t.match((await api.get('/api/v2/clouds/default')).body.health, { status: 'up' }, 'nobody has used it yet')
  await api.get('/api/v2/clouds/default/volumes')
  t.match((await api.get('/api/v2/clouds/default')).body.health, {
    status: 'degraded', problem: { code: 'provider_unavailable', detail: /^The volume service fails: / }
  })
  t.equal((await api.get('/api/v2/clouds')).body.items[0].health.status, 'degraded', 'calls to Nova do not hide it')
  routes[volumes] = { body: { volumes: [] } }
  t.match((await api.get('/api/v2/clouds/default')).body.health, { status: 'up', problem: null })
})

t.test('a locked node refuses every action to a member, and allows them to an administrator', async (t) => {
  for (const role of ['member', 'Admin']) {
    const { api, calls, routes } = await open(t, {
      [`GET /compute/v2.1/servers/${id}`]: { body: { server: { ...server, locked: true } } },
      [action]: { status: 202 }
    })
    const authenticate = routes[auth] as () => { status: number, headers: Record<string, string>, body: any }
    routes[auth] = () => {
      const { body: { token }, ...answer } = authenticate()
      return { ...answer, body: { token: { ...token, roles: [{ name: role }] } } }
    }
    // The check of the cloud's health has a token of before.
    await api.post('/api/v2/clouds/default/actions/refresh')
    const { body: node } = await api.get(`${nodes}/${id}`)
    t.equal(node.protected, true)
    const { status, body } = await api.post(`${nodes}/${id}/actions/reboot`, { type: 'hard' })
    if (role === 'member') {
      t.strictSame([node.allowed_actions, node.reboot_types], [[], []])
      t.match([status, body.code], [409, 'protected'])
      t.notOk(calls().includes(action), 'without a call')
    } else {
      t.ok(node.allowed_actions.includes('destroy'))
      t.equal(status, 202)
      t.ok(calls().includes(action))
    }
  }
})
