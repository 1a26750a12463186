import t from 'tap'
import { startFaultProxy } from '../fault-proxy.ts'
import { openstackLab } from './lab.ts'

const prefix = `lab-test-${process.pid}-`

t.test('the lab has users, raw calls and a command line client', async t => {
  const lab = await openstackLab()
  t.match(lab, { authUrl: /\/v3$/, region: 'RegionOne', users: { demo: { username: 'demo', project_name: 'demo' } } })
  t.teardown(() => lab.purge('demo', prefix))

  const { images } = await lab.api('demo', 'image', 'GET', '/v2/images?name=cirros-fake')
  const server = (name: string) => ({ server: { name, imageRef: images[0].id, flavorRef: '1', networks: 'none' } })
  await Promise.all(['a', 'b'].map(name => lab.nova('demo', 'POST', '/servers', server(prefix + name), '2.37')))
  const refused = await lab.nova('demo', 'POST', '/servers', server(prefix + 'c'), '2.1').catch(error => error)
  t.equal(refused.status, 400, 'a string for networks came with 2.37')

  const listed = await lab.openstack('demo', ['server', 'list', '--name', `^${prefix}`])
  t.strictSame(listed.map(({ Name }: { Name: string }) => Name).sort(), [`${prefix}a`, `${prefix}b`])
  t.match(await lab.openstack('admin', ['hypervisor', 'list']), [{ State: 'up' }])

  await t.rejects(lab.purge('demo', ''), /needs a prefix/)
  await lab.purge('demo', prefix)
  t.strictSame(await lab.openstack('demo', ['server', 'list', '--name', `^${prefix}`]), [])
})

t.test('a client of the lab uses only the fault proxy', async t => {
  const lab = await openstackLab()
  const origins = await lab.api('admin', 'identity', 'GET', '/endpoints?interface=public')
  const keystone = new URL(lab.authUrl).origin
  const compute = origins.endpoints.map(({ url }: { url: string }) => url).find((url: string) => url.endsWith('/v2.1'))
  const proxy = await startFaultProxy({ targets: { keystone, nova: new URL(compute).origin } })
  t.teardown(() => proxy.close())

  const authUrl = lab.authUrl.replace(keystone, proxy.urls.keystone ?? '')
  const list = () =>
    lab.openstack('demo', ['server', 'list', '-f', 'json', '--os-auth-url', authUrl, '-c', 'ID', '--no-name-lookup'])
  t.ok(Array.isArray(await list()))
  t.strictSame(new Set(proxy.requests.map(({ target }) => target)), new Set(['keystone', 'nova']))

  const rule = proxy.addRule({ target: 'nova', path: /^\/v2\.1\/servers\/detail/, status: 503 })
  await t.rejects(list(), /HTTP 503/)
  t.ok(rule.hits > 0)
})
