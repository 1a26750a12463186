import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { runForEach } from '../plugins/bulk.ts'
import type { Api } from './helper/api.ts'
import { build, dummy, type BuildOptions } from './helper/app.ts'

const nodes = '/api/v2/clouds/default/nodes'

/** Starts a server whose cloud has nodes, by default all running, and returns their ids. */
async function start (t: Test, settings: object = {}, options: BuildOptions = {}) {
  const { app, api } = await build(t, { ...options, clouds: { default: dummy({ nodes: 5, ...settings }) } })
  const { items } = await api.walk(nodes)
  return { app, api, ids: items.map(({ id }) => id as string) }
}

const run = (api: Api, verb: string, body: object, headers: Record<string, string> = {}) =>
  api.post(`${nodes}/actions/${verb}`, body, headers)

const outcomes = (body: { items: any[] }) => body.items.map(({ id, operation, problem }) =>
  [id, operation === null ? problem.code : operation.kind])

t.test('one action on many nodes answers an operation or a problem for each, in the order of the ids', async (t) => {
  const { api, ids } = await start(t, { provider_states: ['ACTIVE', 'SHUTOFF', 'SUSPENDED', 'PAUSED', 'ACTIVE'] })
  const mixed = [ids[4]!, 'node-00000000', ids[2]!, 'odd', ids[1]!, ids[0]!, ids[3]!]
  const { status, headers, body } = await run(api, 'stop', { ids: mixed }, { prefer: 'wait=10' })
  t.equal(status, 200)
  t.equal(headers['preference-applied'], 'wait=10')
  t.same(outcomes(body), [
    [ids[4], 'nodes.stop'], ['node-00000000', 'resource_not_found'], [ids[2], 'invalid_state'],
    ['odd', 'resource_not_found'], [ids[1], 'nodes.stop'], [ids[0], 'nodes.stop'], [ids[3], 'invalid_state']
  ])
  t.match(body.items[0].operation, { status: 'succeeded', target: { id: ids[4] }, resource: { state: 'stopped' } })
  t.match(body.items[2].problem, { state: 'suspended', allowed_actions: Array })
  t.equal(body.items[2].problem.request_id, headers['x-request-id'])
  const { items } = await api.walk(`${nodes}?state=stopped`)
  t.same(items.map(({ id }) => id).sort(), [ids[0], ids[1], ids[4]].sort())
})

t.test('without Prefer: wait the operations are answered as they start', async (t) => {
  const { api, ids } = await start(t, { delay: 60 })
  const { status, body } = await run(api, 'reboot', { ids, input: { type: 'hard' } })
  t.equal(status, 200)
  t.ok(body.items.every(({ operation }: any) => operation.status === 'running'))
  t.match((await api.get(`${nodes}/${ids[0]}`)).body, { state: 'rebooting', provider_state: 'HARD_REBOOT' })
})

t.test('nodes are destroyed by a bulk action, under a condition if one is given', async (t) => {
  const { api, ids } = await start(t, { provider_states: ['ACTIVE', 'SHUTOFF'] })
  const input = { if_state: 'stopped' }
  const { body } = await run(api, 'destroy', { ids, input }, { prefer: 'wait=10' })
  t.same(body.items.map(({ operation, problem }: any) => operation?.status ?? problem.code),
    ['precondition_failed', 'succeeded', 'precondition_failed', 'succeeded', 'precondition_failed'])
  const rest = [ids[0]!, ids[2]!, ids[4]!]
  t.same(outcomes((await run(api, 'destroy', { ids: rest }, { prefer: 'wait=10' })).body),
    rest.map((id) => [id, 'nodes.destroy']))
  t.equal((await api.get(nodes)).body.total, 0)
})

t.test('what the cloud or the request lacks is one error for the whole, and nothing is sent', async (t) => {
  const { app, api, ids } = await start(t)
  delete app.clouds['default']!.nodes!.pause
  const unable = await run(api, 'pause', { ids })
  t.match([unable.status, unable.body], [501, { code: 'not_supported', capability: 'nodes.pause' }])
  const refused = async (verb: string, body: object) => {
    const answer = await run(api, verb, body)
    const title = `${verb} ${JSON.stringify(body).slice(0, 60)}`
    t.match([answer.status, answer.body.code], [422, 'validation_failed'], title)
    return answer.body.errors.map((error: any) => `${error.in}${error.pointer}`)
  }
  t.same(await refused('stop', { ids: [] }), ['body/ids'])
  t.same(await refused('stop', {}), ['body/ids'])
  t.same(await refused('stop', { ids: [ids[0], ids[1], ids[0]] }), ['body/ids'], 'duplicates')
  t.same(await refused('stop', { ids: Array.from({ length: 101 }, (_, i) => `node-${i}`) }), ['body/ids'])
  t.same(await refused('stop', { ids, type: 'hard' }), ['body/type'])
  t.same(await refused('stop', { ids, input: { type: 'hard' } }), ['body/input/type'])
  t.same(await refused('reboot', { ids, input: { type: 'gentle' } }), ['body/input/type'])
  t.same(await refused('resize', { ids }), ['body/input'])
  t.same(await refused('resize', { ids, input: {} }), ['body/input/size_id'])
  t.same(await refused('destroy', { ids, input: { if_state: 'asleep' } }), ['body/input/if_state'])
  t.equal((await run(api, 'fly', { ids })).body.code, 'route_not_found')
  t.same((await api.get('/api/v2/operations')).body.items, [])
})

t.test('an Idempotency-Key covers the whole action, and the store keeps no secret of it', async (t) => {
  const { app, api, ids } = await start(t)
  const { nodes: service } = app.clouds['default']!
  const rescue = service!.rescue!
  service!.rescue = async (...input) => ({ ...await rescue(...input), secrets: { admin_password: 'p4ssw0rd' } })
  const key = { 'idempotency-key': 'bulk-1', prefer: 'wait=10' }
  const first = await run(api, 'rescue', { ids: [...ids, 'node-00000000'] }, key)
  t.match(first.body.items[0].operation.secrets, { admin_password: 'p4ssw0rd' })
  const again = await run(api, 'rescue', { ids: [...ids, 'node-00000000'] }, key)
  t.equal(again.headers['idempotency-replayed'], 'true')
  const operationsOf = ({ body }: typeof first) => body.items.map(({ operation }: any) => operation?.id)
  t.same(operationsOf(again), operationsOf(first))
  t.notMatch(JSON.stringify(again.body), /p4ssw0rd/)
  t.equal((await api.get('/api/v2/operations')).body.items.length, 5, 'no action ran twice')
  const other = await run(api, 'rescue', { ids }, key)
  t.match([other.status, other.body.code], [422, 'idempotency_mismatch'])
})

t.test('a hundred nodes are stopped by one request, with a few calls at a time', async (t) => {
  const { app, api, ids } = await start(t, { nodes: 100 })
  const { nodes: service } = app.clouds['default']!
  const { stop } = service!
  let running = 0
  let most = 0
  service!.stop = async (...input) => {
    most = Math.max(most, ++running)
    await new Promise(setImmediate)
    running--
    return stop!(...input)
  }
  const { body } = await run(api, 'stop', { ids }, { prefer: 'wait=30' })
  t.same(body.items.map(({ id }: any) => id), ids)
  t.ok(body.items.every(({ operation }: any) => operation.status === 'succeeded'))
  t.ok(most > 1 && most <= 10, `${most} calls at a time`)
})

t.test('if the cloud fails, each node has the problem, and the others are not held up', async (t) => {
  const { api, ids } = await start(t, { faults: [{ on: 'nodes.stop', kind: 'unavailable', times: 2 }] })
  const { status, body } = await run(api, 'stop', { ids }, { prefer: 'wait=10' })
  t.equal(status, 200)
  const codes = body.items.map(({ operation, problem }: any) => operation?.status ?? problem.code)
  t.same(codes.toSorted(), ['provider_unavailable', 'provider_unavailable', 'succeeded', 'succeeded', 'succeeded'])
})

t.test('ids whose turn does not come in time are rejected, and nothing runs for them', async (t) => {
  const ran: string[] = []
  const ids = Array.from({ length: 12 }, (_, i) => String(i))
  // The timer of the limit was set earlier and is shorter, so it always fires before those of the calls.
  const slow = async (id: string) => {
    ran.push(id)
    await sleep(50)
    return id
  }
  const settled = await runForEach(ids, slow, { timeout: 1 })
  t.same(ran, ids.slice(0, 10))
  t.same(settled.map(({ status }) => status), [...Array(10).fill('fulfilled'), 'rejected', 'rejected'])
  t.match(settled.at(-1), { reason: { code: 'provider_timeout', message: /not sent/ } })
})
