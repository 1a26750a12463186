import { mkdtempSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import Database from 'libsql'
import t, { type Test } from 'tap'
import { run, serve } from './fixtures/process.ts'
import { build, dummy } from './helper/app.ts'

const nodes = '/api/v2/clouds/default/nodes'
const input = { name: 'web', image_id: 'img-debian-12', size_id: 'dummy.small' }

/** A folder with settings. Its path is short, because the path of a Unix socket has at most 107 bytes. */
function folder (t: Test) {
  const directory = mkdtempSync(path.join(tmpdir(), 'orchestrator-'))
  t.teardown(() => rmSync(directory, { recursive: true }))
  const settings = { log_level: 'silent', port: 0, clouds: { default: { driver: 'dummy', delay: 0 } } }
  writeFileSync(path.join(directory, 'orchestrator.json'), JSON.stringify(settings))
  return directory
}

async function createNode (url: string) {
  const headers = { 'content-type': 'application/json', prefer: 'wait=20' }
  const response = await fetch(url + nodes, { method: 'POST', headers, body: JSON.stringify(input) })
  return await response.json() as { id: string }
}

t.test('a running server copies its store to a new file, which serves as a store', async (t) => {
  const cwd = folder(t)
  const server = await serve(t, [], { cwd })
  const { id } = await createNode(server.url)
  t.equal(statSync(path.join(cwd, 'data/orchestrator.db.sock')).mode & 0o777, 0o600, 'only its user may command it')
  const copy = ['backup', 'copy/store.db']
  t.match(await run(t, copy, { cwd }), { code: 0, stdout: /^The store was copied to .*copy\/store\.db\n$/ })
  t.equal(statSync(path.join(cwd, 'copy/store.db')).mode & 0o777, 0o600, 'and read the copy')
  t.match(await run(t, copy, { cwd }), { code: 1, stderr: /exists already/ }, 'no file is overwritten')

  const restored = await serve(t, [], { cwd, env: { STORE_FILE: 'copy/store.db' } })
  t.equal((await fetch(`${restored.url}/api/v2/operations/${id}`)).status, 200)
})

t.test('without a server the store is copied directly; a crash leaves no socket in the way', async (t) => {
  const cwd = folder(t)
  const server = await serve(t, [], { cwd })
  server.child.kill('SIGKILL')
  await server.ended
  t.match(await run(t, ['backup', 'a.db'], { cwd }), { code: 0 })
  await serve(t, [], { cwd })
  t.match(await run(t, ['backup', 'b.db'], { cwd }), { code: 0 })
  t.match(await run(t, ['backup'], { cwd }), { code: 1, stderr: /needs the name of one new file/ })
})

t.test('two servers whose stores are in one folder take their commands each on its own socket', async (t) => {
  const cwd = folder(t)
  const stores = ['one.db', 'two.db']
  const auth = { port: 0, log_level: 'silent', auth: {}, clouds: { default: { driver: 'dummy', delay: 0 } } }
  writeFileSync(path.join(cwd, 'orchestrator.json'), JSON.stringify(auth))
  const envs = stores.map((name) => ({ STORE_FILE: `data/${name}` }))
  const servers: Awaited<ReturnType<typeof serve>>[] = []
  for (const env of envs) servers.push(await serve(t, [], { cwd, env }))
  const keys: string[] = []
  for (const env of envs) {
    const created = await run(t, ['keys', 'create', 'ci', '--grant', 'read:*'], { cwd, env })
    t.equal(created.code, 0, created.stderr)
    keys.push(created.stdout.trim())
  }
  for (const [i, { url }] of servers.entries()) {
    const statuses = await Promise.all(keys.map(async (key) =>
      (await fetch(`${url}/api/v2/me`, { headers: { authorization: `Bearer ${key}` } })).status))
    t.same(statuses, i === 0 ? [200, 401] : [401, 200], 'each server has the key that was made for it')
  }
  servers[0]!.child.kill('SIGTERM')
  await servers[0]!.ended
  const listed = await run(t, ['keys', 'list'], { cwd, env: envs[1]! })
  t.match(listed, { code: 0, stdout: /ci/ }, 'the other one still listens')
})

t.test('a store file that is deleted or replaced under the server is noticed', async (t) => {
  for (const event of ['deleted', 'replaced']) {
    const directory = t.testdir({ [event]: {} })
    const { api } = await build(t, { clouds: { default: dummy() }, directory })
    const file = path.join(directory, 'data/orchestrator.db')
    const content = readFileSync(file)
    if (event === 'deleted') rmSync(file)
    else {
      writeFileSync(`${file}.new`, content)
      renameSync(`${file}.new`, file)
    }
    t.match(await api.post(nodes, input), {
      status: 503, body: { code: 'store_unavailable', detail: new RegExp(`was ${event}`), hint: /Restart the server/ }
    })
    t.match(await api.get('/health/ready'), { status: 503 })
    t.match(await api.get(nodes), { status: 200, body: { items: [] } })
  }
})

t.test('a damaged store file is one sentence that says what to do', async (t) => {
  const cwd = folder(t)
  const server = await serve(t, [], { cwd })
  server.child.kill('SIGTERM')
  await server.ended
  writeFileSync(path.join(cwd, 'data/orchestrator.db'), 'this is not a database, but a text of some length'.repeat(100))
  const { code, stderr } = await run(t, [], { cwd })
  t.equal(code, 1)
  t.match(stderr, /^The store .*orchestrator\.db cannot be opened: .*The file is damaged\. .*backup.*\n$/)
})

t.test('an earlier version refuses a store that a later one has changed, and says what to do', async (t) => {
  const cwd = folder(t)
  const server = await serve(t, [], { cwd })
  server.child.kill('SIGTERM')
  await server.ended
  const store = new Database(path.join(cwd, 'data/orchestrator.db'))
  store.exec("insert into kysely_migration values ('9999-later', '2026-01-31T12:00:00.000Z')")
  store.exec("update store_info set value = '9999-later' where name = 'compatible_since'")
  store.close()
  t.match(await run(t, [], { cwd }), {
    code: 1,
    stderr: /^The store .* was changed by a later version of this server \(9999-later\)\. .* restore the backup.*\n$/
  })
})
