import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { serve, type Serving } from '../fixtures/process.ts'
import { createUsers } from '../../plugins/auth/users.ts'
import { build, dummy, makeDirectory } from '../helper/app.ts'
import { usesPostgres } from '../helper/database.ts'
import type { Api } from '../helper/api.ts'
import { bearer, createKey, grant } from '../helper/callers.ts'
import { moveClock } from '../helper/clock.ts'
import { audience, startIssuer } from '../helper/issuer.ts'

const input = { user: 'ada', application: 'billing', expires_in: 1 }
const assignments = { retry_seconds: 0.05 }

/** Reads again and again until the answer is as wanted, for at most ten seconds. */
async function until<T> (read: () => Promise<T>, isWanted: (value: T) => boolean): Promise<T> {
  // On PostgreSQL, operations of a server that died are followed by another after 20 s.
  const end = performance.now() + (usesPostgres ? 40_000 : 10_000)
  for (;;) {
    const value = await read()
    if (isWanted(value)) return value
    if (performance.now() > end) throw new Error(`still ${JSON.stringify(value)}`)
    await sleep(10)
  }
}

async function open (t: Test, { cloud = {}, auth = {} }: { cloud?: object, auth?: object } = {}) {
  const clouds = { 'team-a': dummy({ nodes: 2, ...cloud }) }
  // The test that sets the clock a month ahead reads an operation of before.
  const operations = { keep_days: 100 }
  const server = await build(t, { clouds, settings: { auth, assignments, operations } })
  const admin = await createKey(server.app, grant('admin', '*'))
  const { headers } = admin
  const { body: { items } } = await server.api.get('/api/v2/nodes?state=running', headers)
  const node = items[0].self as string
  const read = async (): Promise<any> => (await server.api.get(node, headers)).body
  const isFree = ({ assignment }: any) => assignment === undefined
  return {
    ...server,
    headers,
    node,
    read,
    untilFree: () => until(read, isFree),
    operations: async () => (await server.api.get(`${node}/operations`, headers)).body.items as any[]
  }
}

const assign = async (api: Api, node: string, body: object, headers: Record<string, string>) => {
  const answer = await api.post(`${node}/actions/assign`, { ...input, ...body }, headers)
  if (answer.status !== 200) throw new Error(JSON.stringify(answer.body))
  return answer.body
}

t.test('an assignment ends on time, and the node stays as it is', async (t) => {
  const { api, headers, node, untilFree, operations } = await open(t)
  const { warning } = await assign(api, node, { expires_in: 2 }, headers)
  t.match(warning, /this assignment ends/)
  t.equal((await untilFree()).state, 'running')
  t.same(await operations(), [])
})

t.test('on expiry a node is stopped or destroyed by an operation of the assigner', async (t) => {
  const { app, api, node, untilFree, operations } = await open(t)
  const operator = await createKey(app, grant('operate', 'team-a'))
  await assign(api, node, { on_expiry: 'stop' }, operator.headers)
  t.equal((await untilFree()).state, 'stopped')
  t.match(await operations(), [
    { kind: 'nodes.stop', status: 'succeeded', started_by: { kind: 'key', id: operator.id } }
  ])

  const manager = await createKey(app, grant('manage', 'team-a'))
  await assign(api, node, { on_expiry: 'destroy' }, manager.headers)
  await until(async () => (await api.get('/api/v2/assignments', manager.headers)).body.total, (total) => total === 0)
  t.match(await operations(), [{ kind: 'nodes.destroy', status: 'succeeded', started_by: { id: manager.id } }, {}])
})

t.test('an assignment that was prolonged does not end at its first time', async (t) => {
  const { api, headers, node, read, operations } = await open(t)
  await assign(api, node, { on_expiry: 'destroy' }, headers)
  await assign(api, node, { on_expiry: 'destroy', expires_in: 600, replace: true }, headers)
  await sleep(1200)
  t.match(await read(), { state: 'running', assignment: { warning: /destroys/ } })
  t.same(await operations(), [])
})

t.test('the expiry of a protected node fails, shows the problem, and is tried again', async (t) => {
  const { api, headers, node, read, operations } = await open(t)
  await api.patch(node, { protected: true }, headers)
  await assign(api, node, { on_expiry: 'destroy' }, headers)
  const { assignment } = await until(read, ({ assignment }) => assignment.problem !== null)
  t.match(assignment, { problem: { code: 'protected' }, operation: null })
  t.same(await operations(), [], 'nothing was sent')
  await api.patch(node, { protected: false }, headers)
  const found = await until(operations, ([operation]) => (operation?.finished_at ?? null) !== null)
  t.match(found, [{ kind: 'nodes.destroy', status: 'succeeded' }])
  t.equal((await api.get(node, headers)).status, 404)
})

t.test('an expiry that the cloud refuses keeps the assignment, and is tried again with growing pauses', async (t) => {
  const { app, api, headers, node, read, untilFree, operations } = await open(t)
  const { nodes } = app.clouds['team-a']!
  const stop = nodes!.stop!.bind(nodes)
  const times: number[] = []
  nodes!.stop = async (...args) => {
    times.push(performance.now())
    if (times.length < 4) throw Object.assign(new Error('the hypervisor is on fire'))
    return stop(...args)
  }
  await assign(api, node, { on_expiry: 'stop' }, headers)
  const failed = await until(read, ({ assignment }) => (assignment?.problem ?? null) !== null)
  t.match(failed.assignment, { problem: { code: 'internal_error' }, operation: /^\/api\/v2\/operations\// })
  t.equal((await untilFree()).state, 'stopped')
  const pauses = times.slice(1).map((time, i) => time - times[i]!)
  t.ok(pauses[0]! >= 45 && pauses[1]! >= 95 && pauses[2]! >= 195, pauses.join(' '))
  t.same((await operations()).map(({ status }) => status), ['succeeded', 'failed', 'failed', 'failed'])
})

t.test('while an expiry is under way, the node is not released or assigned again', async (t) => {
  const { api, headers, node, read, untilFree } = await open(t, { cloud: { delay: 1 } })
  await assign(api, node, { on_expiry: 'stop' }, headers)
  const { assignment } = await until(read, ({ assignment }) => assignment?.operation !== null)
  const busy = { status: 409, body: { code: 'operation_in_progress', operation: assignment.operation } }
  t.match(await api.post(`${node}/actions/release`, {}, headers), busy)
  t.match(await api.post(`${node}/actions/assign`, { ...input, replace: true }, headers), busy)
  t.equal((await untilFree()).state, 'stopped')
})

t.test('a key that was revoked, or has lost its level, only releases', async (t) => {
  const { app, api, node, untilFree, operations } = await open(t)
  const revoked = await createKey(app, grant('manage', 'team-a'))
  await assign(api, node, { on_expiry: 'destroy' }, revoked.headers)
  await app.auth.keys.revoke(revoked.id)
  t.equal((await untilFree()).state, 'running')

  const reduced = await createKey(app, grant('manage', 'team-a'))
  await assign(api, node, { on_expiry: 'destroy' }, reduced.headers)
  const grants = JSON.stringify([grant('operate', 'team-a')])
  await app.store.updateTable('api_keys').set({ grants }).where('id', '=', reduced.id).execute()
  t.equal((await untilFree()).state, 'running')
  t.same(await operations(), [])
})

t.test('a user with a password has the grants of the store at the time of the expiry', async (t) => {
  const { app, node, untilFree, operations } = await open(t)
  const users = createUsers(app.store)
  const assignAs = async (name: string) => {
    await users.create({ name, password: 'a password', grants: [grant('manage', 'team-a')] })
    const payload = { username: name, password: 'a password' }
    const { token } = (await app.inject({ method: 'POST', url: '/api/v1/auth', payload })).json()
    const answer = await app.inject({
      method: 'PUT',
      url: '/api/v1/vm/action/assign/team-a',
      headers: { 'x-auth-token': token },
      payload: { node: node.split('/').at(-1), user: 'ada', vm_type: 'billing' }
    })
    t.equal(answer.statusCode, 200, answer.body)
  }
  // An assignment of the original's API has no end, so the test sets it.
  const expire = async (action: 'stop' | 'destroy') => {
    const [row] = app.assignments.registry.all()
    await app.assignments.registry.change(row!.id, { on_expiry: action, expires_at: new Date().toISOString() })
    return untilFree()
  }
  await assignAs('grace')
  t.equal((await expire('stop')).state, 'stopped')
  t.match(await operations(), [{ kind: 'nodes.stop', status: 'succeeded', started_by: { kind: 'user' } }])

  await assignAs('linus')
  await users.remove('linus')
  t.equal((await expire('destroy')).state, 'stopped', 'a user that was removed only releases')
  t.equal((await operations()).length, 1)
})

t.test('an anonymous caller can assign, and only releases', async (t) => {
  const { api, node, untilFree, operations } = await open(t, { auth: { anonymous: [grant('operate', '*')] } })
  await assign(api, node, { on_expiry: 'stop' }, {})
  t.equal((await untilFree()).state, 'running')
  t.same(await operations(), [])
})

t.test('a caller of a token has the grants of its last accepted claims, for 30 days', async (t) => {
  const issuer = await startIssuer(t)
  const grants = [{ claim: 'groups', value: 'a', ...grant('manage', 'team-a') }]
  const issuers = [{ issuer: issuer.url, audience, grants }]
  const { app, api, node, read, untilFree, operations } = await open(t, { auth: { issuers } })
  const sign = async (groups: string[]) => bearer(await issuer.sign({ groups }))
  await assign(api, node, { on_expiry: 'stop' }, await sign(['a']))
  t.equal((await untilFree()).state, 'stopped')
  t.match(await operations(), [{ kind: 'nodes.stop', started_by: { kind: 'oidc', id: 'ada' } }])

  await assign(api, node, { on_expiry: 'destroy' }, await sign(['a']))
  await api.get('/api/v2/me', await sign(['b']))
  t.equal((await untilFree()).state, 'stopped', 'a later token had other claims')

  const month = 30 * 24 * 3600
  await assign(api, node, { on_expiry: 'destroy', expires_in: month + 60 }, await sign(['a']))
  t.notMatch(JSON.stringify(await read()), /groups/, 'no answer has the claims')
  moveClock(t)((month + 61) * 1000)
  // The registry tells the expiry about every change.
  await app.assignments.registry.change((await read()).assignment.id, {})
  t.equal((await untilFree()).state, 'stopped', 'the claims are older than 30 days')
  t.equal((await operations()).length, 1)
})

const program = path.join(import.meta.dirname, '../fixtures/dying-server.js')

async function ask (url: string, options: RequestInit = {}) {
  const response = await fetch(url, options)
  return { status: response.status, body: await response.json() as any }
}

// A server that was killed before the request finds out that nothing came of its first operation, and tries again.
for (const [point, title, statuses] of [
  ['never', 'an expiry that is due while the server is down', ['succeeded']],
  ['recorded', 'an expiry that was recorded when the server was killed', ['succeeded', 'failed']],
  ['stopped', 'an expiry whose request was with the cloud when the server was killed', ['succeeded']]
] as const) {
  t.test(`${title} happens once after the next start`, async (t) => {
    const directory = makeDirectory(t)
    writeFileSync(path.join(directory, 'orchestrator.json'), JSON.stringify({
      log_level: 'silent',
      operations: { reconcile_seconds: 0, poll_ms: 5 },
      assignments,
      clouds: { default: { driver: 'dummy', nodes: 2, state_file: 'cloud.json', timeout: 0.5, delay: 0.05 } }
    }))
    const first = await serve(t, [point], { program, cwd: directory })
    const { body: { items: [node] } } = await ask(`${first.url}/api/v2/nodes?state=running`)
    const { status } = await ask(`${first.url}${node.self}/actions/assign`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ ...input, on_expiry: 'stop' })
    })
    t.equal(status, 200)
    if (point === 'never') first.child.kill('SIGKILL')
    t.equal(await first.ended, 'SIGKILL')
    await mustExpireOnce(t, await serve(t, [], { program, cwd: directory }), node.self, statuses)
  })
}

async function mustExpireOnce (t: Test, { url }: Serving, node: string, statuses: readonly string[]) {
  await until(async () => (await ask(`${url}/api/v2/assignments`)).body.total, (total) => total === 0)
  t.equal((await ask(`${url}${node}`)).body.state, 'stopped')
  const { body: { items } } = await ask(`${url}/api/v2/operations`)
  t.same(items.map(({ status }: any) => status), statuses)
  for (const item of items) t.match(item, { kind: 'nodes.stop', target: { self: node } })
}
