import t, { type Test } from 'tap'
import { build, dummy } from './helper/app.ts'

/** Builds a server with two running nodes that cannot be stopped at once. */
async function start (t: Test) {
  const { api } = await build(t, { clouds: { default: dummy({ nodes: 2 }), other: dummy({ nodes: 1 }) } })
  const { body: { items: [{ self }] } } = await api.get('/api/v2/clouds/default/nodes')
  const tagOf = async (url: string = self) => (await api.get(url)).headers['etag']!
  return { api, self: self as string, tagOf }
}

const strong = /^"[0-9a-f]{40}"$/

t.test('a resource has a strong tag over its whole representation', async (t) => {
  const { api, self, tagOf } = await start(t)
  const tag = await tagOf()
  t.match(tag, strong)
  t.equal(await tagOf(), tag, 'the same representation has the same tag')
  t.not(await tagOf(`${self}?include=extra`), tag, '`extra` is a part of the representation')

  const unchanged = await api.get(self, { 'if-none-match': tag })
  t.same([unchanged.status, unchanged.body, unchanged.headers['etag']], [304, '', tag])
  t.equal(unchanged.headers['content-type'], undefined)
  t.equal(unchanged.headers['cache-control'], 'private, no-cache')
  for (const other of [`W/${tag}`, `"a", ${tag}`, '*', tag.replace(/"$/, '-gzip"'), tag.replace(/"$/, ';br"')]) {
    t.equal((await api.get(self, { 'if-none-match': other })).status, 304, other)
  }
  t.equal((await api.request('HEAD', self, { headers: { 'if-none-match': tag } })).status, 304)

  await api.patch(self, { tags: { a: 'b' } })
  const changed = await api.get(self, { 'if-none-match': tag })
  t.equal(changed.status, 200)
  t.not(changed.headers['etag'], tag)
})

t.test('a compressed answer has a tag of its own, with which the resource can be changed', async (t) => {
  const { api, tagOf } = await start(t)
  const compressed = await api.request('HEAD', '/openapi.json', { headers: { 'accept-encoding': 'br' } })
  const tag = await tagOf('/openapi.json')
  t.equal(compressed.headers['etag'], tag.replace(/"$/, '-br"'))
  const { status } = await api.get('/openapi.json', { 'if-none-match': compressed.headers['etag']! })
  t.equal(status, 304)
})

t.test('an operation has another tag when it has made progress', async (t) => {
  const { api } = await build(t, { clouds: { default: dummy({ nodes: 1, delay: 0.2 }) } })
  const { body: { items: [{ self }] } } = await api.get('/api/v2/nodes')
  const { body: { self: operation } } = await api.post(`${self}/actions/stop`)
  const first = await api.get(operation)
  t.match(first.headers['etag'], strong)
  const later = await api.get(`${operation}?wait=5`, { 'if-none-match': first.headers['etag']! })
  t.match([later.status, later.body.status], [200, 'succeeded'])
  const ended = await api.get(`${operation}?wait=5`, { 'if-none-match': later.headers['etag']! })
  t.equal(ended.status, 304, 'it has ended, and is as it was')
})

t.test('a list has a weak tag over its items, whenever its clouds answer', async (t) => {
  const { api, self, tagOf } = await start(t)
  for (const url of ['/api/v2/nodes', '/api/v2/clouds/default/nodes', '/api/v2/nodes?limit=1', '/api/v2/operations']) {
    const first = await api.get(url)
    const tag = first.headers['etag']!
    t.match(tag, /^W\/"[0-9a-f]{40}"$/, url)
    const again = await api.get(url, { 'if-none-match': tag })
    t.same([again.status, again.body], [304, ''], url)
  }
  const before = await tagOf('/api/v2/nodes')
  t.not(await tagOf('/api/v2/nodes?fields=id'), before)
  await api.patch(self, { name: 'other' })
  t.equal((await api.get('/api/v2/nodes', { 'if-none-match': before })).status, 200)
})

t.test('a list in which a cloud fails is not the list before, although its items are the same', async (t) => {
  const clouds = { default: dummy({ nodes: 1 }), empty: dummy({ nodes: 0 }) }
  const { api, app } = await build(t, { clouds })
  const { headers } = await api.get('/api/v2/nodes')
  app.clouds['empty']!.nodes!.list = async () => { throw new TypeError('a defect') }
  const partial = await api.get('/api/v2/nodes', { 'if-none-match': headers['etag']!, 'cache-control': 'no-cache' })
  t.equal(partial.status, 200)
  t.match(partial.body.sources, [{ status: 'ok' }, { status: 'error' }])
})

t.test('If-Match lets a change through only if the resource is as the client has read it', async (t) => {
  const { api, self, tagOf } = await start(t)
  const tag = await tagOf()
  const extra = await tagOf(`${self}?include=extra`)
  const failed = { status: 412, body: { code: 'precondition_failed', detail: /include.*fields/, hint: /Read/ } }
  for (const wrong of ['"0123"', extra, tag.slice(0, -2), tag.replaceAll('"', ''), '']) {
    const headers = { 'if-match': wrong }
    t.match(await api.patch(self, { name: 'a' }, headers), failed, `PATCH ${wrong}`)
    t.match(await api.post(`${self}/actions/stop`, undefined, headers), failed, `an action ${wrong}`)
    t.match(await api.delete(self, headers), failed, `DELETE ${wrong}`)
  }
  t.equal(await tagOf(), tag, 'nothing has changed')
  t.same((await api.get('/api/v2/operations')).body.items, [])

  let current = tag
  const suffixes = [(one: string) => one, (one: string) => `W/${one}`, (one: string) => `"a", ${one}`, () => '*',
    (one: string) => one.replace(/"$/, '-gzip"'), (one: string) => one.replace(/"$/, '--br"')]
  for (const [i, form] of suffixes.entries()) {
    const header = form(current)
    t.equal((await api.patch(self, { name: `n${i}` }, { 'if-match': header })).status, 200, header)
    t.match(await api.patch(self, { name: 'late' }, { 'if-match': current }), failed, 'the tag of before')
    current = await tagOf()
  }
  t.equal((await api.post(`${self}/actions/stop`, undefined, { 'if-match': current, prefer: 'wait=5' })).status, 200)
  t.match(await api.delete(self, { 'if-match': current }), failed, 'the node is stopped since')
  t.equal((await api.delete(self, { 'if-match': await tagOf(), prefer: 'wait=5' })).status, 200)
})

t.test('If-Match holds for every kind of resource, and for its parts', async (t) => {
  const { api, self, tagOf } = await start(t)
  const { body: volume } = await api.post('/api/v2/clouds/default/volumes', { name: 'v', size: 1 }, {
    prefer: 'wait=5'
  })
  const group = (await api.post('/api/v2/clouds/default/security-groups', { name: 'g' })).body
  const targets = [volume.resource.self, group.self]
  for (const target of targets) {
    t.equal((await api.delete(target, { 'if-match': '"0"' })).status, 412, target)
    t.ok([200, 202, 204].includes((await api.delete(target, { 'if-match': await tagOf(target) })).status), target)
  }
  const nic = (await api.get(`${self}/nics`)).body.items[0].id
  t.equal((await api.delete(`${self}/nics/${nic}`, { 'if-match': '"0"' })).status, 412, 'a part of a node')
  t.ok((await api.delete(`${self}/nics/${nic}`, { 'if-match': await tagOf() })).status < 300)
})

t.test('* of If-Match means that the resource exists', async (t) => {
  const { api } = await start(t)
  const absent = '/api/v2/clouds/default/nodes/node-00000000'
  t.match(await api.patch(absent, { name: 'a' }, { 'if-match': '*' }), { status: 404 })
  const create = { name: 'web', image_id: 'img-debian-12', size_id: 'dummy.small' }
  t.match(await api.post('/api/v2/clouds/default/nodes', create, { 'if-match': '"a"' }), {
    status: 412, body: { code: 'precondition_failed', detail: /no tag to compare/ }
  })
  t.equal((await api.post('/api/v2/clouds/default/nodes', create, { 'if-match': '*' })).status, 202)
})
