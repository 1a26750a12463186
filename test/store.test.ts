import t from 'tap'
import { build, dummy } from './helper/app.ts'
import { setReadOnly } from './helper/store.ts'

const nodes = '/api/v2/clouds/default/nodes'
const input = { name: 'web', image_id: 'img-debian-12', size_id: 'dummy.small' }
const wait = { prefer: 'wait=20' }

/** Repeats a read until it fits. */
async function until<T> (read: () => Promise<T>, fits: (value: T) => boolean): Promise<T> {
  const deadline = performance.now() + 15_000
  for (;;) {
    const value = await read()
    if (fits(value) || performance.now() > deadline) return value
    await new Promise((resolve) => setImmediate(resolve))
  }
}

t.test('a change that cannot be recorded is not sent: 503 store_unavailable, while reads go on', async (t) => {
  const server = await build(t)
  const { api } = server
  await setReadOnly(server, true)
  const refused = await api.post(nodes, input)
  t.match(refused, { status: 503, body: { code: 'store_unavailable', retryable: true } })
  t.match(refused.headers['retry-after'], /^\d+$/, 'it says when to come back')
  t.match(await api.post(nodes, input, { 'idempotency-key': 'k1' }), {
    status: 503, body: { code: 'store_unavailable' }
  })
  const pair = { name: 'mine' }
  t.match(await api.post('/api/v2/clouds/default/key-pairs', pair, { 'idempotency-key': 'k2' }),
    { status: 503, body: { code: 'store_unavailable' } })
  t.match(await api.get(nodes), { status: 200, body: { items: [] } }, 'no node was created, and lists go on')
  t.match(await api.get('/api/v2/operations'), { status: 200, body: { items: [] } })
  t.match(await api.get('/health/ready'), { status: 503, body: { code: 'store_unavailable' } })
  t.match(await api.get('/health/live'), { status: 200 })

  await setReadOnly(server, false)
  t.match(await api.get('/health/ready'), { status: 200 }, 'it recovers by itself')
  t.match(await api.post(nodes, input, { 'idempotency-key': 'k1', ...wait }), {
    status: 200, body: { status: 'succeeded' }
  })
  t.equal((await api.get(nodes)).body.total, 1)
})

t.test('an end that could not be recorded does not answer for a later action that was never sent', async (t) => {
  const lines: string[] = []
  const logger = { level: 'warn', stream: { write (line: string) { lines.push(line) } } }
  const server = await build(t, { clouds: { default: dummy({ delays: { stop: 1 } }) }, logger })
  const { api } = server
  const { body: { resource: { self } } } = await api.post(nodes, input, wait)
  const stop = await api.post(`${self}/actions/stop`, {})
  t.equal(stop.status, 202)
  await setReadOnly(server, true)
  await until(() => api.get(self), ({ body }) => body.state === 'stopped')
  // The log shows that the server has tried to record the end, and failed.
  await until(async () => lines, (all) => all.some((line) => line.includes(stop.body.id)))
  t.match(await api.get(stop.body.self), { body: { status: 'running', finished_at: null } }, 'memory follows the store')
  await setReadOnly(server, false)
  const ended = await api.get(`${stop.body.self}?wait=20`)
  t.match(ended, { body: { status: 'succeeded' } }, 'the end is recorded in the end')

  t.match(await api.post(`${self}/actions/start`, {}, wait), { body: { status: 'succeeded' } })
  const again = await api.post(`${self}/actions/stop`, {}, wait)
  t.not(again.body.id, stop.body.id, 'the second stop is an operation of its own')
  t.match(again.body, { status: 'succeeded' })
  t.match(await api.get(self), { body: { state: 'stopped' } }, 'and was really sent')
})

t.test('a create that the cloud has accepted is followed although the store failed in between', async (t) => {
  const server = await build(t, { clouds: { default: dummy({ latency: 1 }) } })
  const { api } = server
  const creating = api.post(nodes, input, { 'idempotency-key': 'once' })
  await until(() => api.get('/api/v2/operations'), ({ body }) => body.items.length === 1)
  await setReadOnly(server, true)
  const created = await creating
  t.match(created, { status: 202, body: { status: 'pending', phase: 'calling' } }, 'the answer is what is recorded')
  t.match(await api.post(nodes, input, { 'idempotency-key': 'once' }), { status: 409 }, 'the key is still taken')
  await setReadOnly(server, false)
  t.match(await api.get(`${created.body.self}?wait=20`), { body: { status: 'succeeded' } })
  const again = () => api.post(nodes, input, { 'idempotency-key': 'once' })
  const replay = await until(again, ({ status }) => status !== 409)
  t.equal(replay.body.id, created.body.id, 'the same key is the same create')
  t.equal((await api.get(nodes)).body.total, 1, 'there is one node')
})

t.test('a direct create is not made twice when its answer could not be kept', async (t) => {
  const server = await build(t, { clouds: { default: dummy({ latency: 1 }) } })
  const { app, api } = server
  const headers = { 'idempotency-key': 'pair' }
  const creating = api.post('/api/v2/clouds/default/networks', { name: 'mine' }, headers)
  const keys = () => app.store.selectFrom('idempotency_keys').select('key').execute()
  await until(keys, (rows) => rows.length === 1)
  await setReadOnly(server, true)
  t.equal((await creating).status, 201)
  await setReadOnly(server, false)
  const send = () => api.post('/api/v2/clouds/default/networks', { name: 'mine' }, headers)
  t.match(await until(send, ({ status }) => status !== 409), {
    status: 201, headers: { 'idempotency-replayed': 'true' }
  })
  t.equal((await api.get('/api/v2/clouds/default/networks?name=mine')).body.items.length, 1)
})

t.test('one damaged row spoils neither the list nor the start', async (t) => {
  const { app, api, directory } = await build(t)
  const { body: good } = await api.post(nodes, input, wait)
  const { body: bad } = await api.post(nodes, { ...input, name: 'db' }, wait)
  await app.store.updateTable('operations')
    .set({ content: '{"ph', finished_at: null })
    .where('id', '=', bad.id)
    .execute()
  const { body: { items } } = await api.get('/api/v2/operations')
  t.same(items.map(({ id }: { id: string }) => id), [good.id])
  t.match(await api.get(bad.self), { status: 500, body: { code: 'internal_error', detail: /damaged/ } })
  await app.close()
  const again = await build(t, { directory })
  t.match(await again.api.get('/health/ready'), { status: 200 })
})
