import { mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { createKeys } from '../../../plugins/auth/keys.ts'
import { createUsers } from '../../../plugins/auth/users.ts'
import { openStore } from '../../../plugins/store/open.ts'
import { serve } from '../../fixtures/process.ts'
import { build, dummy, makeDirectory } from '../../helper/app.ts'
import { createKey, grant } from '../../helper/callers.ts'
import { listenTo } from '../../helper/events.ts'
import { startCluster } from './cluster.ts'

t.setTimeout(300_000)
const cluster = await startCluster(t)
const nodes = '/api/v2/clouds/default/nodes'
const input = { name: 'web', image_id: 'img-debian-12', size_id: 'dummy.small' }

/** Two servers on one database of PostgreSQL, each with a cloud of its own. */
async function buildTwo (t: Test, own: object = {}, clouds: Record<string, object> = { default: dummy({ nodes: 1 }) }) {
  const url = await cluster.createDatabase()
  const settings = { store: { url }, ...own }
  const one = await build(t, { settings, clouds, listen: true })
  const other = await build(t, { settings, clouds, listen: true })
  // A server that has just started may not listen yet.
  await until(() => one.app.events.isCurrent() && other.app.events.isCurrent())
  return { url, one, other }
}

/** Resolves to the milliseconds until this holds. */
async function until (isTrue: () => boolean | Promise<boolean>, ms = 20_000) {
  const began = performance.now()
  while (!await isTrue()) {
    if (performance.now() - began > ms) throw new Error(`not true within ${ms} ms: ${isTrue.toString()}`)
    await sleep(10)
  }
  return performance.now() - began
}

/** A store beside the servers, as that of a command, which notifies nobody. */
async function openBeside (t: Test, url: string) {
  const store = await openStore({ url, pool_size: 1, statement_timeout: 10 })
  t.teardown(() => store.destroy())
  return store
}

t.test('an operation and a direct change of one server make the answers stale that others keep', async (t) => {
  const { one, other } = await buildTwo(t)
  const { freshness } = other.app.farm.get('default')
  const seesChange = async (change: () => Promise<unknown>, service: 'nodes' | 'networks' | 'images') => {
    const before = freshness.versionOf(service)
    await change()
    return until(() => freshness.versionOf(service) > before)
  }
  t.ok(await seesChange(() => one.api.post(nodes, input), 'nodes') < 2500)
  t.ok(await seesChange(() => one.api.post('/api/v2/clouds/default/networks', { name: 'n' }), 'networks') < 2500)
  t.ok(await seesChange(() => one.api.post('/api/v2/clouds/default/actions/refresh', {}), 'images') < 2500)
})

t.test('an event of one server reaches a client of another at once', async (t) => {
  const { one, other } = await buildTwo(t)
  const client = await listenTo(t, `${other.origin}/api/v2/events`)
  const { body } = await one.api.post(nodes, input, { prefer: 'wait=20' })
  const ms = await until(() => client.names().includes(`operation.ended ${body.self}`))
  t.ok(ms < 2000, 'a notification tells it', { ms })
  t.equal((await other.api.get(body.self)).body.status, 'succeeded')
})

t.test('a revoked key is refused on every server within 5 s, also without a notification', async (t) => {
  const { url, one, other } = await buildTwo(t, { auth: {} })
  const isRefused = async (key: Awaited<ReturnType<typeof createKey>>) =>
    (await other.api.get('/api/v2/me', key.headers)).status === 401
  const told = await createKey(one.app, grant('read', '*'))
  t.notOk(await isRefused(told))
  await one.app.auth.keys.revoke(told.id)
  t.ok(await until(() => isRefused(told)) < 5000)

  const silent = await createKey(one.app, grant('read', '*'))
  t.notOk(await isRefused(silent))
  const client = await listenTo(t, `${other.origin}/api/v2/events`, silent.headers)
  await createKeys(await openBeside(t, url)).revoke(silent.id)
  t.ok(await until(() => isRefused(silent)) < 5000)
  await client.ended
})

t.test('a removed user is signed out on every server within 5 s', async (t) => {
  const { url, one, other } = await buildTwo(t, { auth: {} })
  const users = createUsers(await openBeside(t, url))
  await users.create({ name: 'ada', password: 'a long password', grants: [grant('read', '*')] })
  const signIn = await one.app.inject({
    method: 'POST', url: '/api/v1/auth', payload: { username: 'ada', password: 'a long password' }
  })
  const { token } = signIn.json()
  const list = async () =>
    (await other.app.inject({ method: 'GET', url: '/api/v1/nodes', headers: { 'x-auth-token': token } })).statusCode
  t.equal(await list(), 200)
  await users.remove('ada')
  t.ok(await until(async () => await list() === 403) < 5000)
})

t.test('a server that cannot see revocations trusts no memory longer than its store failures allow', async (t) => {
  const own = await startCluster(t)
  const settings = { store: { url: await own.createDatabase() }, auth: {} }
  const { app, api } = await build(t, { settings })
  const { headers } = await createKey(app, grant('manage', '*'))
  t.equal((await api.get(nodes, headers)).status, 200)
  await own.stop('immediate')
  await until(() => !app.events.isCurrent(), 6000)
  t.equal((await api.get(nodes, headers)).status, 200, 'a known key may read')
  t.match(await api.post(nodes, input, headers), {
    status: 503, body: { code: 'store_unavailable' }
  }, 'and change nothing')
  await own.start()
  await until(() => app.events.isCurrent())
  t.match((await api.post(nodes, input, headers)).status, 202)
})

t.test('two servers assign one node to one of two users, and both show it', async (t) => {
  const { one, other } = await buildTwo(t)
  const { body: { items: [node] } } = await one.api.get(nodes)
  const assign = ({ api }: typeof one, user: string, more: object = {}) =>
    api.post(`${node.self}/actions/assign`, { user, application: 'billing', ...more })
  for (let round = 1; round <= 3; round++) {
    const answers = await Promise.all([assign(one, 'ada'), assign(other, 'bob')])
    t.same(answers.map(({ status }) => status).sort(), [200, 409], `round ${round}`)
    const { id } = answers.find(({ status }) => status === 200)!.body
    const shown = async ({ api }: typeof one) => {
      const { body } = await api.get('/api/v2/assignments')
      return body.items.map((one: any) => one.id)
    }
    for (const server of [one, other]) await until(async () => (await shown(server))[0] === id)
    t.match(await assign(one, 'eve'), { status: 409 })
    t.match(await assign(other, 'eve', { replace: true }), { status: 200 })
    await until(async () => (await one.api.get('/api/v2/assignments')).body.items[0].user === 'eve')
    t.match(await one.api.post(`${node.self}/actions/release`, {}), {
      status: 200, body: { assignment: { user: 'eve' } }
    })
    await until(async () => (await other.api.get('/api/v2/assignments')).body.total === 0)
  }
})

t.test('a cloud that goes down is reported once, although two servers see it', async (t) => {
  const faults = [{ on: 'nodes.list', kind: 'unavailable', times: 1 }]
  const { one, other } = await buildTwo(t, { health_seconds: 3600 }, { default: dummy({ faults }) })
  const client = await listenTo(t, `${one.origin}/api/v2/events?type=cloud.*`)
  await Promise.all([one, other].map(({ api }) => api.get(nodes)))
  await client.until(() => client.events.length > 0)
  await one.api.get('/api/v2/clouds/default/sizes')
  await client.until(() => client.events.length > 1)
  t.same(client.events.map(({ type }) => type), ['cloud.down', 'cloud.up'])
})

t.test('a client of a killed server continues on another: each event once', async (t) => {
  const url = await cluster.createDatabase()
  const directory = makeDirectory(t)
  const start = async (name: string) => {
    const cwd = path.join(directory, name)
    mkdirSync(cwd)
    const clouds = { default: dummy() }
    const settings = { log_level: 'silent', port: 0, store: { url }, clouds }
    writeFileSync(path.join(cwd, 'orchestrator.json'), JSON.stringify(settings))
    return serve(t, ['serve'], { cwd })
  }
  const [doomed, other] = [await start('doomed'), await start('other')]
  const all = await listenTo(t, `${other.url}/api/v2/events`)
  const first = await listenTo(t, `${doomed.url}/api/v2/events`)
  const create = async () => {
    const response = await fetch(other.url + nodes, {
      method: 'POST', headers: { 'content-type': 'application/json', prefer: 'wait=20' }, body: JSON.stringify(input)
    })
    if (response.status !== 200) throw new Error(await response.text())
  }
  const creating = (async () => {
    for (let i = 0; i < 40; i++) await create()
  })()
  await first.until(() => first.events.length > 30)
  doomed.child.kill('SIGKILL')
  await first.ended
  const rest = await listenTo(t, `${other.url}/api/v2/events`, { 'last-event-id': first.lastId() })
  await creating
  await all.until(() => all.events.length === 160)
  await rest.until(() => first.events.length + rest.events.length >= 160)
  t.ok(rest.events.length > 0)
  t.same([...first.events, ...rest.events].map(({ data }) => data.id), all.events.map(({ data }) => data.id))
})
