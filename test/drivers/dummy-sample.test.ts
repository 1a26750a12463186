import t from 'tap'
import { build, dummy, makeDirectory } from '../helper/app.ts'
import { defaultSettings } from '../../config/file.ts'

const sample = { clouds: { default: dummy({ sample: true }) } }
const done = { prefer: 'wait=10' }

t.test('without a settings file the server shows something in each list', async (t) => {
  t.same(defaultSettings.clouds.default, { driver: 'dummy', sample: true })
  const { api } = await build(t, sample)
  const { items: nodes } = (await api.get('/api/v2/nodes')).body
  t.same(nodes.map(({ name, state }: any) => `${name} ${state}`),
    ['web-1 running', 'db-1 stopped', 'cache-1 paused', 'desk-1 suspended', 'build-1 error'])
  t.ok(nodes[4].fault.message)
  const names = async (collection: string) =>
    (await api.get(`/api/v2/${collection}`)).body.items.map(({ name }: any) => name)
  t.same(await names('networks'), ['private', 'public', 'backend'])
  t.same(await names('subnets'), ['private', 'public', 'backend'])
  const [volume] = (await api.get('/api/v2/volumes')).body.items
  t.match(volume, { name: 'db-data', state: 'in_use', attachments: [{ node_id: nodes[1].id, device: '/dev/vdb' }] })
  t.same(nodes[1].volume_ids, [volume.id])
  const [ip] = (await api.get('/api/v2/floating-ips')).body.items
  t.match(ip, { state: 'associated', node_id: nodes[0].id, fixed_address: nodes[0].private_ips[0] })
  t.same(nodes[0].public_ips, [ip.address])
})

t.test('the sample is a cloud like any other: it can be changed, and removed', async (t) => {
  const { api } = await build(t, sample)
  const { items: nodes } = (await api.get('/api/v2/nodes')).body
  const [ip] = (await api.get('/api/v2/floating-ips')).body.items
  const [volume] = (await api.get('/api/v2/volumes')).body.items
  const network = (await api.get('/api/v2/networks?name=backend')).body.items[0]
  const [subnet] = (await api.get('/api/v2/subnets?name=backend')).body.items
  const created = await api.post('/api/v2/clouds/default/nodes', {
    name: 'new', image_id: 'img-debian-12', size_id: 'dummy.small', networks: [{ network_id: network.id }]
  }, done)
  t.equal(created.body.status, 'succeeded')
  const fresh = (await api.get(created.body.resource.self)).body
  const used = nodes.flatMap(({ private_ips: addresses }: any) => addresses)
  t.notOk(used.includes(fresh.private_ips[0]), 'its address is free')
  t.equal((await api.post(`${volume.self}/actions/detach`, {}, done)).status, 200)
  t.equal((await api.post(`${volume.self}/actions/attach`, { node_id: nodes[0].id }, done)).status, 200)
  for (const { self } of [...nodes, fresh]) t.equal((await api.delete(self, done)).status, 200)
  t.match((await api.get(ip.self)).body, { state: 'available', node_id: null })
  t.match((await api.get(volume.self)).body, { state: 'available', attachments: [] })
  for (const { self } of [subnet, network, ip]) t.equal((await api.delete(self)).status, 204)
  t.same((await api.get('/api/v2/summary')).body.nodes, { total: 0, by_state: {} })
})

t.test('the sample is made once: what was changed is there after a restart', async (t) => {
  const directory = makeDirectory(t)
  const clouds = { default: { driver: 'dummy', delay: 0, sample: true } }
  const first = await build(t, { directory, clouds })
  const [{ self }] = (await first.api.get('/api/v2/nodes?name=build-1')).body.items
  const before = (await first.api.get('/api/v2/nodes')).body.items
  await first.api.delete(self, done)
  await first.app.close()
  const { api } = await build(t, { directory, clouds })
  t.same((await api.get('/api/v2/nodes')).body.items, before.slice(0, 4))
})
