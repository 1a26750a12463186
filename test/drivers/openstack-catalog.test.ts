import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import t from 'tap'
import { capabilitiesOf } from '../../drivers/driver.ts'
import { build } from '../helper/app.ts'
import { action, auth, entry, id, list, query, refused, start, startFake } from './openstack-fake.ts'

/** Finds a port that nobody listens on. */
async function closedPort () {
  const server = createServer()
  await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve) })
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => { server.close(resolve) })
  return port
}

t.test('a moved endpoint is found after a refused connection, also for a change', async (t) => {
  let now = 0
  const real = performance.now.bind(performance)
  t.intercept(performance, 'now', { value: () => real() + now })
  const port = await closedPort()
  let hasMoved = false
  const { nodes, call, of } = await start(t, { [action]: { status: 202 } }, {}, {
    catalog: (entries, base) => [
      entry('compute', hasMoved ? `${base}/compute/v2.1` : `http://127.0.0.1:${port}/v2.1`),
      ...entries.filter(({ type }) => type !== 'compute')
    ]
  })
  t.match(await refused(nodes.list(query, call())), { code: 'provider_unavailable', outcomeUnknown: false })
  t.equal(of(auth).length, 1, 'the catalog was just read')
  hasMoved = true
  now = 60_000
  t.match(await nodes.stop(id, {}, call()), { resources: [{ id }] })
  t.equal((await nodes.list(query, call())).items.length, 1)
  t.equal(of(auth).length, 2)
})

t.test('a catalog is not read for each call to an endpoint that cannot be reached', async (t) => {
  let now = 0
  const real = performance.now.bind(performance)
  t.intercept(performance, 'now', { value: () => real() + now })
  const port = await closedPort()
  const { nodes, call, of } = await start(t, {}, {}, {
    catalog: () => [entry('compute', `http://127.0.0.1:${port}/v2.1`)]
  })
  await refused(nodes.list(query, call()))
  now = 60_000
  for (let i = 0; i < 5; i++) t.match(await refused(nodes.list(query, call())), { code: 'provider_unavailable' })
  t.equal(of(auth).length, 2)
})

t.test('without Neutron the capabilities that need it are missing', async (t) => {
  const catalog = (entries: ReturnType<typeof entry>[]) => entries.filter(({ type }) => type !== 'network')
  const { cloud, nodes, call } = await start(t, { [list]: { body: { servers: [] } } }, {}, { catalog })
  t.match(await refused(nodes.attach_nic(id, { network_id: id }, call())), {
    code: 'not_supported', details: { capability: 'nodes.attach_nic' }
  }, 'before the catalog is known')
  const capabilities = capabilitiesOf(cloud)
  const names = Object.keys(capabilities)
  t.strictSame(names.filter((name) => /nic|group|subnet|network|router|floating/.test(name)), [])
  t.strictSame(
    capabilities['nodes.create']!.parameters.filter((field) => /group|subnet/.test(field)), []
  )
  t.ok(names.includes('nodes.stop'))
})

t.test('a 501 names the method that was asked for', async (t) => {
  const fake = await startFake(t, {}, {
    catalog: (entries) => entries.filter(({ type }) => type === 'compute' || type === 'image')
  })
  const { api } = await build(t, { clouds: { default: { driver: 'openstack', auth: fake.credentials } } })
  for (const [path, capability] of [
    ['/networks', 'networks.list'], [`/volumes/${id}`, 'volumes.get'], [`/nodes/${id}/nics`, 'nodes.list_nics']
  ]) {
    const { status, body } = await api.get(`/api/v2/clouds/default${path}`)
    t.match({ status, body }, { status: 501, body: { code: 'not_supported', capability } })
  }
})
