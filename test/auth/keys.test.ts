import { createHash } from 'node:crypto'
import t from 'tap'
import { sql } from '#kysely'
import { build, dummy } from '../helper/app.ts'
import { bearer, createKey, grant } from '../helper/callers.ts'
import { moveClock } from '../helper/clock.ts'
import { readStoreContent } from '../helper/database.ts'
import { planOf } from '../helper/store.ts'

const clouds = { 'team-a': dummy({ nodes: 1 }), 'team-b': dummy({ nodes: 1 }) }
const settings = { auth: {} }
const everything = grant('admin', '*')
const input = { name: 'ci', grants: [grant('manage', 'team-a')] }

t.test('with auth, a request without a credential is 401, also if there is no key', async (t) => {
  for (const auth of [{}, null, { issuers: [] }]) {
    const { api } = await build(t, { clouds, settings: { auth } })
    const answer = await api.get('/api/v2/nodes')
    t.match(answer, { status: 401, body: { code: 'unauthenticated' } })
    t.equal(answer.headers['www-authenticate'], 'Bearer realm="Cloud Orchestrator"')
    t.equal((await api.get('/api/v2/clouds/team-a')).status, 401)
    t.equal((await api.get('/api/v2/me')).status, 401)
  }
})

t.test('health, documentation, document and problem pages need no credential, and ignore a wrong one', async (t) => {
  const { app } = await build(t, { clouds, settings })
  const open = [
    '/health/live', '/health/ready', '/docs', '/docs/static/index.html', '/openapi.json', '/openapi-3.0.json',
    '/openapi.yaml', '/docs/filters.md', '/problems', '/problems/unauthenticated'
  ]
  for (const url of open) {
    for (const headers of [{}, bearer('wrong')]) {
      t.ok((await app.inject({ url, headers })).statusCode < 400, url)
    }
  }
})

t.test('an administrator creates, lists, reads and revokes keys', async (t) => {
  const { app, api } = await build(t, { clouds, settings })
  const { headers } = await createKey(app, everything)
  const created = await api.post('/api/v2/keys', input, headers)
  t.match(created, { status: 201, headers: { 'cache-control': 'no-store' } })
  const { secrets: { key }, ...shown } = created.body
  t.match(key, /^orch_[0-9a-f]{64}$/)
  t.match(shown, {
    name: 'ci', grants: input.grants, expires_at: null, last_used_at: null, created_by: { kind: 'key' }
  })
  t.equal(created.headers['location'], shown.self)

  t.same((await api.get(shown.self, headers)).body, shown, 'the key itself is not shown again')
  const { items, pages } = await walkKeys(api, headers)
  t.ok(pages > 1)
  t.ok(items.some(({ id }) => id === shown.id))

  t.match(await api.get('/api/v2/me', bearer(key)), {
    status: 200, body: { kind: 'key', name: 'ci', grants: input.grants }
  })
  t.equal((await api.delete(shown.self, headers)).status, 204)
  t.match(await api.get('/api/v2/me', bearer(key)), { status: 401 }, 'at once')
  t.equal((await api.delete(shown.self, headers)).status, 404)
})

async function walkKeys (api: Awaited<ReturnType<typeof build>>['api'], headers: Record<string, string>) {
  const items: { id: string }[] = []
  let pages = 0
  let next: string | null = ''
  while (next !== null) {
    const cursor: string = next === '' ? '' : `&cursor=${next}`
    const { body } = await api.get(`/api/v2/keys?limit=1${cursor}`, headers)
    items.push(...body.items)
    next = body.next_cursor
    pages++
  }
  return { items, pages }
}

t.test('keys are for administrators of all clouds', async (t) => {
  const { app, api } = await build(t, { clouds, settings })
  for (const one of [grant('admin', 'team-*'), grant('admin', 'team-a', 'team-b'), grant('manage', '*')]) {
    const { headers } = await createKey(app, one)
    const wanted = { ...input, grants: [everything] }
    t.match(await api.post('/api/v2/keys', wanted, headers), { status: 403, body: { code: 'permission_denied' } })
    t.match(await api.get('/api/v2/keys', headers), { status: 403 })
  }
})

t.test('wrong input for a key is told by its field', async (t) => {
  const { app, api } = await build(t, { clouds, settings })
  const { headers } = await createKey(app, everything)
  const wrong: [object, string][] = [
    [{ grants: input.grants }, '/name'],
    [{ ...input, name: 'a b' }, '/name'],
    [{ ...input, grants: [] }, '/grants'],
    [{ ...input, grants: [grant('manage', 'Prod!')] }, '/grants/0/clouds/0'],
    [{ ...input, grants: [{ clouds: ['a'], level: 'root' }] }, '/grants/0/level'],
    [{ ...input, expires_at: '2020-01-01T00:00:00Z' }, '/expires_at']
  ]
  for (const [body, pointer] of wrong) {
    const answer = await api.post('/api/v2/keys', body, headers)
    t.match(answer, { status: 422, body: { errors: [{ pointer }] } })
  }
  t.equal((await api.post('/api/v2/keys', input, headers)).status, 201)
  t.match(await api.post('/api/v2/keys', input, headers), { status: 409, body: { code: 'already_exists' } })
})

t.test('a key is not accepted from its expiry on', async (t) => {
  const { app, api } = await build(t, { clouds, settings })
  const { headers } = await createKey(app, everything)
  const expires_at = new Date(Date.now() + 300).toISOString()
  const { body: { secrets: { key } } } = await api.post('/api/v2/keys', { ...input, expires_at }, headers)
  t.match(await api.get('/api/v2/me', bearer(key)), { status: 200, body: { expires_at } })
  while (Date.now() <= Date.parse(expires_at)) await new Promise((resolve) => { setTimeout(resolve, 20) })
  t.equal((await api.get('/api/v2/me', bearer(key))).status, 401)
})

t.test('the last use of a key is written at most once a minute', async (t) => {
  const { app, api } = await build(t, { clouds, settings })
  const { id, headers } = await createKey(app, everything)
  const move = moveClock(t)
  const use = async () => {
    await api.get('/api/v2/me', headers)
    return (await api.get(`/api/v2/keys/${id}`, headers)).body.last_used_at as string | null
  }
  /** The time is written beside the answer. */
  const useUntilNot = async (before: string | null) => {
    for (;;) {
      const time = await use()
      if (time !== before) return time
    }
  }
  const first = await useUntilNot(null)
  move(50_000)
  t.equal(await use(), first)
  move(11_000)
  t.ok(await useUntilNot(first) !== null)
})

t.test('the store has the SHA-256 of a key and nowhere the key', async (t) => {
  const { app, api, directory } = await build(t, { clouds, settings })
  const { key, headers } = await createKey(app, everything)
  await api.get('/api/v2/me', headers)
  const { hash } = await app.store.selectFrom('api_keys').select('hash').executeTakeFirstOrThrow()
  t.equal(hash, createHash('sha256').update(key).digest('hex'))
  const content = readStoreContent(directory)
  t.ok(content.includes(hash))
  t.notOk(content.includes(key.slice(5)))
})

t.test('while the store fails, a key checked within five minutes still reads; any other is 503', async (t) => {
  const { app, api } = await build(t, { clouds, settings })
  const known = await createKey(app, everything)
  const other = await createKey(app, everything)
  const get = ({ headers }: typeof known) => api.get('/api/v2/clouds/team-a/nodes', headers)
  t.equal((await get(known)).status, 200)
  await app.store.schema.alterTable('api_keys').renameTo('api_keys_away').execute()

  const move = moveClock(t)
  move(60_000)
  t.equal((await get(known)).status, 200)
  const unavailable = { status: 503, body: { code: 'store_unavailable' } }
  t.match(await api.post('/api/v2/clouds/team-a/networks', { name: 'n' }, known.headers), unavailable, 'no change')
  t.match(await api.get('/api/v2/keys', known.headers), unavailable, 'nothing of the administrator')
  t.match(await get(other), unavailable)
  move(241_000)
  t.match(await get(known), unavailable)
  await app.store.schema.alterTable('api_keys_away').renameTo('api_keys').execute()
  t.equal((await get(known)).status, 200)
})

t.test('10,000 keys do not change the time of a look-up', async (t) => {
  const { app } = await build(t, { clouds, settings })
  await sql`insert into api_keys (id, name, hash, grants, created_at, created_by)
    with recursive n(i) as (select 1 union all select i + 1 from n where i < 10000)
    select 'id-' || i, 'name-' || i, 'hash-' || i, '[]', '2026-01-01T00:00:00.000Z', '{}' from n`.execute(app.store)
  await sql`analyze api_keys`.execute(app.store)
  t.match(await planOf(app.store, app.store.selectFrom('api_keys').selectAll().where('hash', '=', 'x')),
    /SEARCH api_keys USING INDEX|^Index Scan using api_keys_hash/)
})
