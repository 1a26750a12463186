import { createHook } from 'node:async_hooks'
import { createHash } from 'node:crypto'
import { SqliteQueryCompiler, type KyselyPlugin } from '#kysely'
import t from 'tap'
import { createKeyCheck } from '../../plugins/auth/key-check.ts'
import { createUsers } from '../../plugins/auth/users.ts'
import type { Store } from '../../plugins/store/tables.ts'
import { build } from '../helper/app.ts'
import { createKey, grant } from '../helper/callers.ts'

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex')

t.test('a wrong key costs the same single look-up by its hash, however much of it is right', async (t) => {
  const { app } = await build(t, { settings: { auth: {} } })
  const { key } = await createKey(app, grant('read', '*'))
  const queries: { sql: string, parameters: readonly unknown[] }[] = []
  const observer: KyselyPlugin = {
    transformQuery ({ node, queryId }) {
      const { sql, parameters } = new SqliteQueryCompiler().compileQuery(node, queryId)
      queries.push({ sql, parameters })
      return node
    },
    transformResult: async ({ result }) => result
  }
  const { find } = createKeyCheck(app.store.withPlugin(observer) as Store, app.log)
  const other = (digit: string) => digit === '0' ? '1' : '0'
  // The first N digits are right, the others wrong.
  const guesses = Array.from({ length: 64 }, (_, right) =>
    key.slice(0, 5 + right) + [...key.slice(5 + right)].map(other).join(''))
  for (const guess of guesses) await t.rejects(async () => find(guess), { code: 'unauthenticated' })
  t.equal(queries.length, guesses.length, 'one query for each guess')
  t.equal(new Set(queries.map(({ sql }) => sql)).size, 1, 'the same for all')
  t.match(queries[0]!.sql, /where "hash" = \?$/)
  const hashes = guesses.map((guess) => [sha256(guess)])
  t.same(queries.map(({ parameters }) => parameters), hashes, 'with nothing but the hash')
  t.equal((await find(key)).name, 'key-1', 'the right key passes the same check')
})

t.test('the check of a name and a password derives one key, whether the name exists or not', async (t) => {
  const { app } = await build(t, { settings: { auth: {} } })
  const users = createUsers(app.store)
  await users.create({ name: 'ada', password: 'a password', grants: [grant('read', '*')] })
  let derived = 0
  const hook = createHook({ init (_id, type) { if (type === 'SCRYPTREQUEST') derived++ } }).enable()
  t.teardown(() => hook.disable())
  const cost = async (name: string, password: string) => {
    derived = 0
    await users.check(name, password).catch(({ code }: { code: string }) => { t.equal(code, 'unauthenticated') })
    return derived
  }
  await cost('nobody', 'the first unknown name makes a hash to compare with')
  t.equal(await cost('nobody', 'a password'), 1)
  t.equal(await cost('ada', 'wrong password'), 1)
  t.equal(await cost('ada', 'a password'), 1)
})
