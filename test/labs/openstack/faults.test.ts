import t, { type Test } from 'tap'
import { check } from '../../../plugins/clouds/check.ts'
import { loadSettings } from '../../../config/index.ts'
import { loadDrivers } from '../../../drivers/load.ts'
import { dummy } from '../../helper/app.ts'
import { startFaultProxy } from '../fault-proxy.ts'
import { buildOnLab, labCloud } from './app.ts'
import { openstackLab } from './lab.ts'

t.setTimeout(600_000)

const prefix = `faults-${process.pid}-`
const nodes = '/api/v2/clouds/default/nodes'

/**
 * A server whose cloud `default` is the lab behind a fault proxy, beside a dummy cloud.
 */
async function behindProxy (t: Test, settings: object = {}) {
  const lab = await openstackLab()
  const { endpoints } = await lab.api('admin', 'identity', 'GET', '/endpoints?interface=public')
  const origins = [...new Set<string>(endpoints.map(({ url }: { url: string }) => new URL(url).origin))]
  const port = (name: string) =>
    origins.find((origin) => origin.endsWith(`:${{ keystone: 5000, nova: 8774, neutron: 9696, glance: 9292 }[name]}`))
  const keystone = new URL(lab.authUrl).origin
  const targets = { keystone, nova: port('nova')!, neutron: port('neutron')!, glance: port('glance')! }
  const proxy = await startFaultProxy({ targets })
  const served = await buildOnLab(t, () => {
    const cloud = labCloud(lab, 'demo', { timeout: 3, ...settings })
    return {
      default: { ...cloud, auth: { ...cloud.auth, auth_url: lab.authUrl.replace(keystone, proxy.urls['keystone']!) } },
      other: dummy({ nodes: 3 })
    }
  })
  t.teardown(async () => {
    await proxy.close()
    await lab.purge('demo', prefix)
  })
  // Authenticate first, so that each rule applies to the call that the test means.
  await served.api.get('/api/v2/clouds/default')
  return { ...served, proxy }
}

t.test('a create whose answer is lost makes one server', async (t) => {
  const { api, lab, proxy, image_id, network_id } = await behindProxy(t)
  const create = (name: string) => api.post(nodes, { name, image_id, size_id: '1', networks: [{ network_id }] })
  const servers = async (name: string) =>
    (await lab.nova('demo', 'GET', `/servers/detail?name=${name}`)).servers as { id: string }[]
  const isCreate = { target: 'nova', method: 'POST', path: '/v2.1/servers' }

  const losses = [
    ['Nova has accepted it, and the connection breaks', { swallow: true }],
    ['Nova has accepted it, and nothing more is heard', { swallowHang: true }],
    ['Nova has accepted it, and half of the answer comes', { truncate: true }],
    ['Nova has accepted it, and a gateway answers with a page', { rewrite: () => '<html>Proxy Error</html>' }]
  ] as const
  for (const [i, [what, effect]] of losses.entries()) {
    await t.test(what, async (t) => {
      const name = `${prefix}lost-${i}`
      const rule = proxy.addRule({ ...isCreate, times: 1, ...effect })
      const { status, body } = await create(name)
      t.equal(status, 202, 'the create goes on', { body })
      t.equal(body.phase, 'reconciling')
      t.equal(rule.hits, 1)
      const operation = await api.ended(body)
      t.equal(operation.status, 'succeeded', 'the operation ends', { operation })
      const found = await servers(name)
      t.same(found.map(({ id }) => id), [operation.resource.id], 'one server exists, and the operation names it')
      t.equal((await api.get(operation.resource.self)).body.state, 'running')
    })
  }

  await t.test('a create that never reached Nova is sent again once', async (t) => {
    const name = `${prefix}never`
    proxy.addRule({ ...isCreate, times: 1, status: 502 })
    const { status, body } = await create(name)
    t.equal(status, 202)
    t.equal(body.phase, 'reconciling')
    const operation = await api.ended(body)
    t.equal(operation.status, 'succeeded', 'the operation ends', { operation })
    t.same((await servers(name)).map(({ id }) => id), [operation.resource.id])
  })
})

t.test('a stop whose answer is lost ends when the node is stopped', async (t) => {
  const { api, proxy, image_id, network_id } = await behindProxy(t)
  const made = await api.post(
    nodes,
    { name: `${prefix}stop`, image_id, size_id: '1', networks: [{ network_id }] },
    { prefer: 'wait=30' }
  )
  const { self } = made.body.resource
  proxy.addRule({ target: 'nova', method: 'POST', path: /\/action$/, times: 1, swallow: true })
  const { status, body } = await api.post(`${self}/actions/stop`)
  t.equal(status, 202)
  t.equal((await api.ended(body)).status, 'succeeded')
  t.equal((await api.get(self)).body.state, 'stopped')
})

t.test('faults of the cloud during a read', async (t) => {
  const { api, proxy } = await behindProxy(t)
  const list = { target: 'nova', method: 'GET', path: /^\/v2\.1\/servers\/detail/ }

  for (const [what, effect, status, code] of [
    ['hangs', { hang: true }, 504, 'provider_timeout'],
    ['hangs in the middle of its answer', { hangBody: true }, 504, 'provider_timeout'],
    ['breaks the connection', { reset: true }, 503, 'provider_unavailable'],
    ['answers with half a body', { truncate: true }, 502, 'provider_error'],
    ['answers with a page', { html: true, status: 200 }, 502, 'provider_error'],
    ['answers with nothing', { empty: true }, 502, 'provider_error'],
    ['answers 400', { status: 400, body: { badRequest: { code: 400, message: 'no' } } }, 422, 'provider_rejected'],
    ['answers 401, whatever the token', { status: 401 }, 502, 'provider_auth_failed'],
    [
      'answers 403',
      { status: 403, body: { forbidden: { code: 403, message: 'Policy does not allow it' } } },
      502,
      'provider_permission_denied'
    ],
    ['answers 429 with Retry-After', { status: 429, headers: { 'retry-after': '7' } }, 503, 'provider_rate_limited'],
    ['answers 500', { status: 500, body: { computeFault: { code: 500, message: 'oops' } } }, 502, 'provider_error'],
    ['answers 500 with a page', { html: true, status: 500 }, 502, 'provider_error'],
    ['answers 503', { status: 503 }, 503, 'provider_unavailable']
  ] as const) {
    await t.test(`${what}: ${status} ${code}`, async (t) => {
      proxy.addRule({ ...list, ...effect })
      t.teardown(() => proxy.clear())
      const started = performance.now()
      const [answer, other] = await Promise.all([api.get(nodes), api.get('/api/v2/clouds/other/nodes')])
      t.equal(answer.status, status, 'the status', { body: answer.body })
      t.equal(answer.body.code, code)
      t.match(answer.body, { cloud: 'default', driver: 'openstack' })
      t.ok(performance.now() - started < 3_500, 'within the deadline')
      if (code === 'provider_rate_limited') t.equal(answer.headers['retry-after'], '7')
      t.equal(other.body.items.length, 3, 'the other cloud answers as before')
      const both = await api.get('/api/v2/nodes')
      t.equal(both.status, 200)
      t.equal(both.body.items.length, 3)
      t.match(both.body.sources, [
        { cloud: 'default', problem: { code } },
        { cloud: 'other', status: 'ok' }
      ])
    })
  }
})

t.test('a transient failure of the cloud', async (t) => {
  const { api, proxy } = await behindProxy(t, { timeout: 30 })
  const list = { target: 'nova', method: 'GET', path: /^\/v2\.1\/servers\/detail/ }

  await t.test('a read is repeated', async (t) => {
    const rule = proxy.addRule({ ...list, times: 2, status: 503 })
    t.equal((await api.get(nodes)).status, 200)
    t.equal(rule.hits, 2)
  })

  await t.test('a token that ends is renewed once for all waiting calls', async (t) => {
    const readAll = () => Promise.all(Array.from({ length: 20 }, () => api.get(nodes)))
    // With open connections all of them are on their way before the first one has a new token.
    await readAll()
    proxy.resetRequests()
    proxy.addRule({ ...list, times: 20, status: 401 })
    const answers = await readAll()
    t.same(answers.map(({ status }) => status), Array(20).fill(200))
    t.equal(
      proxy.requests.filter(({ target, method }) => target === 'keystone' && method === 'POST').length,
      1,
      'one sign-in'
    )
  })

  await t.test('without Neutron the nodes are listed, and the source is partial', async (t) => {
    proxy.addRule({ target: 'neutron', status: 500 })
    t.teardown(() => proxy.clear())
    const { status, body } = await api.get(nodes)
    t.equal(status, 200)
    if (body.items.length > 0) t.match(body.sources, [{ status: 'partial' }])
  })
})

t.test('orchestrator check distinguishes a wrong password, a wrong region and a dead host', async (t) => {
  const lab = await openstackLab()
  const drivers = await loadDrivers()
  const good = labCloud(lab)
  const clouds = {
    good,
    password: { ...good, auth: { ...good.auth, password: 'wrong' } },
    region: { ...good, region_name: 'Elsewhere' },
    host: { ...good, auth: { ...good.auth, auth_url: 'http://127.0.0.1:9/v3' } }
  }
  const directory = t.testdir({ 'orchestrator.json': JSON.stringify({ clouds }) })
  const { ok, table } = await check(loadSettings({ env: {}, cwd: directory, drivers }), drivers)
  t.equal(ok, false)
  t.match(table, /^good .* up /m)
  t.match(table, /^password .* down .*provider_auth_failed/m)
  t.match(table, /^region .* down .*RegionOne/m, 'the regions there are')
  t.match(table, /^host .* down .*provider_unavailable.*ECONNREFUSED/m)
  t.notMatch(table, /wrong/)
})

t.test("pages of seven list the same servers as OpenStack's client", async (t) => {
  const { api, lab, proxy, image_id, network_id } = await behindProxy(t, { timeout: 30 })
  const server = {
    name: `${prefix}many`,
    imageRef: image_id,
    flavorRef: '1',
    networks: [{ uuid: network_id }],
    min_count: 15,
    max_count: 15
  }
  await lab.nova('demo', 'POST', '/servers', { server })
  const theirs = (await lab.openstack('demo', ['server', 'list', '--name', `${prefix}many`]))
    .map(({ ID }: { ID: string }) => ID)
    .sort()
  t.equal(theirs.length, 15)
  proxy.resetRequests()
  const { items, pages } = await api.walk(`${nodes}?limit=7`)
  const ours = items.filter(({ name }) => name.startsWith(`${prefix}many`)).map(({ id }) => id).sort()
  t.same(ours, theirs)
  t.ok(proxy.requests.length <= 2 * pages.length, 'at most two calls a page', {
    calls: proxy.requests.length,
    pages: pages.length
  })
})
