import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { build, dummy } from '../helper/app.ts'
import { createKey, grant } from '../helper/callers.ts'

const clouds = { 'team-a': dummy({ nodes: 3 }), 'team-b': dummy({ nodes: 2 }) }
const input = { user: 'ada', application: 'billing' }

async function open (t: Test, settings: object = {}) {
  const server = await build(t, { clouds, settings: { auth: {}, ...settings } })
  const { app, api } = server
  const admin = await createKey(app, grant('admin', '*'))
  const { body: { items } } = await api.get('/api/v2/clouds/team-a/nodes', admin.headers)
  const paths = (items as { self: string }[]).map(({ self }) => self)
  return { ...server, admin, paths, node: paths[0]! }
}

t.test('a node is assigned, shows its assignment, and is free after the release', async (t) => {
  const { app, api, admin, node } = await open(t)
  const { id, headers } = await createKey(app, grant('operate', 'team-a'))
  const assigned = await api.post(`${node}/actions/assign`, input, headers)
  t.match(assigned, {
    status: 200,
    body: {
      ...input,
      cloud: 'team-a',
      node: { self: node },
      assigned_by: { kind: 'key', id },
      expires_at: null,
      on_expiry: 'release',
      warning: null,
      problem: null,
      operation: null
    }
  })
  t.same((await api.get(node, headers)).body.assignment, assigned.body)
  const { body: { items } } = await api.get('/api/v2/nodes?user=ada,bob', admin.headers)
  t.same(items.map(({ self, assignment }: any) => [self, assignment]), [[node, assigned.body]])
  t.same((await api.get('/api/v2/assignments', headers)).body, {
    items: [assigned.body], next_cursor: null, total: 1
  })

  const released = await api.post(`${node}/actions/release`, {}, headers)
  t.same([released.status, released.body], [200, { assignment: assigned.body, operation: null }])
  t.notOk('assignment' in (await api.get(node, headers)).body)
  t.same((await api.post(`${node}/actions/release`, null, headers)).body, { assignment: null, operation: null },
    'a second release is no error')
})

t.test('of 20 concurrent assigns of one node, one wins', async (t) => {
  const { api, admin, node } = await open(t)
  const answers = await Promise.all(Array.from({ length: 20 }, (_, i) =>
    api.post(`${node}/actions/assign`, { ...input, user: `user-${i}` }, admin.headers)))
  const winners = answers.filter(({ status }) => status === 200)
  t.equal(winners.length, 1)
  for (const { status, body } of answers.filter((answer) => answer !== winners[0])) {
    t.match([status, body], [409, { code: 'already_assigned', detail: `assigned to ${winners[0]!.body.user}` }])
  }
  t.equal((await api.get(node, admin.headers)).body.assignment.user, winners[0]!.body.user)
})

t.test('an assignment survives a restart', async (t) => {
  const { app, api, directory } = await build(t, { clouds })
  const { body: { items: [{ self }] } } = await api.get('/api/v2/nodes')
  const { body } = await api.post(`${self}/actions/assign`, input)
  t.equal(body.assigned_by, null, 'a server without auth knows no callers')
  await app.close()
  const again = await build(t, { clouds, directory })
  t.same((await again.api.get('/api/v2/assignments')).body.items, [body])
  t.equal((await again.api.post(`${self}/actions/assign`, input)).status, 409)
})

t.test('only the assigner, or a caller with manage, releases and replaces', async (t) => {
  const { app, api, admin, node } = await open(t)
  const owner = await createKey(app, grant('operate', 'team-a'))
  const other = await createKey(app, grant('operate', 'team-a'))
  const manager = await createKey(app, grant('manage', 'team-a'))
  const { body: first } = await api.post(`${node}/actions/assign`, input, owner.headers)
  t.equal((await api.get(node, other.headers)).body.assignment.assigned_by, null, 'another caller does not see who')
  const denied = { status: 403, body: { code: 'permission_denied' } }
  t.match(await api.post(`${node}/actions/release`, {}, other.headers), denied)
  t.match(await api.post(`${node}/actions/assign`, { ...input, replace: true }, other.headers), denied)
  const again = await api.post(`${node}/actions/assign`, input, owner.headers)
  t.match(again, { status: 409 }, 'the owner replaces on purpose')

  const longer = { ...input, replace: true, expires_in: 1800 }
  const prolonged = await api.post(`${node}/actions/assign`, longer, owner.headers)
  t.match(prolonged, { status: 200, body: { warning: /ends\. To prolong/ } })
  t.not(prolonged.body.id, first.id, 'a new assignment')
  t.match(await api.post(`${node}/actions/assign`, { ...longer, user: 'bob' }, manager.headers), {
    status: 200, body: { user: 'bob', assigned_by: { id: manager.id } }
  })
  t.match(await api.post(`${node}/actions/release`, {}, owner.headers), denied, 'the first owner has lost it')
  t.equal((await api.post(`${node}/actions/release`, {}, admin.headers)).status, 200)
})

t.test('assign and release need operate; with destroy they need manage', async (t) => {
  const { app, api, node } = await open(t)
  const assign = (body: object, headers: Record<string, string>) => api.post(`${node}/actions/assign`, body, headers)
  const reader = await createKey(app, grant('read', 'team-a'))
  const operator = await createKey(app, grant('operate', 'team-a'))
  const manager = await createKey(app, grant('manage', 'team-a'))
  const stranger = await createKey(app, grant('manage', 'team-b'))
  const denied = { status: 403, body: { code: 'permission_denied' } }
  t.match(await assign(input, reader.headers), denied)
  t.match(await api.post(`${node}/actions/release`, {}, reader.headers), denied)
  t.match(await assign(input, stranger.headers), { status: 404, body: { code: 'cloud_not_found' } })
  t.match(await assign({ ...input, expires_in: 60, on_expiry: 'destroy' }, operator.headers), denied)
  t.match(await api.post(`${node}/actions/release`, { destroy: true }, operator.headers), denied)
  t.equal((await assign({ ...input, expires_in: 60, on_expiry: 'stop' }, operator.headers)).status, 200)
  t.match(await assign({ ...input, expires_in: 60, on_expiry: 'destroy', replace: true }, manager.headers), {
    status: 200, body: { warning: /destroys the node/ }
  })
  for (const [action, allowed] of [['nodes.assign', true], ['nodes.assign.destroy', false]] as const) {
    const { body } = await api.get(`/api/v2/me/may?action=${action}&cloud=team-a`, operator.headers)
    t.equal(body.allowed, allowed, action)
  }
})

t.test('release with destroy destroys the node; if the cloud refuses, the assignment stays', async (t) => {
  const { api, admin: { headers }, node } = await open(t)
  await api.post(`${node}/actions/assign`, input, headers)
  await api.patch(node, { protected: true }, headers)
  const refused = await api.post(`${node}/actions/release`, { destroy: true }, headers)
  t.match([refused.status, refused.body.code], [409, 'protected'])
  t.equal((await api.get(node, headers)).body.assignment.user, 'ada')

  const { body: { assignment } } = await api.patch(node, { protected: false }, headers)
  t.equal(assignment.user, 'ada', 'a change of the node shows its assignment')
  const done = await api.post(`${node}/actions/release`, { destroy: true }, { ...headers, prefer: 'wait=30' })
  t.match(done, {
    status: 200,
    body: { assignment: { user: 'ada' }, operation: { kind: 'nodes.destroy', status: 'succeeded' } }
  })
  t.match(await api.get(node, headers), { status: 404 })
})

t.test('a node that disappears has no assignment any more', async (t) => {
  const { app, api, admin: { headers }, paths } = await open(t)
  const [first, second] = paths as [string, string, string]
  for (const path of [first, second]) await api.post(`${path}/actions/assign`, input, headers)
  await api.delete(first, { ...headers, prefer: 'wait=30' })
  const left = async () => (await api.get('/api/v2/assignments', headers)).body.items.map(({ node }: any) => node.self)
  // The assignment ends a moment after the operation.
  while ((await left()).includes(first)) await sleep(10)
  t.same(await left(), [second], 'after its destruction by this server')

  const cloud = app.clouds['team-a']!
  await cloud.nodes!.destroy!(second.split('/').at(-1)!)
  t.same(await left(), [second], 'the server has not noticed yet')
  t.equal((await api.get(second, headers)).status, 404)
  t.same(await left(), [], 'after a read that did not find it')
})

t.test('the periodic check ends the assignment of a node that was destroyed elsewhere', async (t) => {
  const { app, api, admin: { headers }, paths } = await open(t, { assignments: { check_seconds: 0.05 } })
  const [kept, lost] = paths as [string, string, string]
  for (const path of [kept, lost]) await api.post(`${path}/actions/assign`, input, headers)
  const held = () => app.assignments.registry.all().map(({ node }) => node)
  t.equal(held().length, 2)
  await app.clouds['team-a']!.nodes!.destroy!(lost.split('/').at(-1)!)
  const end = performance.now() + 10_000
  while (held().length > 1 && performance.now() < end) await sleep(10)
  t.same(held(), [kept.split('/').at(-1)])
})

t.test('lists of nodes are filtered by assignment, and by user', async (t) => {
  const { api, admin: { headers }, paths } = await open(t)
  await api.post(`${paths[0]!}/actions/assign`, input, headers)
  await api.post(`${paths[1]!}/actions/assign`, { ...input, user: 'bob' }, headers)
  const list = async (query: string) => {
    const { body } = await api.get(`/api/v2/nodes?${query}`, headers)
    return (body.items as { self: string }[]).map(({ self }) => self)
  }
  t.same(await list('assigned=true'), paths.slice(0, 2))
  t.equal((await list('assigned=false')).length, 3)
  t.same(await list('user=bob&sort=name'), [paths[1]])
  t.same(await list('user=nobody'), [])
  t.same((await api.get('/api/v2/nodes?user=bob&fields=name,assignment', headers)).body.items[0].assignment.user, 'bob')
})

t.test('assignments are listed by pages, filtered, and only on clouds that the caller may read', async (t) => {
  const { app, api, admin: { headers }, paths } = await open(t)
  const { body: { items: [other] } } = await api.get('/api/v2/clouds/team-b/nodes', headers)
  for (const path of [...paths, other.self]) await api.post(`${path}/actions/assign`, { ...input, user: path }, headers)
  await api.post(`${other.self}/actions/assign`, { user: 'bob', application: 'web', replace: true }, headers)
  const users = async (query: string, by = headers) =>
    (await api.get(`/api/v2/assignments?${query}`, by)).body.items.map(({ user }: any) => user)
  t.same(await users(''), ['bob', ...[...paths].reverse()], 'the newest first')
  t.same(await users('cloud=team-b'), ['bob'])
  t.same(await users('application=web,none'), ['bob'])
  t.same(await users('user=bob&cloud=team-a'), [])
  const reader = await createKey(app, grant('read', 'team-b'))
  t.same(await users('', reader.headers), ['bob'])

  const { body: page } = await api.get('/api/v2/assignments?limit=3', headers)
  t.same([page.items.length, page.total], [3, 4])
  t.same(await users(`limit=3&cursor=${page.next_cursor}`), [paths[0]])
  t.match(await api.get(`/api/v2/assignments?limit=3&user=x&cursor=${page.next_cursor}`, headers), { status: 400 })
})

t.test('wrong input is told by its field', async (t) => {
  const { api, admin: { headers }, node } = await open(t)
  const wrong: [object, string][] = [
    [{ application: 'billing' }, '/user'],
    [{ user: 'ada' }, '/application'],
    [{ ...input, user: ' ' }, '/user'],
    [{ ...input, user: 'a\nb' }, '/user'],
    [{ ...input, expires_in: 0 }, '/expires_in'],
    [{ ...input, expires_in: 60, on_expiry: 'explode' }, '/on_expiry'],
    [{ ...input, on_expiry: 'stop' }, '/on_expiry'],
    [{ ...input, until: 'tomorrow' }, '/until']
  ]
  for (const [body, pointer] of wrong) {
    t.match(await api.post(`${node}/actions/assign`, body, headers), { status: 422, body: { errors: [{ pointer }] } })
  }
  t.match(await api.post('/api/v2/clouds/team-a/nodes/node-00000000/actions/assign', input, headers), {
    status: 404, body: { code: 'resource_not_found' }
  })
  t.match(await api.get('/api/v2/nodes?assigned=maybe', headers), {
    status: 422, body: { errors: [{ pointer: '/assigned' }] }
  })
})

t.test('If-Match works with the tag of an assigned node', async (t) => {
  const { api, admin: { headers }, node } = await open(t)
  await api.post(`${node}/actions/assign`, input, headers)
  const { headers: { etag } } = await api.get(node, headers)
  const condition = { ...headers, 'if-match': etag! }
  t.match(await api.post(`${node}/actions/release`, {}, condition), { status: 200 })
  t.match(await api.post(`${node}/actions/assign`, input, condition), { status: 412 }, 'the node has changed')
})

t.test('while the store fails, nothing is assigned or released', async (t) => {
  const { app, api } = await build(t, { clouds })
  const { body: { items: [{ self }, { self: other }] } } = await api.get('/api/v2/nodes')
  await api.post(`${self}/actions/assign`, input)
  await app.store.schema.alterTable('assignments').renameTo('assignments_away').execute()
  const unavailable = { status: 503, body: { code: 'store_unavailable' } }
  t.match(await api.post(`${other}/actions/assign`, input), unavailable)
  t.match(await api.post(`${self}/actions/release`, {}), unavailable)
  const users = async () => (await api.get('/api/v2/assignments')).body.items.map(({ node }: any) => node.self)
  t.same(await users(), [self])
  await app.store.schema.alterTable('assignments_away').renameTo('assignments').execute()
  t.equal((await api.post(`${other}/actions/assign`, input)).status, 200)
})
