import t from 'tap'
import { build, dummy } from './helper/app.ts'

const ids = (items: { id: string }[]) => items.map(({ id }) => id)

t.test('nodes are filtered by time, by what they are not, and by any part of their name', async (t) => {
  const states = ['ACTIVE', 'SHUTOFF', 'PAUSED', 'ERROR']
  const { api } = await build(t, {
    clouds: {
      a: dummy({ nodes: 50, page_size: 7, provider_states: states }),
      b: dummy({ nodes: 20, seed: 2, provider_states: states })
    }
  })
  const all = (await api.walk('/api/v2/nodes')).items
  const same = async (query: string, fits: (node: any) => boolean) => {
    for (const path of ['/api/v2/nodes?limit=9&', '/api/v2/nodes?sort=-created_at&limit=9&']) {
      const { items } = await api.walk(path + query)
      t.same(ids(items).sort(), ids(all.filter(fits)).sort(), query)
    }
    const { items } = await api.walk(`/api/v2/clouds/a/nodes?${query}`)
    t.same(ids(items), ids(all.filter((node) => node.cloud === 'a' && fits(node))), `${query}, one cloud`)
  }
  const time = '2026-01-01T00:07:00.000Z'
  await same(`created_after=${time}`, ({ created_at: at }) => at >= time)
  await same(`created_before=${time}`, ({ created_at: at }) => at < time)
  await same('created_after=2026-01-01T02:07:00%2B02:00', ({ created_at: at }) => at >= time)
  await same(`created_after=${time}&created_before=2026-01-01T00:09:00Z`, ({ name }) => /000[89]|0008/.test(name))
  await same('created_before=2020-01-01T00:00:00Z', () => false)
  await same('exclude_state=stopped', ({ state }) => state !== 'stopped')
  await same('exclude_state=stopped,error', ({ state }) => state === 'running' || state === 'paused')
  await same('state=running,paused&exclude_state=paused', ({ state }) => state === 'running')
  await same('name=*e-00*1*', ({ name }) => /e-00.*1/.test(name))
})

t.test('sizes and disks are filtered by range, and a value that is not known passes no range', async (t) => {
  const { api } = await build(t)
  const sizes = async (query: string) => ids((await api.walk(`/api/v2/sizes?limit=2&${query}`)).items)
  t.same(await sizes('min_vcpus=2'), ['dummy.medium', 'dummy.large', 'dummy.impossible'])
  t.same(await sizes('min_vcpus=2&max_vcpus=4'), ['dummy.medium', 'dummy.large'], 'both ends count')
  t.same(await sizes('min_ram=4096&max_disk=40'), ['dummy.medium'])
  t.same(await sizes('max_ram=511'), [])
  const cheap = await sizes('max_price=0.014')
  t.same(cheap, ['dummy.tiny', 'dummy.small', 'dummy.medium'], 'one without a price is not cheap')
  t.same(await sizes('min_price=0.01&price_currency=EUR'), ['dummy.medium', 'dummy.large'])
  t.same(await sizes('price_currency=USD'), [])
  t.same(await sizes('min_vcpus=1.5&max_vcpus=3'), ['dummy.medium'])
  for (const size of [5, 10, 20]) await api.post('/api/v2/clouds/default/volumes', { size }, { prefer: 'wait=5' })
  const volumes = await api.walk('/api/v2/volumes?min_size=10&max_size=19')
  t.same(volumes.items.map(({ size }) => size), [10])
})

t.test('a filter that is not valid is named, before any cloud is read', async (t) => {
  const { api } = await build(t, { clouds: { default: dummy({ faults: [{ on: '*', kind: 'error' }] }) } })
  const refused = async (url: string) => {
    const { status, body } = await api.get(`/api/v2/${url}`)
    t.equal(status, 422, url)
    return body.errors.map(({ in: part, pointer }: { in: string, pointer: string }) => part + pointer)
  }
  t.same(await refused('sizes?min_vcpus=many'), ['query/min_vcpus'])
  t.same(await refused('sizes?min_vcpus=-1'), ['query/min_vcpus'])
  t.same(await refused('sizes?max_price=Infinity'), ['query/max_price'])
  t.same(await refused('sizes?min_size=1'), ['query/min_size'])
  t.same(await refused('nodes?created_after=yesterday'), ['query/created_after'])
  t.same(await refused('nodes?created_before=2026-01-01'), ['query/created_before'])
  t.same(await refused('nodes?created_before=2016-12-31T23:59:60Z'), ['query/created_before'])
  t.same(await refused('nodes?exclude_state=asleep'), ['query/exclude_state/0'])
})

t.test('a cursor belongs to its filters', async (t) => {
  const { api } = await build(t, { clouds: { default: dummy({ nodes: 10 }) } })
  const { body } = await api.get('/api/v2/nodes?limit=2&exclude_state=error&created_after=2026-01-01T00:00:00Z')
  const next = (query: string) => api.get(`/api/v2/nodes?limit=2&cursor=${body.next_cursor}&${query}`)
  t.equal((await next('exclude_state=error&created_after=2026-01-01T00:00:00Z')).status, 200)
  t.match((await next('exclude_state=stopped&created_after=2026-01-01T00:00:00Z')).body, { code: 'invalid_request' })
  t.match((await next('exclude_state=error&created_after=2026-01-01T00:01:00Z')).body, { code: 'invalid_request' })
  t.match((await next('exclude_state=error')).body, { code: 'invalid_request' })
})

t.test('the page about filters is linked from the document, and names every filter of it', async (t) => {
  const { app, api } = await build(t)
  const document = app.swagger() as unknown as {
    info: { description: string }, paths: Record<string, { get?: { parameters?: { in: string, name: string }[] } }>
  }
  t.match(document.info.description, '(/docs/filters.md)')
  const { status, headers, body } = await api.get('/docs/filters.md')
  t.equal(status, 200)
  t.match(headers['content-type'], 'text/plain')
  const parameters = Object.values(document.paths).flatMap(({ get }) => get?.parameters ?? [])
  const beyondEquality = new Set(parameters.map(({ name }) => name)
    .filter((name) => /^(min_|max_|created_|exclude_|price_)/.test(name)))
  t.ok(beyondEquality.size >= 14)
  for (const name of beyondEquality) {
    const [, bound, field] = /^(min|max)_(.*)$/.exec(name) ?? []
    t.match(body, bound === undefined ? `\`${name}=` : `\`${bound}_FIELD=`, name)
    if (field !== undefined) t.match(body, `\`${field}\``, `${name}: its field`)
  }
})
