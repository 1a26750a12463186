import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { build, dummy } from './helper/app.ts'

const list = '/api/v2/clouds/default/nodes'

/** A server whose dummy cloud counts the lists of its nodes. */
async function counted (t: Parameters<typeof build>[0], settings: object = {}) {
  const { api, app, origin } = await build(t, {
    clouds: { default: dummy({ nodes: 5, ...settings }) }, listen: true
  })
  const nodes = app.clouds['default']!.nodes!
  const { list: run } = nodes
  const calls = { lists: 0, hold: Promise.resolve() as Promise<unknown> }
  nodes.list = async (...input) => {
    calls.lists++
    await calls.hold
    return run(...input)
  }
  return { api, calls, origin }
}

t.test('equal reads at the same time share one call, whatever fields they show', async (t) => {
  const { api, calls } = await counted(t, { cache_seconds: 60 })
  calls.hold = sleep(50)
  const urls = [list, `${list}?fields=id`, `${list}?sort=name&limit=1000`, '/api/v2/nodes', '/api/v2/nodes?fields=name']
  await Promise.all(Array.from({ length: 100 }, (_, i) => api.get(urls[i % urls.length]!)))
  t.ok(calls.lists <= 2, 'one for pages of 100, one for pages of 1,000, which sorting reads')
})

t.test('an answer is kept for its time, and says how old it is', async (t) => {
  const { api, calls } = await counted(t, { cache_seconds: 60 })
  const first = await api.get(list)
  t.equal(first.headers['age'], undefined)
  await sleep(1100)
  const second = await api.get(list)
  t.equal(Number(second.headers['age']) >= 1, true)
  t.equal(second.headers['etag'], first.headers['etag'])
  t.same(second.body, first.body, 'with the time at which the cloud answered')
  const unchanged = await api.get(list, { 'if-none-match': first.headers['etag']! })
  t.same([unchanged.status, unchanged.body], [304, ''])
  t.equal((await api.get(`${list}?state=running`)).body.items.length, 5, 'filters are applied to the list that is kept')
  t.equal(calls.lists, 1)
  const fresh = await api.get(list, { 'cache-control': 'no-cache' })
  t.equal(calls.lists, 2, 'no-cache goes past')
  t.not(fresh.body.sources[0].as_of, first.body.sources[0].as_of)
})

t.test('with cache_seconds: 0 nothing is kept or shared', async (t) => {
  const { api, calls } = await counted(t, { cache_seconds: 0 })
  await Promise.all([api.get(list), api.get(list)])
  await api.get(list)
  t.equal(calls.lists, 3)
})

t.test('a failure is shared by those who wait, and never kept', async (t) => {
  const { api, calls } = await counted(t, { faults: [{ on: 'nodes.list', kind: 'error', times: 1 }] })
  calls.hold = sleep(1000)
  const answers = await Promise.all([api.get(list), api.get(list)])
  t.same(answers.map(({ status }) => status), [502, 502])
  t.equal((await api.get(list)).status, 200)
  t.equal(calls.lists, 2)
})

t.test('a client that leaves ends nothing for the others', async (t) => {
  const { api, calls, origin } = await counted(t)
  calls.hold = sleep(200)
  const leaving = new AbortController()
  const left = fetch(`${origin}${list}`, { signal: leaving.signal }).catch((error: Error) => error.name)
  const stayed = api.get(list)
  await sleep(50)
  leaving.abort()
  t.equal(await left, 'AbortError')
  t.equal((await stayed).status, 200)
  t.equal(calls.lists, 1)
})

t.test('a kept answer has the bytes of each encoding', async (t) => {
  const { api, origin } = await counted(t, { nodes: 50, cache_seconds: 60 })
  const { items } = (await api.get(list)).body
  for (const encoding of ['br', 'gzip', 'gzip', 'br', 'identity']) {
    const answer = await fetch(`${origin}${list}`, { headers: { 'accept-encoding': encoding } })
    t.equal(answer.headers.get('content-encoding'), encoding === 'identity' ? null : encoding)
    t.same((await answer.json() as { items: object[] }).items, items, encoding)
  }
})
