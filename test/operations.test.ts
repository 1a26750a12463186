import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import type { AddressInfo } from 'node:net'
import path from 'node:path'
import { setImmediate } from 'node:timers/promises'
import t from 'tap'
import { ProblemError } from '../openapi/model/index.ts'
import { judgeChange, judgeLostChange, type ResourceStatus } from '../plugins/operations/outcome.ts'
import type { Api } from './helper/api.ts'
import { build, dummy } from './helper/app.ts'
import { readStoreContent } from './helper/database.ts'
import { sqliteOnly } from './not-on-postgres.ts'

const nodes = '/api/v2/clouds/default/nodes'
const input = (fields: object = {}) => ({ name: 'web', image_id: 'img-debian-12', size_id: 'dummy.small', ...fields })
const one = (settings: object = {}, more: object = {}) => ({ clouds: { default: dummy(settings) }, ...more })
/** A lost create is looked for no longer than the cloud's timeout. */
const hasty = { settings: { operations: { reconcile_seconds: 0 } } }

const create = (api: Api, fields: object = {}, headers: Record<string, string> = {}) =>
  api.post(nodes, input(fields), headers)

/** Creates a node and waits until it runs. */
async function running (api: Api, fields: object = {}) {
  const { body } = await create(api, fields, { prefer: 'wait=30' })
  if (body.status !== 'succeeded') throw new Error(JSON.stringify(body))
  return body.resource.self as string
}

const count = async (api: Api) => (await api.get(nodes)).body.total

/** Asks again until it holds. */
async function until<T> (read: () => Promise<T>, holds: (value: T) => boolean) {
  for (const deadline = Date.now() + 20_000; Date.now() < deadline;) {
    const value = await read()
    if (holds(value)) return value
    // Answers from memory come without I/O, so this lets the event loop read its sockets.
    await setImmediate()
  }
  throw new Error('it has not come to hold')
}

t.test('a create is answered with its operation, which tells how far it has come', async (t) => {
  const { api } = await build(t, one({ delay: 3600 }))
  const { status, headers, body } = await create(api)
  t.equal(status, 202)
  t.match(headers, { location: body.self, 'retry-after': '1' })
  t.notOk('preference-applied' in headers)
  t.match(body, {
    kind: 'nodes.create',
    status: 'running',
    phase: 'waiting',
    cloud: 'default',
    target: null,
    finished_at: null,
    error: null
  })
  t.match(body.resource, { kind: 'node', self: `${nodes}/${body.resource.id}`, error: null })
  t.equal((await api.get(body.resource.self)).body.state, 'pending')
  const open = await api.get(body.self)
  t.match(open.body, {
    id: body.id,
    status: 'running',
    phase: 'waiting',
    finished_at: null,
    resource: { id: body.resource.id }
  })
  t.equal(open.headers['retry-after'], '1')
})

t.test('an operation ends when its node runs', async (t) => {
  const { api } = await build(t, one({ delay: 0.1 }))
  const { body } = await create(api)
  const ended = await api.ended(body)
  t.match(ended, { status: 'succeeded', phase: null, progress: 100, resource: { state: 'running' }, error: null })
  t.ok(ended.finished_at > ended.created_at)
  t.equal((await api.get(body.self)).headers['retry-after'], undefined, 'nobody need look again')
  t.equal((await api.get(body.resource.self)).body.state, 'running')
})

t.test('a node goes through its life by operations, each about it', async (t) => {
  const { api } = await build(t, one({ delay: 0.01 }))
  const self = await running(api)
  const steps = [
    ['stop', 'stopped'],
    ['start', 'running'],
    ['reboot', 'running'],
    ['pause', 'paused'],
    ['resume', 'running']
  ] as const
  for (const [verb, state] of steps) {
    const { status, body } = await api.post(`${self}/actions/${verb}`, undefined, { prefer: 'wait=30' })
    t.equal(status, 200, verb)
    t.match(body, {
      kind: `nodes.${verb}`,
      status: 'succeeded',
      target: { kind: 'node', self },
      resource: { self, state }
    })
    t.equal((await api.get(self)).body.state, state)
  }
  const destroyed = await api.delete(self, { prefer: 'wait=30' })
  t.match(destroyed.body, {
    kind: 'nodes.destroy',
    status: 'succeeded',
    target: { self },
    resource: { self, state: null }
  })
  t.equal((await api.get(self)).status, 404)
  const { body } = await api.get(`${self}/operations`)
  t.same(
    body.items.map(({ kind }: { kind: string }) => kind.replace('nodes.', '')),
    ['destroy', 'resume', 'pause', 'reboot', 'start', 'stop', 'create']
  )
})

t.test('Prefer: wait holds the answer until the end, or for as long as it says', async (t) => {
  const { api } = await build(t, one({ delays: { create: 0.2, stop: 3600 } }))
  const whole = await create(api, {}, { prefer: 'wait=30' })
  t.equal(whole.status, 200)
  t.equal(whole.body.status, 'succeeded')
  t.match(whole.headers, { 'preference-applied': 'wait=30', location: whole.body.self })
  t.notOk('retry-after' in whole.headers)

  const started = performance.now()
  const part = await api.post(`${whole.body.resource.self}/actions/stop`, {}, { prefer: 'respond-async, wait=1' })
  t.equal(part.status, 202)
  t.match(part.headers, { 'preference-applied': 'wait=1', 'retry-after': '1' })
  t.ok(performance.now() - started >= 990, 'it was held for a second')
  t.equal(
    (await create(api, {}, { prefer: 'wait=3600' })).headers['preference-applied'],
    'wait=60',
    'no longer than a minute'
  )
  t.equal((await api.post(`${whole.body.resource.self}/actions/stop`, {}, { prefer: 'wait=0' })).status, 202)
})

t.test('GET waits for the end likewise', async (t) => {
  const { api } = await build(t, one({ delays: { create: 0.5, stop: 3600 } }))
  const first = (await create(api)).body
  const all = await Promise.all(Array.from({ length: 20 }, () => api.get(`${first.self}?wait=30`)))
  t.ok(all.every(({ body }) => body.status === 'succeeded'), 'any number may wait for one')
  t.equal((await api.get(`${first.self}?wait=30`)).body.status, 'succeeded', 'what has ended is told at once')
  const second = (await create(api)).body
  t.equal((await api.get(second.self, { prefer: 'wait=30' })).body.status, 'succeeded')
  const stopping = (await api.post(`${second.resource.self}/actions/stop`)).body
  t.equal((await api.get(`${stopping.self}?wait=0`)).body.status, 'running')
})

t.test('a verb that is under way is joined by those who ask again', async (t) => {
  const { api } = await build(t, one({ delays: { stop: 1.5, destroy: 0.5 }, latency: 0.02 }))
  const self = await running(api)
  const together = await Promise.all(Array.from({ length: 4 }, () => api.post(`${self}/actions/stop`)))
  t.same(together.map(({ status }) => status), [202, 202, 202, 202], 'all at once', { together })
  t.equal(new Set(together.map(({ body }) => body.id)).size, 1, 'there is one operation')
  const late = await api.post(`${self}/actions/stop`, {}, { prefer: 'wait=30' })
  t.match([late.status, late.body.id, late.body.status], [200, together[0]!.body.id, 'succeeded'])
  const gone = await Promise.all([api.delete(self), api.delete(self)])
  t.equal(gone[0].body.id, gone[1].body.id)
  await api.ended(gone[0].body)
  t.equal((await api.delete(self)).status, 404, 'what is gone is not destroyed again')
})

t.test('a verb whose end holds already succeeds without a call to the cloud', async (t) => {
  const faults = ['nodes.start', 'nodes.stop'].map((on) => ({ on, kind: 'error' }))
  const { api } = await build(t, one({ nodes: 2, provider_states: ['ACTIVE', 'SHUTOFF'], faults }))
  const [up, down] = (await api.get(nodes)).body.items
  for (const [node, verb, state] of [[up, 'start', 'running'], [down, 'stop', 'stopped']]) {
    const { status, headers, body } = await api.post(`${node.self}/actions/${verb}`)
    t.equal(status, 200)
    t.equal(headers['location'], body.self)
    t.match(body, { status: 'succeeded', target: { id: node.id }, resource: { id: node.id, state }, progress: 100 })
    t.same((await api.get(body.self)).body, body, 'it is an operation as any other')
  }
})

t.test(
  'a state that does not allow an action is told with what it allows, and nothing is asked of the cloud',
  async (t) => {
    const faults = [
      { on: 'nodes.pause', kind: 'error' },
      { on: 'nodes.reboot', kind: 'error' },
      { on: 'nodes.stop', kind: 'error' }
    ]
    const { api } = await build(
      t,
      one({ nodes: 3, provider_states: ['SHUTOFF', 'ACTIVE/migrating', 'VERIFY_RESIZE'], faults })
    )
    const [stopped, migrating, resized] = (await api.get(nodes)).body.items
    const refused = await api.post(`${stopped.self}/actions/pause`)
    t.equal(refused.status, 409)
    t.match(refused.body, { code: 'invalid_state', state: 'stopped', detail: /is stopped, which does not allow pause/ })
    t.same(refused.body.allowed_actions, stopped.allowed_actions)
    const soft = await api.post(`${stopped.self}/actions/reboot`)
    t.match([soft.status, soft.body.code, soft.body.hint], [409, 'invalid_state', /hard/])
    t.match((await api.post(`${migrating.self}/actions/reboot`, { type: 'hard' })).body, {
      code: 'invalid_state', state: 'migrating', allowed_actions: ['destroy']
    })
    t.match((await api.post(`${resized.self}/actions/stop`)).body, {
      code: 'invalid_state',
      allowed_actions: ['confirm_resize', 'revert_resize', 'destroy']
    })
    t.same((await api.get('/api/v2/operations')).body.items, [])
  }
)

t.test('a destroy holds to its condition, and to the protection of the node', async (t) => {
  const { api } = await build(t)
  const self = await running(api, { protected: true })
  const condition = await api.delete(`${self}?if_state=stopped`)
  t.match([condition.status, condition.body.code, condition.body.state], [412, 'precondition_failed', 'running'])
  t.same((await api.get(self)).body.allowed_actions, [])
  t.match((await api.delete(self)).body, { status: 409, code: 'protected' })
  t.match((await api.post(`${self}/actions/stop`)).body, { status: 409, code: 'protected' })
  await api.patch(self, { protected: false })
  const { status } = await api.delete(`${self}?if_state=running`, { prefer: 'wait=30' })
  t.equal(status, 200)
})

t.test('a destroy cancels what else is under way on the node, and those who wait for it hear at once', async (t) => {
  const { api } = await build(t, one({ delays: { create: 3600, destroy: 0.1 } }))
  const creating = (await create(api)).body
  const waiting = api.get(`${creating.self}?wait=60`)
  const destroyed = (await api.delete(creating.resource.self)).body
  t.match((await waiting).body, { status: 'cancelled', error: { code: 'resource_not_found' }, finished_at: String })
  t.equal((await api.ended(destroyed)).status, 'succeeded')
})

t.test('a node that ends in error fails its operation, with what the cloud says, as soon as it does', async (t) => {
  const { api } = await build(t, one({ delay: 0.05 }))
  const failed = await create(api, { provider_options: { dummy: { fail: true } } }, { prefer: 'wait=30' })
  t.equal(failed.status, 200)
  t.match(failed.body, {
    status: 'failed',
    error: { code: 'provider_error', retryable: false, provider_error: { code: '500', message: /aborted/ } }
  })
  t.match(failed.body.resource, { state: 'error', error: { code: 'provider_error' } })
  t.match(
    (await api.get(failed.body.resource.self)).body,
    { state: 'error' },
    'the node is still there to be looked at'
  )
  const impossible = await create(api, { size_id: 'dummy.impossible' }, { prefer: 'wait=30' })
  t.match(impossible.body, { status: 'failed', error: { provider_error: { code: 'NoValidHost' } } })
})

t.test('what the cloud refuses is the answer, and ends the operation', async (t) => {
  const { api } = await build(t, one({ quotas: { nodes: 0 } }))
  const refused = await create(api)
  t.match([refused.status, refused.body.code, refused.body.cloud], [409, 'provider_quota_exceeded', 'default'])
  const { body: { items: [operation] } } = await api.get('/api/v2/operations')
  t.match(operation, {
    kind: 'nodes.create',
    status: 'failed',
    resource: null,
    resources: [],
    error: { code: 'provider_quota_exceeded' }
  })
  t.ok(operation.finished_at)
})

const lost = (kind: string, when: string, on = 'nodes.create', times = 1) => ({ on, kind, when, times })

t.test('a create whose answer is lost is found again, and is not sent twice', async (t) => {
  for (const kind of ['reset', 'hang', 'error']) {
    const { api } = await build(t, one({ timeout: 0.3, faults: [lost(kind, 'after')] }))
    const { status, headers, body } = await create(api)
    t.equal(status, 202, `${kind}: it is no error`)
    t.match(body, { status: 'pending', phase: 'reconciling', resource: null, error: null })
    t.equal(headers['location'], body.self)
    const ended = await api.ended(body)
    t.match(ended, { status: 'succeeded', resource: { kind: 'node', state: 'running' } })
    t.match((await api.get(ended.resource.self)).body, { name: 'web', state: 'running' })
    t.equal(await count(api), 1)
  }
})

t.test('a create of which nothing exists is sent again once that is sure', async (t) => {
  for (const kind of ['reset', 'hang']) {
    const { api } = await build(t, one({ timeout: 0.3, faults: [lost(kind, 'before')] }, hasty))
    const { body } = await create(api, {}, { prefer: 'wait=30' })
    t.match(body, { status: 'succeeded', resource: { state: 'running' } }, kind)
    t.equal(await count(api), 1)
  }
})

t.test('a create is not sent again before that is sure', async (t) => {
  const { api } = await build(
    t,
    one({ timeout: 0.1, faults: [lost('reset', 'before')] }, { settings: { operations: { reconcile_seconds: 60 } } })
  )
  const { body } = await create(api, {}, { prefer: 'wait=1' })
  t.match(body, { status: 'pending', phase: 'reconciling' })
  t.equal(await count(api), 0)
})

t.test('a create that is lost each time is given up, and it is told that nobody knows', async (t) => {
  const { api } = await build(t, one({ timeout: 0.1, faults: [lost('reset', 'before', 'nodes.create', 3)] }, hasty))
  const { body } = await create(api, {}, { prefer: 'wait=30' })
  t.match(body, {
    status: 'failed',
    error: {
      code: 'outcome_unknown',
      detail: /connection .* broke .*\. The create was sent 3 times\..* no resource is found/,
      hint: String
    }
  })
  t.equal(await count(api), 0, 'it was not sent a fourth time')
})

t.test('a create that is refused when it is sent again has failed with that', async (t) => {
  const faults = [lost('reset', 'before'), { on: 'nodes.create', kind: 'permission_denied' }]
  const { api } = await build(t, one({ timeout: 0.1, faults }, hasty))
  const { body } = await create(api, {}, { prefer: 'wait=30' })
  t.match(body, { status: 'failed', error: { code: 'provider_permission_denied' } })
})

t.test('a lost create is looked for until the cloud answers', async (t) => {
  const faults = [
    lost('reset', 'after'),
    { on: 'nodes.find_created', kind: 'unavailable', times: 2 },
    { on: 'nodes.get', kind: 'rate_limited', times: 2 }
  ]
  const { api } = await build(t, one({ timeout: 0.1, faults }, hasty))
  const { body } = await create(api, {}, { prefer: 'wait=30' })
  t.match(body, { status: 'succeeded' })
  t.equal(await count(api), 1)
})

t.test('an action whose answer is lost is known by the state it leads to', async (t) => {
  const { api } = await build(
    t,
    one(
      {
        timeout: 0.3,
        delays: { pause: 0.4 },
        faults: [
          lost('reset', 'after', 'nodes.stop'),
          lost('hang', 'after', 'nodes.pause'),
          lost('hang', 'after', 'nodes.destroy')
        ]
      },
      hasty
    )
  )
  const self = await running(api)
  const stopped = await api.post(`${self}/actions/stop`)
  t.match([stopped.status, stopped.body.phase], [202, 'reconciling'])
  t.match(await api.ended(stopped.body), { status: 'succeeded', resource: { self, state: 'stopped' } })
  await api.post(`${self}/actions/start`, {}, { prefer: 'wait=30' })
  const paused = await api.post(`${self}/actions/pause`)
  t.match(
    await api.ended(paused.body),
    { status: 'succeeded', resource: { self, state: 'paused' } },
    'one that takes its time too'
  )
  const destroyed = await api.delete(self)
  t.equal(destroyed.body.phase, 'reconciling')
  t.match(await api.ended(destroyed.body), { status: 'succeeded', resource: { self, state: null } })
})

t.test(
  'an action of which nothing is to be seen fails with an outcome that nobody knows, and is not repeated',
  async (t) => {
    const faults = [
      lost('reset', 'before', 'nodes.stop'),
      lost('reset', 'after', 'nodes.reboot'),
      lost('reset', 'before', 'nodes.destroy')
    ]
    const { api } = await build(t, one({ timeout: 0.1, faults }, hasty))
    const self = await running(api)
    for (const ask of [
      () => api.post(`${self}/actions/stop`),
      () => api.post(`${self}/actions/reboot`),
      () => api.delete(self)
    ]) {
      const ended = await api.ended((await ask()).body)
      t.match(ended, {
        status: 'failed',
        error: { code: 'outcome_unknown', detail: /connection .* broke .*\. The resource is running,/ }
      })
    }
    t.equal((await api.get(self)).body.state, 'running')
  }
)

t.test('many operations on one cloud end by lists, not by a call for each', sqliteOnly.commitsTogether, async (t) => {
  const { api } = await build(t, one({ delay: 3600, page_size: 3, faults: [{ on: 'nodes.get', kind: 'error' }] }))
  const started = await Promise.all(Array.from({ length: 8 }, () => create(api)))
  // All come to their end at the same moment: the last few would be asked for one by one.
  const now = Date.now
  t.intercept(Date, 'now', { value: () => now() + 3600_000 })
  const ended = await Promise.all(started.map(({ body }) => api.ended(body)))
  t.ok(ended.every(({ status }) => status === 'succeeded'))
})

t.test('many operations end by a call for each where there is no list', async (t) => {
  const { api } = await build(t, one({ delay: 0.3, faults: [{ on: 'nodes.list', kind: 'error' }] }))
  const started = await Promise.all(Array.from({ length: 5 }, () => create(api)))
  const ended = await Promise.all(started.map(({ body }) => api.ended(body)))
  t.ok(ended.every(({ status }) => status === 'succeeded'))
})

t.test('an operation outlasts a cloud that does not answer for a while, and is given up after its time', async (t) => {
  const { api } = await build(t, one({ delay: 0.1, faults: [{ on: 'nodes.get', kind: 'unavailable', times: 3 }] }))
  t.equal((await create(api, {}, { prefer: 'wait=30' })).body.status, 'succeeded')

  const never = await build(
    t,
    one({ delay: 1e6 }, { directory: t.testdir(), settings: { operations: { max_hours: 1 } } })
  )
  const waiting = (await create(never.api)).body
  const blind = (await create(never.api)).body
  t.equal((await never.api.get(waiting.self)).body.status, 'running')
  const now = performance.now.bind(performance)
  t.intercept(performance, 'now', { value: () => now() + 2 * 3600_000 })
  t.match(await never.api.ended(waiting), {
    status: 'failed',
    error: { code: 'outcome_unknown', detail: /within 1 hours/ }
  })
  await never.api.ended(blind)
})

t.test('while the cloud is being asked the operation says so, and a client that leaves cancels nothing', async (t) => {
  const { app, api } = await build(t, one({ latency: 0.4 }))
  await app.listen({ host: '127.0.0.1', port: 0 })
  const { port } = app.server.address() as AddressInfo
  const leaving = new AbortController()
  const asked = fetch(`http://127.0.0.1:${port}${nodes}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(input()),
    signal: leaving.signal
  }).catch((error: Error) => error.name)
  const [operation] = await until(
    async () => (await api.get('/api/v2/operations')).body.items,
    ({ length }) => length === 1
  )
  t.match(operation, { status: 'pending', phase: 'calling', resource: null })
  leaving.abort()
  t.equal(await asked, 'AbortError')
  t.match(await api.ended(operation), { status: 'succeeded' })
  t.equal(await count(api), 1)
})

t.test('a client that leaves while it waits cancels nothing', async (t) => {
  const { app, api } = await build(t, one({ delay: 0.5 }))
  await app.listen({ host: '127.0.0.1', port: 0 })
  const { port } = app.server.address() as AddressInfo
  const { body } = await create(api)
  const leaving = new AbortController()
  const asked = fetch(`http://127.0.0.1:${port}${body.self}?wait=60`, { signal: leaving.signal }).catch(
    (error: Error) => error.name
  )
  await once(app.server, 'request')
  leaving.abort()
  t.equal(await asked, 'AbortError')
  t.equal((await api.ended(body)).status, 'succeeded')
})

t.test('operations are listed newest first, page by page, by cloud, status, kind and resource', async (t) => {
  const { api } = await build(t, { clouds: { default: dummy(), other: dummy({ quotas: { nodes: 0 } }) } })
  const self = await running(api)
  const id = self.split('/').at(-1)!
  await api.post(`${self}/actions/stop`, {}, { prefer: 'wait=30' })
  await api.post('/api/v2/clouds/other/nodes', input())
  const second = await running(api)
  const all = (await api.get('/api/v2/operations')).body
  t.same(
    all.items.map(({ cloud, kind, status }: Record<string, string>) => `${cloud} ${kind} ${status}`),
    [
      'default nodes.create succeeded',
      'other nodes.create failed',
      'default nodes.stop succeeded',
      'default nodes.create succeeded'
    ]
  )
  t.same([all.next_cursor, all.total], [null, null])
  for (const limit of [1, 2, 3, 4]) {
    const { items, pages } = await api.walk(`/api/v2/operations?limit=${limit}`)
    t.same(items, all.items, `limit ${limit}`)
    t.equal(pages.length, Math.ceil(4 / limit))
  }
  const kinds = async (query: string) =>
    (await api.walk(`/api/v2/operations?limit=1&${query}`)).items.map(({ kind, cloud }) => `${cloud} ${kind}`)
  t.same(await kinds('cloud=other'), ['other nodes.create'])
  t.same(await kinds('cloud=nowhere'), [], 'a cloud may be gone whose operations are still kept')
  t.same(await kinds('status=failed'), ['other nodes.create'])
  t.equal((await kinds('status=failed,succeeded')).length, 4)
  t.same(await kinds('kind=nodes.stop'), ['default nodes.stop'])
  t.same(await kinds('status=running&kind=nodes.stop'), [])
  t.same(await kinds(`resource=${id}`), ['default nodes.stop', 'default nodes.create'])
  t.same(await kinds(`resource=${encodeURIComponent(self)}`), ['default nodes.stop', 'default nodes.create'])
  t.same(await kinds('resource=node-00000000'), [])
  t.same((await api.walk(`${self}/operations?limit=1`)).items.map(({ kind }) => kind), ['nodes.stop', 'nodes.create'])
  t.same((await api.walk(`${self}/operations?kind=nodes.stop&status=succeeded`)).items.length, 1)
  t.equal((await api.get(`${second}/operations`)).body.items.length, 1)
  const cursor = (await api.get('/api/v2/operations?limit=1')).body.next_cursor
  t.equal(
    (await api.get(`/api/v2/operations?limit=1&cloud=other&cursor=${cursor}`)).status,
    400,
    'a cursor belongs to its query'
  )
})

t.test('operations under way are taken up at the next start, those ended are still told', async (t) => {
  const directory = t.testdir()
  const settings = { delay: 0.5, state_file: 'cloud.json' }
  const first = await build(t, one(settings, { directory }))
  const open = (await create(first.api)).body
  const done = (await first.api.get(`${(await create(first.api)).body.self}?wait=30`)).body
  const stopping = (await first.api.post(`${done.resource.self}/actions/stop`)).body
  await first.app.close()

  const without = await build(t, { clouds: { other: dummy() }, directory })
  t.match(
    (await without.api.get(`${stopping.self}?wait=1`)).body,
    { status: 'running', cloud: 'default' },
    'one waits for its cloud to be served'
  )
  await without.app.close()

  const second = await build(t, one(settings, { directory }))
  t.same((await second.api.get(done.self)).body, done)
  t.match(await second.api.ended(stopping), { status: 'succeeded', resource: { state: 'stopped' } })
  t.match(await second.api.ended(open), { id: open.id, status: 'succeeded' })
})

t.test('ended operations are kept for as long as the settings say, those under way for ever', async (t) => {
  const directory = t.testdir()
  const more = { directory, settings: { operations: { keep_days: 3, max_hours: 10_000 } } }
  const first = await build(t, one({ state_file: 'cloud.json', delays: { stop: 1e9 } }, more))
  const self = await running(first.api)
  const { body: { items: [done] } } = await first.api.get('/api/v2/operations')
  const open = (await first.api.post(`${self}/actions/stop`)).body
  await first.app.close()

  const now = Date.now
  let days = 2
  t.intercept(Date, 'now', { value: () => now() + days * 24 * 3600_000 })
  const second = await build(t, one({ state_file: 'cloud.json' }, more))
  t.equal((await second.api.get(done.self)).status, 200)
  await second.app.close()
  days = 4
  const third = await build(t, one({ state_file: 'cloud.json' }, more))
  while ((await third.api.get(done.self)).status !== 404) await sleep(10)
  t.same((await third.api.get(`${self}/operations`)).body.items.map(({ id }: { id: string }) => id), [open.id])
})

t.test('a secret is in the first answer, and nowhere else', async (t) => {
  const { app, api, directory } = await build(t, one({ state_file: 'cloud.json' }))
  const request = { provider_options: { dummy: { admin_password: true } }, user_data: 'MARK-OF-USER-DATA'.repeat(400) }
  const first = await create(api, request, { 'idempotency-key': 'once', prefer: 'wait=30' })
  const { admin_password: secret } = first.body.secrets
  t.ok(secret.length >= 8)
  const others = [
    await api.get(first.body.self),
    await api.get('/api/v2/operations'),
    await api.get(`${first.body.resource.self}/operations`),
    await api.get(`${first.body.resource.self}?include=extra`),
    await create(api, request, { 'idempotency-key': 'once' })
  ]
  t.equal(others.at(-1)!.headers['idempotency-replayed'], 'true')
  for (const { body } of others) t.notOk(JSON.stringify(body).includes(secret))
  const files = () => readdirSync(directory, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => path.join(parentPath, name))
  const holding = (text: string) => [
    ...files().filter((file) => readFileSync(file).includes(text)),
    ...readStoreContent(directory).includes(text) ? ['store'] : []
  ]
  t.ok(holding(first.body.id).includes('store'), 'the operation is in the store')
  t.same(holding(secret), [], 'in no file while the server runs')
  await app.close()
  t.same(holding(secret), [], 'nor when it has ended')
  t.same(holding('MARK-OF-USER-DATA'), [], 'and what it was created with is kept no longer than needed')
})

const seen = (state: string, more: Partial<ResourceStatus> = {}): ResourceStatus => ({
  state,
  provider_state: null,
  transitioning: false,
  ...more
})

t.test('what a resource shows decides whether a change has ended', async (t) => {
  const stopped = { until: { states: ['stopped'] }, fromState: 'running', waited: 0 }
  const verdict = (asked: Partial<Parameters<typeof judgeChange>[0]>, shown: ResourceStatus | null) => {
    const result = judgeChange({ ...stopped, ...asked }, shown)
    return result instanceof ProblemError ? result.code : result
  }
  t.equal(verdict({}, seen('stopped')), 'succeeded')
  t.equal(verdict({}, seen('stopped', { transitioning: true })), 'waiting', 'in transition it has not come to rest')
  t.equal(verdict({}, seen('stopping', { transitioning: true })), 'waiting')
  t.equal(verdict({}, seen('running')), 'waiting', 'the cloud may be slow to begin')
  t.equal(verdict({ waited: 59_999 }, seen('running')), 'waiting')
  t.equal(verdict({ waited: 60_000 }, seen('running')), 'outcome_unknown', 'it rests elsewhere for too long')
  t.equal(verdict({ waited: 1e9 }, seen('stopping', { transitioning: true })), 'waiting', 'what moves is not given up')
  t.equal(verdict({ waited: 1e9 }, seen('unknown')), 'waiting', 'nor what nobody understands')
  t.equal(verdict({}, seen('error')), 'provider_error')
  t.equal(verdict({}, seen('error', { transitioning: true })), 'waiting')
  t.equal(verdict({ fromState: 'error' }, seen('error')), 'waiting', 'it was in error before')
  t.equal(verdict({ fromState: 'error', until: { states: ['running'] } }, seen('running')), 'succeeded')
  t.equal(verdict({}, null), 'resource_not_found')
  t.equal(verdict({}, seen('terminated')), 'resource_not_found')
  const gone = { until: { states: [], gone: true } }
  t.equal(verdict(gone, null), 'succeeded')
  t.equal(verdict(gone, seen('terminated')), 'succeeded')
  t.equal(verdict(gone, seen('terminating', { transitioning: true })), 'waiting')
  t.equal(verdict(gone, seen('running')), 'waiting')
  const exact = { until: { states: ['running'], provider_states: ['VERIFY_RESIZE'] } }
  t.equal(verdict(exact, seen('running', { provider_state: 'VERIFY_RESIZE' })), 'succeeded')
  t.equal(verdict(exact, seen('running', { provider_state: 'ACTIVE' })), 'waiting')
  t.equal(verdict(exact, seen('running')), 'waiting')
  const either = { until: { states: ['running', 'stopped'] } }
  t.equal(verdict(either, seen('running')), 'succeeded')

  const error = judgeChange(stopped, seen('error', { fault: { code: '500', message: 'No room' } })) as ProblemError
  t.equal(error.message, 'No room')
  t.match(error.details, { retryable: false, provider_error: { code: '500', message: 'No room', request_id: null } })
  const mute = judgeChange(stopped, seen('error', { fault: null })) as ProblemError
  t.match(mute.details.provider_error, { code: null, message: null })
  const failing = { ...stopped, until: { ...stopped.until, fault: true } }
  const fault = { code: 'no_room', message: 'No room' }
  t.match(judgeChange(failing, seen('stopped', { fault })), { code: 'provider_error', message: 'No room' })
  t.equal(judgeChange(failing, seen('stopped', { fault, transitioning: true })), 'waiting', 'the change is in progress')
  t.equal(judgeChange(failing, seen('stopped', { fault: null })), 'succeeded')
  t.equal(judgeChange(stopped, seen('stopped', { fault })), 'succeeded', 'other clouds keep the fault of an old change')
  t.match((judgeChange({ ...stopped, waited: 1e6 }, seen('paused')) as ProblemError).details, { state: 'paused' })
})

t.test('what a resource shows decides what a lost action has done', async (t) => {
  t.equal(judgeLostChange('nodes.destroy', null), 'succeeded')
  t.equal(judgeLostChange('nodes.destroy', seen('terminated')), 'succeeded')
  t.same(judgeLostChange('nodes.destroy', seen('terminating', { transitioning: true })), {
    until: { states: ['terminated'], gone: true }
  })
  t.equal(judgeLostChange('nodes.destroy', seen('running')), 'unknown')
  t.equal(judgeLostChange('nodes.stop', null), 'unknown')
  t.equal(judgeLostChange('nodes.stop', seen('stopped')), 'succeeded')
  t.equal(judgeLostChange('nodes.stop', seen('running')), 'unknown')
  t.same(judgeLostChange('nodes.stop', seen('stopping', { transitioning: true })), { until: { states: ['stopped'] } })
  t.equal(judgeLostChange('nodes.reboot', seen('running')), 'unknown', 'it ran before')
  t.same(judgeLostChange('nodes.reboot', seen('rebooting', { transitioning: true })), {
    until: { states: ['running'] }
  })
  for (const action of ['resize', 'rebuild', 'confirm_resize', 'revert_resize', 'shelve']) {
    t.equal(
      judgeLostChange(`nodes.${action}`, seen(action === 'shelve' ? 'suspended' : 'running')),
      'unknown',
      `${action} does not show in the state`
    )
  }
  t.equal(judgeLostChange('nodes.start', seen('error')), 'unknown')
  t.equal(judgeLostChange('volumes.attach', seen('in_use')), 'succeeded')
  t.equal(judgeLostChange('volumes.extend', seen('available')), 'unknown')
  t.equal(judgeLostChange('volumes.destroy', null), 'succeeded')
  t.equal(judgeLostChange('volumes.paint', seen('available')), 'unknown', 'nothing is concluded for an unknown action')
})

t.test('a clock that is set back neither ends an operation early nor delays it', async (t) => {
  const { api } = await build(t, one({ delay: 0.2, faults: [lost('reset', 'after', 'nodes.create')] }, hasty))
  const now = Date.now
  t.intercept(Date, 'now', { value: () => now() - 24 * 3600_000 })
  t.match((await create(api, {}, { prefer: 'wait=20' })).body, { status: 'succeeded' })
  t.match((await create(api, {}, { prefer: 'wait=20' })).body, { status: 'succeeded' })
})

t.test('an equal request joins an operation under way; another input is refused and names the operation', async (t) => {
  const { api } = await build(t, one({ delays: { resize: 1, reboot: 1 } }))
  const self = await running(api)
  const first = await api.post(`${self}/actions/reboot`, { type: 'hard' })
  t.equal(first.status, 202)
  const same = await api.post(`${self}/actions/reboot`, { type: 'hard' })
  t.match(same, { status: 202, body: { id: first.body.id } })
  const other = await api.post(`${self}/actions/reboot`, { type: 'soft' })
  t.match(other, {
    status: 409, body: { code: 'operation_in_progress', operation: first.body.self, retryable: true, retry_after: 1 }
  })
})

t.test('a volume that is attached to one node does not answer for another', async (t) => {
  const { api } = await build(t, one({ delays: { volume: 0.5 }, latency: 0.02 }))
  const [a, b] = await Promise.all([running(api), running(api)])
  const idOf = (self: string) => self.split('/').at(-1)
  const { body: { resource: { self } } } = await api.post('/api/v2/clouds/default/volumes', { size: 1 }, {
    prefer: 'wait=20'
  })
  const attach = (node: string) => api.post(`${self}/actions/attach`, { node_id: idOf(node) })
  const [first, second] = await Promise.all([attach(a), attach(b)])
  const [accepted, refused] = first.status === 202 ? [first, second] : [second, first]
  t.equal(accepted.status, 202)
  t.match(refused, { status: 409, body: { code: 'operation_in_progress', operation: accepted.body.self } })
})

t.test('an attach and a delete of a volume at once are accepted or refused, never a server failure', async (t) => {
  const { api } = await build(t, one({ delays: { volume: 0.02 }, latency: 0.002 }))
  const node = (await running(api)).split('/').at(-1)
  for (let i = 0; i < 20; i++) {
    const created = await api.post('/api/v2/clouds/default/volumes', { size: 1 }, { prefer: 'wait=20' })
    const { self } = created.body.resource
    const answers = await Promise.all([api.post(`${self}/actions/attach`, { node_id: node }), api.delete(self)])
    t.ok(answers.every(({ status }) => [202, 409, 404].includes(status)), 'both are answered', { answers })
  }
})
