import t from 'tap'
import { conformance } from '../conformance/suite.ts'
import { build } from '../helper/app.ts'
import { installed } from './libcloud/installed.ts'

t.setTimeout(300_000)

/** Faults of libcloud/compute/drivers/dummy.py, by the case that they fail. A case that passes must be taken off. */
const gaps = {
  'nodes.create': 'create_node ignores the name, the size and the image',
  'nodes.list': 'create_node ignores the name, so no two nodes have one name',
  'nodes.destroy': 'the id of a new node is the number of nodes, so it may have been that of another one',
  'nodes.reboot': 'a node never ends its reboot',
  'a verb that is under way is joined': 'a node never ends its reboot'
}

t.test("Libcloud's DUMMY passes the suite, except where it has gaps of its own", async (t) => {
  t.setTimeout(300_000)
  const { app, api } = await build(t, {
    clouds: { default: { ...installed, provider: 'dummy', key: 'creds' } },
    // A reboot that never ends fails after 3.6 s.
    settings: { operations: { max_hours: 0.001 } }
  })
  await conformance(t, {
    app,
    api,
    cloud: 'default',
    image_id: '1',
    size_id: '1',
    other_size_id: '2',
    expected: [
      ...['images', 'locations', 'nodes', 'sizes'].flatMap((service) => [`${service}.list`, `${service}.get`]),
      'nodes.create', 'nodes.destroy', 'nodes.reboot'
    ],
    todo: gaps
  })
})

t.test("Libcloud's DUMMY creates, lists and destroys nodes beside its gaps, and has no start and stop", async (t) => {
  const { api } = await build(t, { clouds: { default: { ...installed, provider: 'dummy', key: 'creds' } } })
  const nodes = '/api/v2/clouds/default/nodes'
  const { body: { capabilities } } = await api.get('/api/v2/clouds/default')
  t.notOk('nodes.stop' in capabilities || 'nodes.start' in capabilities)
  t.match((await api.post(`${nodes}/1/actions/stop`)).body, { status: 501, capability: 'nodes.stop' })
  const { items } = await api.walk(nodes)
  t.match(items, [{ id: '1', name: 'dummy-1', state: 'running', driver: 'libcloud' }, { id: '2' }])
  t.match((await api.get(`${nodes}?limit=1`)).body.sources, [{ complete_scan: true }])
  t.same((await api.walk(`${nodes}?limit=1`)).items.map(({ id }) => id), ['1', '2'])
  const made = await api.post(nodes, { name: 'web', image_id: '1', size_id: '1' })
  const operation = await api.ended(made.body)
  t.match(operation, { status: 'succeeded', resource: { kind: 'node' } })
  t.match((await api.post(nodes, { name: 'web', image_id: 'none', size_id: '1' })).body, {
    code: 'validation_failed', errors: [{ pointer: '/image_id' }]
  })
  const self: string = operation.resource.self
  t.match(await api.ended((await api.delete(self)).body), { status: 'succeeded' })
  t.equal((await api.get(self)).status, 404)
  t.equal((await api.get(`${nodes}/none`)).status, 404)
  t.match((await api.post(`${nodes}/1/actions/reboot`)).body, { kind: 'nodes.reboot' })
  t.match((await api.get(`${nodes}/1`)).body, { state: 'rebooting', transitioning: true })
})
