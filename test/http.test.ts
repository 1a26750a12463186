import t from 'tap'
import { request } from 'undici'
import { build, dummy } from './helper/app.ts'
import type { Api } from './helper/api.ts'

type Method = Parameters<Api['request']>[0]

const node = '/api/v2/clouds/default/nodes/node-00000001'
const valid = { name: 'web', image_id: 'img-debian-12', size_id: 'dummy.small' }

t.test('a wrong method is answered with the methods of the path', async (t) => {
  const { api, app } = await build(t)
  const cases: [Method | 'TRACE' | 'PROPFIND', string, string | undefined][] = [
    ['OPTIONS', '/api/v2/nodes', 'GET, HEAD'],
    ['POST', '/api/v2/nodes', 'GET, HEAD'],
    ['PUT', '/api/v2/clouds/default/nodes?a=1', 'GET, HEAD, POST'],
    ['PUT', node, 'DELETE, GET, HEAD, PATCH'],
    ['GET', `${node}/actions/stop`, 'POST'],
    ['DELETE', '/openapi.json', 'GET, HEAD'],
    ['POST', '/', 'GET, HEAD'],
    ['POST', '/health/live/', 'GET, HEAD'],
    ['TRACE', '/api/v2/nodes', 'GET, HEAD'],
    ['PROPFIND', '/api/v2/nodes', 'GET, HEAD'],
    ['OPTIONS', '/api/v2/nothing', undefined]
  ]
  for (const [method, url, allow] of cases) {
    const { status, body, headers } = await api.request(method as Method, url, { headers: { 'content-type': 'a/b' } })
    const allowed = headers['allow']?.split(', ').sort().join(', ')
    const expected = allow === undefined
      ? [404, 'route_not_found', undefined]
      : [405, 'method_not_allowed', allow]
    t.same([status, body.code, allowed], expected, `${method} ${url}`)
  }
  const withBody = await app.inject({ method: 'PUT', url: node, headers: { 'content-type': 'text/xml' }, body: '<a/>' })
  t.equal(withBody.statusCode, 405, 'the method is wrong, whatever the body is')
})

t.test('every GET can be sent as HEAD, and has the same headers', async (t) => {
  const { app, api } = await build(t, { clouds: { default: dummy({ nodes: 1 }) } })
  const { body: { items: [{ self }] } } = await api.get('/api/v2/nodes')
  for (const url of [self, '/api/v2/sizes', '/openapi.json', '/api/v2/operations', '/health/live']) {
    for (const accept of ['', 'br', 'gzip']) {
      const headers = { 'accept-encoding': accept }
      const head = await app.inject({ method: 'HEAD', url, headers })
      const get = await app.inject({ method: 'GET', url, headers })
      t.same([head.statusCode, head.body], [200, ''])
      // A list has times in `sources`.
      const changing = ['x-request-id', 'date', ...url.includes('sizes') ? ['content-length'] : []]
      const fixed = ({ headers }: { headers: object }) =>
        Object.fromEntries(Object.entries(headers).filter(([name]) => !changing.includes(name)))
      t.same(fixed(head), fixed(get), `${url} ${accept}`)
    }
  }
})

t.test('the root leads a browser to the documentation, and a program to the collections', async (t) => {
  const { api } = await build(t)
  for (const url of ['/', '/api/v2', '/api/v2/']) {
    const page = await api.get(url, { accept: 'text/html,application/xhtml+xml,*/*;q=0.8' })
    t.same([page.status, page.headers['location']], [302, '/docs'])
    t.match(page.headers['vary'], /\baccept,/)
    const { status, body } = await api.get(url, { accept: '*/*' })
    t.equal(status, 200)
    t.match(body, { documentation: '/docs', document: '/openapi.json', nodes: '/api/v2/nodes' })
    for (const link of Object.values(body as Record<string, string>)) {
      t.ok((await api.get(link)).status < 400, link)
    }
  }
})

t.test('a request whose Accept excludes JSON is refused before anything happens', async (t) => {
  const { api } = await build(t)
  const create = (accept: string) => api.post('/api/v2/clouds/default/nodes', valid, { accept })
  for (const accept of ['text/html', 'application/xml, text/*', 'application/json;q=0', '*/*, application/json;q=0',
    'application/json;q=0, */*', 'application/jsonx']) {
    t.match(await create(accept), { status: 406, body: { code: 'not_acceptable' } }, accept)
    t.equal((await api.get('/api/v2/nodes', { accept })).status, 406, accept)
    t.equal((await api.get('/health/live', { accept })).status, 200, 'health checks send all kinds of Accept')
  }
  t.same((await api.get('/api/v2/operations')).body.items, [])
  for (const accept of ['', '*/*', 'application/json', 'application/*;q=0.1', 'text/html, */*;q=0.8']) {
    t.equal((await api.get('/api/v2/nodes', { accept })).status, 200, accept)
  }
})

t.test('a body has the type that its route declares', async (t) => {
  const { api } = await build(t, { clouds: { default: dummy({ nodes: 1 }) } })
  const { body: { items: [{ self }] } } = await api.get('/api/v2/nodes')
  const untyped = { status: 415, body: { code: 'unsupported_media_type', hint: /^Send application\/json/ } }
  const patch = { 'content-type': 'application/merge-patch+json' }
  t.match(await api.post('/api/v2/clouds/default/nodes', valid, patch), untyped, 'a create is no patch')
  t.match(await api.post(`${self}/actions/stop`, {}, patch), untyped)
  for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=a']) {
    t.match(await api.post(`${self}/actions/stop`, '{}', { 'content-type': type }), untyped, `${type} of a simple form`)
  }
  t.equal((await api.get(self)).body.state, 'running')
  t.equal((await api.patch(self, { name: 'a' }, patch)).status, 200)
  t.equal((await api.patch(self, { name: 'b' }, { 'content-type': 'Application/JSON; charset=utf-8' })).status, 200)
})

t.test('long answers are compressed for clients that accept it', async (t) => {
  const { api, origin } = await build(t, { clouds: { default: dummy({ nodes: 20 }) }, listen: true })
  const read = async (url: string, encodings: string) => {
    const { headers, body } = await request(origin + url, { headers: { 'accept-encoding': encodings } })
    return { headers, bytes: (await body.arrayBuffer()).byteLength }
  }
  const plain = await read('/api/v2/nodes', 'identity')
  t.equal(plain.headers['content-encoding'], undefined)
  for (const [accepted, encoding] of [['gzip', 'gzip'], ['gzip, br', 'br'], ['br;q=0, gzip', 'gzip']]) {
    const { headers, bytes } = await read('/api/v2/nodes', accepted!)
    t.equal(headers['content-encoding'], encoding, accepted!)
    t.ok(bytes < plain.bytes / 4, `${bytes} of ${plain.bytes} bytes`)
    t.equal(headers['vary'], plain.headers['vary'], 'no name twice')
  }
  t.equal((await read('/health/live', 'br')).headers['content-encoding'], undefined, 'a short answer')
  t.equal((await read('/openapi.json', 'br')).headers['content-encoding'], 'br')
  const unzipped = await fetch(`${origin}/api/v2/nodes`)
  t.same((await unzipped.json() as { items: object[] }).items, (await api.get('/api/v2/nodes')).body.items)
})

t.test('answers tell caches what they may keep', async (t) => {
  const { api } = await build(t, { clouds: { default: dummy({ nodes: 1 }) } })
  const { body: { items: [{ self }] } } = await api.get('/api/v2/nodes')
  for (const url of ['/api/v2/nodes', self, '/api/v2/operations', '/api/v2/nowhere', `${node}0`]) {
    const { headers } = await api.get(url)
    t.equal(headers['cache-control'], 'private, no-cache', url)
    for (const name of ['Accept-Encoding', 'Authorization', 'X-Auth-Token', 'Origin']) {
      t.match(headers['vary'], new RegExp(`\\b${name}\\b`, 'i'), url)
    }
  }
  const document = await api.get('/openapi.json')
  t.match(document.headers, { 'cache-control': 'public, no-cache', etag: /^"/ })
  const again = await api.get('/openapi.json', { 'if-none-match': document.headers['etag']! })
  t.same([again.status, again.body], [304, ''])

  const secret = [
    await api.post('/api/v2/clouds/default/key-pairs', { name: 'k' }),
    await api.post('/api/v2/clouds/default/nodes', { ...valid, admin_password: true }),
    await api.post(`${self}/actions/rescue`),
    await api.get(`${self}/console?kind=url`)
  ].filter(({ body }) => body.secrets !== undefined || body.kind === 'url')
  t.ok(secret.length >= 2)
  for (const { headers } of secret) {
    t.match({ etag: undefined, ...headers }, { 'cache-control': 'no-store', etag: undefined })
  }
})

t.test('only a failure of the server itself is an error in the log', async (t) => {
  const lines: { level: number, msg: string, code?: string, err?: { stack?: string } }[] = []
  const logger = { level: 'info', stream: { write: (line: string) => { lines.push(JSON.parse(line)) } } }
  const clouds = {
    default: dummy({ nodes: 1 }),
    down: dummy({ faults: [{ on: '*', kind: 'unavailable' }] }),
    broken: dummy({ faults: [{ on: '*', kind: 'error' }] })
  }
  const { app, api } = await build(t, { clouds, logger, settings: { log_requests: false } })
  const logged = async (url: string, headers = {}) => {
    lines.length = 0
    const { body, status } = await api.get(url, headers)
    t.equal(lines.length, 1, `${url}: one line`)
    return { status, code: body.code, level: lines[0]?.level, stack: lines[0]?.err?.stack !== undefined }
  }
  const [info, warn, error] = [30, 40, 50]
  t.match(await logged('/api/v2/nowhere'), { status: 404, level: info, stack: false })
  t.match(await logged('/api/v2/nodes?limit=x'), { status: 422, level: info, stack: false })
  t.match(await logged('/api/v2/nodes', { host: 'evil.test' }), { status: 421, level: info, stack: false })
  t.match(await logged('/api/v2/clouds/default/images?owner=self'), { status: 501, level: info, stack: false })
  t.match(await logged('/api/v2/clouds/down/nodes'), { status: 503, level: warn, stack: false })
  t.match(await logged('/api/v2/clouds/broken/nodes'), { status: 502, level: warn, stack: false })
  app.farm.get = () => { throw new TypeError('a defect') }
  t.match(await logged('/api/v2/clouds/default'), { status: 500, level: error, stack: true })
})
