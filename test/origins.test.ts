import type { AddressInfo } from 'node:net'
import t, { type Test } from 'tap'
import { request } from 'undici'
import { build, dummy, type BuildOptions } from './helper/app.ts'

type Headers = Record<string, string>

/** Starts a server with one running node. `send` sends one request with these headers to the server's socket. */
async function start (t: Test, settings: BuildOptions['settings'] = {}) {
  const { app, api, origin } = await build(t, { settings, clouds: { default: dummy({ nodes: 1 }) }, listen: true })
  const { body: { items: [{ self }] } } = await api.get('/api/v2/nodes')
  const send = async (method: 'GET' | 'POST' | 'OPTIONS', path: string, headers: Headers) => {
    const answer = await request(origin + path, { method, headers })
    const text = await answer.body.text()
    const { code } = (text.startsWith('{') ? JSON.parse(text) : {}) as { code?: string }
    return { status: answer.statusCode, code, headers: answer.headers }
  }
  /** Sends the request of a page that stops the node. */
  const stop = async (headers: Headers) => {
    const { status, code } = await send('POST', `${self}/actions/stop`, headers)
    // 200: an earlier request has stopped it.
    return code === undefined && (status === 202 || status === 200) ? 'accepted' : `${status} ${code}`
  }
  return { app, api, origin, self, send, stop, port: (app.server.address() as AddressInfo).port }
}

const refused = '403 origin_not_allowed'

t.test('a page of another origin cannot change anything', async (t) => {
  const { stop, api, self, origin, port } = await start(t)
  const foreign: Headers[] = [
    { 'sec-fetch-site': 'cross-site' },
    { 'sec-fetch-site': 'same-site' },
    { 'sec-fetch-site': 'cross-site', origin },
    { 'sec-fetch-site': 'same-origin', origin: 'http://evil.test' },
    { origin: 'http://evil.test' },
    { origin: 'null' },
    { origin: '' },
    { origin: 'http://127.0.0.1' },
    { origin: `https://127.0.0.1:${port}` },
    { origin: `http://localhost:${port}` },
    { origin, 'x-forwarded-host': 'evil.test', 'sec-fetch-site': 'cross-site' },
    { origin: 'http://evil.test', 'x-forwarded-host': 'evil.test' }
  ]
  for (const headers of foreign) t.equal(await stop(headers), refused, JSON.stringify(headers))
  t.equal((await api.get(self)).body.state, 'running', 'the node runs as before')
})

t.test('the pages of the server itself, and clients that are no browsers, are served', async (t) => {
  const { stop, origin, port } = await start(t)
  const own: Headers[] = [
    {},
    { origin },
    { origin, 'sec-fetch-site': 'same-origin' },
    { 'sec-fetch-site': 'none' },
    { host: `localhost:${port}`, origin: `http://localhost:${port}` },
    { host: 'localhost', origin: 'http://localhost' }
  ]
  for (const headers of own) t.equal(await stop(headers), 'accepted', JSON.stringify(headers))
})

t.test('a page may read whatever its browser lets it read: GET and HEAD change nothing', async (t) => {
  const { send } = await start(t)
  const { status, headers } = await send('GET', '/api/v2/nodes', {
    origin: 'http://evil.test', 'sec-fetch-site': 'cross-site'
  })
  t.equal(status, 200)
  t.equal(headers['access-control-allow-origin'], undefined, 'the browser keeps the answer from the page')
})

t.test('the pages of cors.origins may change and read', async (t) => {
  const portal = 'https://portal.example.org'
  const { stop, send, self } = await start(t, { cors: { origins: [portal] } })
  t.equal(await stop({ origin: portal, 'sec-fetch-site': 'cross-site' }), 'accepted')
  t.equal(await stop({ origin: 'https://portal.example.org.evil.test' }), refused)
  t.equal(await stop({ origin: 'null' }), refused)
  t.equal(await stop({ 'sec-fetch-site': 'cross-site' }), refused)

  const { headers } = await send('GET', '/api/v2/nodes', { origin: portal })
  t.equal(headers['access-control-allow-origin'], portal)
  t.match(headers['access-control-expose-headers'], /\bETag\b.*\bLink\b.*\bLocation\b/)
  t.match(headers['vary'], /\borigin\b/i)

  const preflight = { 'access-control-request-method': 'POST', 'access-control-request-headers': 'content-type' }
  const allowed = await send('OPTIONS', `${self}/actions/stop`, { origin: portal, ...preflight })
  t.equal(allowed.status, 204)
  t.match(allowed.headers, {
    'access-control-allow-origin': portal,
    'access-control-allow-methods': /POST/,
    'access-control-allow-headers': 'content-type'
  })
  t.equal((await send('OPTIONS', self, { origin: 'http://evil.test', ...preflight })).code, 'origin_not_allowed')
  t.equal((await send('OPTIONS', self, {})).code, 'method_not_allowed', 'OPTIONS that is no preflight')
})

t.test('a name that was made to resolve to this server (DNS rebinding) is refused, on every path', async (t) => {
  const { send, stop } = await start(t, { allowed_hosts: ['api.example.org'] })
  for (const host of ['evil.test', 'evil.test:5070', 'localhost.evil.test', '127.0.0.1.evil.test', '2130706433', 'a b',
    'api.example.org.evil.test', 'user@localhost', '[evil]', '[127.0.0.1]', ':80']) {
    for (const path of ['/api/v2/nodes', '/docs', '/openapi.json', '/', '/nowhere']) {
      t.match(await send('GET', path, { host }), { status: 421, code: 'host_not_allowed' }, `${host} ${path}`)
    }
    t.equal(await stop({ host }), '421 host_not_allowed', host)
    t.equal((await send('GET', '/health/live', { host })).status, 200, `${host} may ask for the health`)
  }
  for (const host of ['localhost', 'LOCALHOST:80', 'localhost.', 'app.localhost', '127.0.0.2', '192.0.2.1:80', '[::1]',
    '[2001:db8::1]:5070', 'api.example.org', 'API.example.org:8443']) {
    t.equal((await send('GET', '/api/v2/nodes', { host })).status, 200, host)
  }
})

t.test('the configured host is a known name', async (t) => {
  const { send } = await start(t, { host: 'cloud.example.org', insecure: true })
  t.equal((await send('GET', '/api/v2/nodes', { host: 'cloud.example.org:5070' })).status, 200)
})

t.test('only a trusted proxy says by which name and scheme the client knows the server', async (t) => {
  const forwarded = { 'x-forwarded-host': 'api.example.org', 'x-forwarded-proto': 'https' }
  const page = { ...forwarded, origin: 'https://api.example.org' }
  const other = { ...forwarded, 'x-forwarded-host': 'evil.test' }

  const trusting = await start(t, { trust_proxy: ['127.0.0.0/8'], allowed_hosts: ['api.example.org'] })
  t.equal(await trusting.stop(page), 'accepted', 'the page of the server behind the proxy')
  t.equal(await trusting.stop({ ...page, origin: 'http://api.example.org' }), refused, 'the scheme is another')
  t.equal((await trusting.send('GET', '/api/v2/nodes', other)).code, 'host_not_allowed')
  t.equal((await trusting.send('GET', '/api/v2/nodes', { ...forwarded, host: 'evil.test' })).code, 'host_not_allowed',
    'a rebound page can set X-Forwarded-Host, but not Host')

  const direct = await start(t, { trust_proxy: ['192.0.2.1'], allowed_hosts: ['api.example.org'] })
  t.equal(await direct.stop(page), refused)
  t.equal((await direct.send('GET', '/api/v2/nodes', other)).status, 200, 'the header of anyone else is ignored')
})
