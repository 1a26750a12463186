import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import t, { type Test } from 'tap'
import { createAuditRows } from '../plugins/audit/rows.ts'
import { openStore } from '../plugins/store/open.ts'
import { run, serve } from './fixtures/process.ts'
import { storeIn, usesPostgres } from './helper/database.ts'

const passwords = ['a first password', 'a second password']

/** A folder with settings. Its path is short, because the path of a Unix socket has at most 107 bytes. */
function folder (t: Test) {
  const cwd = mkdtempSync(path.join(tmpdir(), 'orchestrator-'))
  t.teardown(() => rmSync(cwd, { recursive: true }))
  const settings = {
    log_level: 'info',
    port: 0,
    auth: {},
    audit: { file: 'audit.jsonl' },
    clouds: { default: { driver: 'dummy', delay: 0 } }
  }
  writeFileSync(path.join(cwd, 'orchestrator.json'), JSON.stringify(settings))
  return cwd
}

/** Runs each command that changes keys or users, and some that are refused. Returns what they printed. */
async function runAll (t: Test, cwd: string) {
  const [first = '', second = ''] = passwords
  const commands: [args: string[], code: number, input?: string][] = [
    [['keys', 'create', 'ci', '--grant', 'read:*'], 0],
    [['keys', 'create', 'ci', '--grant', 'read:*'], 1],
    [['users', 'create', 'ada', '--grant', 'read:*'], 0, `${first}\n`],
    [['users', 'password', 'ada'], 0, `${second}\n`],
    [['users', 'password', 'nobody'], 1, `${second}\n`],
    [['users', 'remove', 'ada'], 0],
    [['keys', 'revoke', 'ci'], 0]
  ]
  const printed: string[] = []
  for (const [args, expected, input] of commands) {
    const { code, stdout, stderr } = await run(t, args, { cwd, ...input !== undefined && { input } })
    t.equal(code, expected, `${args.join(' ')}: ${stderr}`)
    printed.push(stdout, stderr)
  }
  return printed.join('')
}

/** The entries that these commands make, the oldest first. */
const expected = [
  { action: 'keys.create', outcome: 'succeeded', code: null, resource: /^\/api\/v2\/keys\/[0-9a-f-]{36}$/ },
  { action: 'keys.create', outcome: 'refused', code: 'already_exists', resource: '/keys/ci' },
  { action: 'users.create', outcome: 'succeeded', code: null, resource: '/users/ada' },
  { action: 'users.password', outcome: 'succeeded', code: null, resource: '/users/ada' },
  { action: 'users.password', outcome: 'refused', code: 'resource_not_found', resource: '/users/nobody' },
  { action: 'users.remove', outcome: 'succeeded', code: null, resource: '/users/ada' },
  { action: 'keys.revoke', outcome: 'succeeded', code: null, resource: /^\/api\/v2\/keys\// }
].map((entry) => ({ caller: { kind: 'local', id: 'local' }, address: 'local', cloud: null, count: 1, ...entry }))

const linesOf = (cwd: string): { action: string }[] => {
  const file = path.join(cwd, 'audit.jsonl')
  return existsSync(file)
    ? readFileSync(file, 'utf8').trim().split('\n').map((line) => JSON.parse(line) as { action: string })
    : []
}

t.test('keys and users that commands change without a server are in the audit', async (t) => {
  const cwd = folder(t)
  const printed = await runAll(t, cwd)
  const store = await openStore(storeIn(cwd))
  const entries = (await createAuditRows(store).list({ limit: 100 })).reverse()
  await store.destroy()
  t.equal(entries.length, expected.length)
  t.match(entries, expected)
  t.same(linesOf(cwd), entries, 'the file of the audit has the same')
  for (const secret of [...passwords, /orch_[0-9a-f]{64}/.exec(printed)![0]]) {
    t.notOk(JSON.stringify(entries).includes(secret))
  }
})

t.test('keys and users that commands change through the running server are in its audit', async (t) => {
  const cwd = folder(t)
  const server = await serve(t, [], { cwd })
  const { stdout: key } = await run(t, ['keys', 'create', 'root', '--grant', 'admin:*'], { cwd })
  const printed = await runAll(t, cwd)
  const answer = await fetch(`${server.url}/api/v2/audit?limit=100`, {
    headers: { authorization: `Bearer ${key.trim()}` }
  })
  const { items } = await answer.json() as { items: { action: string }[] }
  const entries = items.reverse().slice(1)
  t.equal(entries.length, expected.length)
  t.match(entries, expected)
  while (linesOf(cwd).length < entries.length + 1) await new Promise((resolve) => { setImmediate(resolve) })
  t.same(linesOf(cwd).slice(1), entries, 'the file of the audit has the same')
  // On PostgreSQL the commands work beside the server.
  const logged = usesPostgres ? undefined : entries.length + 1
  t.equal(server.out.stdout.match(/"msg":"audit"/g)?.length, logged, 'and so has the log')
  for (const secret of [...passwords, /orch_[0-9a-f]{64}/.exec(printed)![0], key.trim()]) {
    t.notOk(JSON.stringify(entries).includes(secret))
    t.notOk(server.out.stdout.includes(secret))
  }
})

t.test('users password changes the password of a user at once', async (t) => {
  const cwd = folder(t)
  const server = await serve(t, [], { cwd })
  const [first = '', second = ''] = passwords
  const signIn = async (password: string) => {
    const body = JSON.stringify({ username: 'ada', password })
    const answer = await fetch(`${server.url}/api/v1/auth`, {
      method: 'POST', headers: { 'content-type': 'application/json' }, body
    })
    const { token } = await answer.json() as { token?: string }
    return { status: answer.status, token }
  }
  const nodes = async (token = '') => {
    const { status } = await fetch(`${server.url}/api/v1/nodes`, { headers: { 'x-auth-token': token } })
    return status
  }
  t.match(await run(t, ['users', 'create', 'ada', '--grant', 'read:*'], { cwd, input: `${first}\n` }), { code: 0 })
  const { token } = await signIn(first)
  t.match(await run(t, ['users', 'password', 'ada'], { cwd, input: 'short\n' }), {
    code: 1, stderr: /8 to 1024 characters/
  })
  t.match(await run(t, ['users', 'password', 'ada'], { cwd, input: `${second}\n` }), {
    code: 0, stdout: '', stderr: 'The user ada has a new password.\n'
  })
  t.equal((await signIn(first)).status, 403)
  const renewed = await signIn(second)
  t.equal(renewed.status, 200)
  t.equal(await nodes(renewed.token), 200)
  t.equal(await nodes(token), 403, 'a sign-in with the old password has ended')
})
