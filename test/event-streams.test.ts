import t from 'tap'
import { createEventId } from '../plugins/events/writer.ts'
import { build, dummy } from './helper/app.ts'
import { createKey, grant } from './helper/callers.ts'
import { listenTo } from './helper/events.ts'
import { until } from './webhooks/setup.ts'

type Server = Awaited<ReturnType<typeof build>>

const nodes = '/api/v2/clouds/default/nodes'
const input = { name: 'web', image_id: 'img-debian-12', size_id: 'dummy.small' }
const wait = { prefer: 'wait=20' }
const path = '/api/v2/events'

/** Without an id and a state, the watch of the cloud ignores the event. */
const unknown = { id: null, state: null }

const write = ({ app: { store, events } }: Server, cloud: string | null, resource: string, content: object = unknown) =>
  store.commit(events.changes([
    { id: createEventId(), type: 'node.state_changed', cloud, resource, content }
  ]))

t.test('a client sees an operation and its node from the creation to the end, as the API shows them', async (t) => {
  const { api, origin } = await build(t, { listen: true })
  const client = await listenTo(t, origin + path)
  t.match(client, {
    status: 200,
    headers: { 'content-type': 'text/event-stream', 'cache-control': 'no-store', 'content-encoding': undefined }
  })
  t.match(client.headers['x-request-id'], /./)
  const { body: operation } = await api.post(nodes, input, wait)
  await client.until(() => client.events.length >= 4)
  const { self } = operation.resource
  t.same(client.names(), [
    `operation.created ${operation.self}`,
    `operation.phase_changed ${operation.self}`,
    `operation.ended ${operation.self}`,
    `node.created ${self}`
  ])
  const [created, , ended, node] = client.events.map(({ data }) => data)
  t.match(created, { cloud: 'default', data: { id: operation.id, status: 'pending', phase: 'calling' } })
  t.same(ended.data, operation, 'the end is what the API answers')
  t.match(ended.data.resource, { self, state: 'running' }, 'with the state of the node')
  t.match(node.data, { kind: 'node', self, state: 'running', previous_state: null, operation: operation.self })
  t.same(client.events.map(({ type, data }) => type === data.type), [true, true, true, true])
  t.equal(new Set(client.events.map(({ data }) => data.id)).size, 4, 'each event has an id of its own')

  const before = client.events.length
  await api.post(`${self}/actions/stop`, {}, wait)
  await api.delete(self, wait)
  await client.until(() => client.names().includes(`node.destroyed ${self}`))
  t.match(client.events.slice(before).filter(({ type }) => type.startsWith('node.')).map(({ data }) => data.data), [
    { state: 'stopped', previous_state: 'running' },
    { state: null, previous_state: 'stopped' }
  ])
})

t.test('volumes and assignments are events too', async (t) => {
  const { api, origin } = await build(t, { listen: true, clouds: { default: dummy({ nodes: 1 }) } })
  const client = await listenTo(t, `${origin}${path}?type=volume.*,assignment.*`)
  const input = { name: 'data', size: 1 }
  const { body: { resource: { self: volume } } } = await api.post('/api/v2/clouds/default/volumes', input, wait)
  const { body: { items: [node] } } = await api.get(nodes)
  await api.post(`${node.self}/actions/assign`, { user: 'ada', application: 'billing' })
  await api.post(`${node.self}/actions/assign`, { user: 'bob', application: 'billing', replace: true })
  await api.post(`${node.self}/actions/release`, {})
  await api.delete(volume, wait)
  await client.until(() => client.names().includes(`volume.destroyed ${volume}`))
  t.same(client.names(), [
    `volume.created ${volume}`,
    `assignment.created ${node.self}`,
    `assignment.ended ${node.self}`,
    `assignment.created ${node.self}`,
    `assignment.ended ${node.self}`,
    `volume.destroyed ${volume}`
  ])
  t.match(client.events[1]!.data.data, { user: 'ada', application: 'billing', node: { id: node.id } })
})

t.test('a cloud that no longer answers, and answers again, is an event', async (t) => {
  const faults = [{ on: 'nodes.list', kind: 'unavailable', times: 1 }]
  const clouds = { default: dummy({ faults }) }
  const { api, origin } = await build(t, { listen: true, clouds, settings: { health_seconds: 3600 } })
  const client = await listenTo(t, `${origin}${path}?type=cloud.*`)
  await api.get(nodes)
  await client.until(() => client.events.length === 1)
  await api.get('/api/v2/clouds/default/sizes')
  await client.until(() => client.events.length === 2)
  t.match(client.events.map(({ data }) => data), [
    { type: 'cloud.down', cloud: 'default', data: { name: 'default', driver: 'dummy', health: { status: 'down' } } },
    { type: 'cloud.up', resource: '/api/v2/clouds/default', data: { health: { status: 'up' } } }
  ])
})

t.test('filters of cloud, type and resource', async (t) => {
  const server = await build(t, { listen: true, clouds: { default: dummy(), other: dummy() } })
  const { api, origin } = server
  const open = (query: string) => listenTo(t, `${origin}${path}?${query}`)
  const all = await open('')
  const one = await open('cloud=other')
  const ends = await open('type=operation.ended')
  const { body: { resource: { self, id } } } = await api.post(nodes, input, wait)
  const byPath = await open(`resource=${encodeURIComponent(self)}`)
  const byId = await open(`resource=${id}`)
  const { body: stop } = await api.post(`${self}/actions/stop`, {}, wait)
  await api.post(nodes.replace('default', 'other'), input, wait)
  await one.until(() => one.events.length === 4)
  await all.until(() => all.events.length === 12)
  await ends.until(() => ends.events.length === 3)
  const expected = [
    ...['created', 'phase_changed', 'ended'].map((step) => `operation.${step} ${stop.self}`),
    `node.state_changed ${self}`
  ]
  t.same(byPath.names(), expected, 'of a resource with its operations')
  t.same(byId.names(), expected)
  t.ok(one.events.every(({ data }) => data.cloud === 'other'))

  t.match(await api.get(`${path}?cloud=nowhere`), { status: 404, body: { code: 'cloud_not_found' } })
  t.match(await api.get(`${path}?type=node.flown`), {
    status: 422, body: { errors: [{ in: 'query', pointer: '/type' }] }
  })
  t.match(await api.get(`${path}?kind=x`), { status: 422 })
  t.match(await api.get(path, { accept: 'application/json' }), { status: 406, body: { code: 'not_acceptable' } })
  t.match(await api.request('HEAD', path), { status: 200, headers: { 'content-type': 'text/event-stream' } })
})

t.test('Last-Event-ID continues without loss and without doubles, also after a restart', async (t) => {
  const server = await build(t, { listen: true })
  const first = await listenTo(t, server.origin + path)
  const begin = first.lastId()
  t.ok(begin, 'a client has an id before the first event')
  await write(server, 'default', '/a')
  await write(server, 'default', '/b')
  await first.until(() => first.events.length === 2)
  const [a, b] = first.events
  first.close()
  await write(server, 'default', '/c')
  const second = await listenTo(t, server.origin + path, { 'last-event-id': a!.id })
  await write(server, 'default', '/d')
  await second.until(() => second.events.length === 3)
  t.same(second.events.map(({ data }) => data.resource), ['/b', '/c', '/d'])
  t.equal(second.events[0]!.id, b!.id)
  await server.app.close()

  const again = await build(t, { listen: true, directory: server.directory })
  const third = await listenTo(t, `${again.origin}${path}?after=${begin}`)
  await third.until(() => third.events.length >= 4)
  t.same(third.events.map(({ data }) => data.resource).slice(0, 4), ['/a', '/b', '/c', '/d'])
  const both = await listenTo(t, `${again.origin}${path}?after=${begin}`, { 'last-event-id': b!.id })
  await both.until(() => both.events.length >= 2)
  t.equal(both.events[0]!.data.resource, '/c', 'the header is newer than the query')
})

t.test('an id that is unknown or too old gets the event reset, and what comes then', async (t) => {
  const server = await build(t, { listen: true })
  const begin = (await listenTo(t, server.origin + path)).lastId()
  await write(server, 'default', '/old')
  const old = await server.app.events.newest()
  await server.app.store.updateTable('events').set({ created_at: '2020-01-01T00:00:00.000Z' }).execute()
  await server.app.close()
  const again = await build(t, { listen: true, directory: server.directory })
  // The server removes old events in a job, a moment after its start.
  const readOld = () => again.app.store.selectFrom('events').select('id').where('created_at', '<', '2021').execute()
  await until(readOld, (rows) => rows.length === 0)
  for (const id of [begin, 'nonsense', begin.replace(/^.{8}/, '00000000')]) {
    const client = await listenTo(t, again.origin + path, { 'last-event-id': id })
    await client.until(() => client.events.length === 1)
    t.match(client.events[0]!, { type: 'reset', data: { cloud: null, data: { detail: /List/ } } })
    await write(again, 'default', `/after-${id}`)
    await client.until(() => client.events.length === 2)
    t.equal(client.events[1]!.data.resource, `/after-${id}`)
    client.close()
  }
  const kept = await listenTo(t, again.origin + path, { 'last-event-id': again.app.events.toId(old) })
  await kept.until(() => kept.events.length === 3)
  t.equal(kept.events[0]!.type, 'node.state_changed', 'after the last event that was removed, nothing is missing')
})

t.test('a client sees only what its grants allow now, and its stream ends with its credential', async (t) => {
  const settings = { auth: {}, events: { heartbeat_seconds: 0.05 } }
  const server = await build(t, { listen: true, settings, clouds: { default: dummy(), secret: dummy() } })
  const { app, origin, api } = server
  const reader = await createKey(app, grant('read', 'default'))
  const manager = await createKey(app, grant('manage', '*'))
  const stranger = await createKey(app, grant('read', 'elsewhere'))
  const open = ({ headers }: typeof reader, query = '') => listenTo(t, origin + path + query, headers)
  const [low, high, none] = [await open(reader), await open(manager), await open(stranger)]
  await write(server, 'secret', '/hidden')
  await write(server, 'gone', '/unserved')
  await api.post(nodes, input, { ...manager.headers, ...wait })
  await high.until(() => high.events.some(({ type }) => type === 'node.created'))
  await low.until(() => low.events.some(({ type }) => type === 'node.created'))
  const starters = ({ events }: typeof low) => events.flatMap(({ data: { data } }) => data.started_by?.id ?? [])
  t.ok(high.names().includes('node.state_changed /hidden'))
  t.notOk(low.names().some((name) => /hidden|unserved/.test(name)))
  t.notOk(high.names().includes('node.state_changed /unserved'), 'clouds that are not served are for administrators')
  t.same(none.events, [])
  t.same(new Set(starters(high)), new Set([manager.id]))
  t.same(starters(low), [], 'who started an operation is shown to those who may see it')
  t.match(await api.get(`${path}?cloud=secret`, reader.headers), { status: 404 })
  t.equal((await api.get(path)).status, 401)

  await app.auth.keys.revoke(reader.id)
  await low.ended
  t.notOk(high.isEnded())
  const short = await createKey(app, grant('read', '*'))
  await app.store.updateTable('api_keys').set({ expires_at: new Date(Date.now() + 1500).toISOString() })
    .where('id', '=', short.id).execute()
  await (await open(short)).ended
  t.pass('an expired key ends its stream')
})

t.test('heartbeats carry a position, also for a client that wants other events', async (t) => {
  const server = await build(t, { listen: true, settings: { events: { heartbeat_seconds: 0.05 } } })
  const client = await listenTo(t, `${server.origin}${path}?type=cloud.*`)
  const begin = client.lastId()
  await write(server, 'default', '/a')
  await client.until(() => client.lastId() !== begin)
  await client.until(() => client.comments() > 3)
  t.equal(client.lastId(), server.app.events.toId(await server.app.events.newest()))
  t.same(client.events, [])
})

t.test('streams are limited for each caller and for the server', async (t) => {
  const settings = { auth: {}, events: { streams: 3, streams_per_caller: 2 } }
  const { app, origin, api } = await build(t, { listen: true, settings })
  const [one, other] = [await createKey(app, grant('read', '*')), await createKey(app, grant('read', '*'))]
  const clients = [await listenTo(t, origin + path, one.headers), await listenTo(t, origin + path, one.headers)]
  t.match(await api.get(path, one.headers), {
    status: 429, headers: { 'retry-after': '5' }, body: { code: 'rate_limited' }
  })
  clients.push(await listenTo(t, origin + path, other.headers))
  t.match(await api.get(path, other.headers), { status: 503, body: { code: 'overloaded' } })
  clients[0]!.close()
  let free = false
  while (!free) {
    const client = await listenTo(t, origin + path, other.headers)
    free = client.status === 200
  }
  t.pass('a stream that has ended makes room')
})

t.test('a client that reads nothing is dropped, and continues from its last id; others lose nothing', async (t) => {
  const server = await build(t, { listen: true, settings: { events: { slow_seconds: 0.3 } } })
  const { app, app: { store, events }, origin } = server
  const fast = await listenTo(t, origin + path)
  const slow = await listenTo(t, origin + path)
  slow.pause()
  const count = 1000
  const filling = { ...unknown, text: 'x'.repeat(20_000) }
  for (let from = 0; from < count; from += 100) {
    await store.commit(events.changes(Array.from({ length: 100 }, (_, i) => ({
      id: createEventId(), type: 'node.state_changed', cloud: 'default', resource: `/${from + i}`, content: filling
    }))))
  }
  await fast.until(() => fast.events.length === count)
  t.same(fast.events.map(({ data }) => data.resource), Array.from({ length: count }, (_, i) => `/${i}`))
  await fast.until(() => [...app.eventStreams.interests()].length === 1)
  slow.resume()
  await slow.ended
  t.ok(slow.events.length < count, 'the stream has ended before all was sent')
  const rest = await listenTo(t, origin + path, { 'last-event-id': slow.lastId() })
  await rest.until(() => slow.events.length + rest.events.length >= count)
  t.same([...slow.events, ...rest.events].map(({ id }) => id), fast.events.map(({ id }) => id))
})

t.test('streams end before the server stops to listen, and none begins', async (t) => {
  const { app, origin } = await build(t, { listen: true })
  const client = await listenTo(t, origin + path)
  let wasListening: boolean | undefined
  client.ended.then(() => { wasListening = app.server.listening })
  const began = performance.now()
  await app.close()
  await client.ended
  t.equal(wasListening, true)
  t.ok(performance.now() - began < 5000)
})
