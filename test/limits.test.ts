import t, { type Test } from 'tap'
import { build, dummy } from './helper/app.ts'
import { createUsers } from '../plugins/auth/users.ts'
import { createKey, grant } from './helper/callers.ts'
import { addressOf } from '../plugins/limits/address.ts'

const anonymous = [{ clouds: ['*'], level: 'operate' }]

/** Starts a server behind a proxy on loopback, so that requests can come from any address. */
const start = (t: Test, limits: object, clouds: Record<string, object> = { prod: dummy({ nodes: 1 }), lab: dummy() }) =>
  build(t, { clouds, settings: { auth: { anonymous }, limits, trust_proxy: ['loopback'] } })

const from = (address: string) => ({ 'x-forwarded-for': address })
const withToken = (address: string, token: string) => ({ ...from(address), authorization: `Bearer ${token}` })

t.test('the headers tell the limits of a caller, and how much of them is left', async (t) => {
  const { api } = await start(t, { per_caller: { requests_per_minute: 3, cloud_requests_per_minute: 2 } })
  const { headers } = await api.get('/api/v2/clouds/prod/nodes', from('192.0.2.1'))
  t.equal(headers['ratelimit-policy'], '"caller";q=3;w=60, "cloud";q=2;w=60')
  t.match(headers['ratelimit'], /^"caller";r=2;t=60, "cloud";r=1;t=60$/)
  const { headers: all } = await api.get('/api/v2/nodes', from('192.0.2.1'))
  t.equal(all['ratelimit-policy'], '"caller";q=3;w=60')
  t.match(all['ratelimit'], /^"caller";r=1;t=\d+$/)
  t.notOk('ratelimit' in (await api.get('/health/live', from('192.0.2.1'))).headers, 'open paths have no limit')
})

t.test('GET /me tells the limits of the caller, as the headers do', async (t) => {
  const per_caller = { requests_per_minute: 7, cloud_requests_per_minute: 5, changes_at_once: 3 }
  const { api } = await start(t, { per_caller })
  const { body, headers } = await api.get('/api/v2/me', from('192.0.2.1'))
  t.same(body.limits, { window_seconds: 60, requests: 7, cloud_requests: 5, changes_at_once: 3 })
  t.equal(headers['ratelimit-policy'], '"caller";q=7;w=60')
  const { api: open } = await build(t)
  t.equal((await open.get('/api/v2/me')).body.limits, null, 'without callers there are no limits')
})

t.test('requests of /api/v1 count for their caller', async (t) => {
  const { app, api } = await start(t, { per_caller: { requests_per_minute: 2, cloud_requests_per_minute: 1 } }, {
    default: dummy(), lab: dummy()
  })
  const users = createUsers(app.store)
  for (const name of ['ada', 'bob']) await users.create({ name, password: 'a password', grants: [grant('read', '*')] })
  const signIn = async (username: string) => (await app.inject({
    method: 'POST', url: '/api/v1/auth', body: { username, password: 'a password' }
  })).json().token as string
  const ada = await signIn('ada')
  const get = async (token: string, url: string) => app.inject({ url, headers: { 'x-auth-token': token } })
  const first = await get(ada, '/api/v1/nodes')
  t.match(first, { statusCode: 200, headers: { ratelimit: '"caller";r=1;t=60, "cloud";r=0;t=60' } })
  t.match(await get(ada, '/api/v1/nodes/default'), {
    statusCode: 429, headers: { 'retry-after': String }
  }, 'the same cloud')
  t.match((await get(ada, '/api/v1/nodes/lab')).json(), { status: 'error', status_code: 429 }, 'all requests')
  t.equal((await get(await signIn('bob'), '/api/v1/nodes')).statusCode, 200)
  t.equal((await api.get('/api/v2/nodes')).status, 200)
})

t.test('an address that guesses passwords at /api/v1/auth is slowed down, and others are not', async (t) => {
  const { app } = await start(t, { failures_per_minute: 2 })
  await createUsers(app.store).create({ name: 'ada', password: 'a password', grants: [grant('read', '*')] })
  const signIn = async (address: string, password: string) => (await app.inject({
    method: 'POST', url: '/api/v1/auth', headers: from(address), body: { username: 'ada', password }
  })).statusCode
  for (let n = 0; n < 3; n++) t.equal(await signIn('192.0.2.1', `guess ${n}`), 403)
  const statuses = await Promise.all(Array.from({ length: 20 }, async (_, n) => signIn('192.0.2.1', `more ${n}`)))
  t.ok(statuses.filter((status) => status === 403).length <= 2, 'one in a second is checked', { statuses })
  t.ok(statuses.includes(429))
  t.equal(await signIn('192.0.2.2', 'a password'), 200)
})

t.test('a caller over its limit is refused with the time to wait, another caller is served', async (t) => {
  const { api } = await start(t, { per_caller: { requests_per_minute: 2, cloud_requests_per_minute: 2 } })
  for (const path of ['nodes', 'volumes']) t.equal((await api.get(`/api/v2/${path}`, from('192.0.2.1'))).status, 200)
  const refused = await api.get('/api/v2/nodes', from('192.0.2.1'))
  t.match(refused, { status: 429, body: { code: 'rate_limited', retryable: true } })
  const wait = Number(refused.headers['retry-after'])
  t.ok(wait > 0 && wait <= 60, 'Retry-After is in seconds', { wait })
  t.equal((await api.get('/api/v2/nodes', from('192.0.2.2'))).status, 200)
})

t.test('a caller over its limit of one cloud can still use another cloud', async (t) => {
  const { api } = await start(t, { per_caller: { cloud_requests_per_minute: 1 } })
  const get = async (cloud: string) => (await api.get(`/api/v2/clouds/${cloud}/nodes`, from('192.0.2.1'))).status
  t.equal(await get('prod'), 200)
  t.equal(await get('prod'), 429)
  t.equal(await get('lab'), 200)
})

t.test('a caller has at most so many changes under way', async (t) => {
  const { api } = await start(t, { per_caller: { changes_at_once: 1 } }, { prod: dummy({ nodes: 2, delay: 60 }) })
  const { body: { items: [one, other] } } = await api.get('/api/v2/nodes')
  const first = api.post(`${one.self}/actions/stop`, undefined, { ...from('192.0.2.1'), prefer: 'wait=2' })
  const second = async () => api.post(`${other.self}/actions/reboot`, undefined, { ...from('192.0.2.1') })
  const refused = await second()
  t.match(refused, { status: 429, headers: { 'retry-after': '1' }, body: { code: 'rate_limited' } })
  t.equal((await api.get('/api/v2/nodes', from('192.0.2.1'))).status, 200, 'reads are not limited by it')
  t.equal((await first).status, 202)
  t.not((await second()).status, 429, 'after the answer to the first there is room again')
})

t.test('each key is a caller of its own, from whatever address', async (t) => {
  const { app, api } = await start(t, { per_caller: { requests_per_minute: 1 } })
  const [one, other] = [await createKey(app, grant('read', '*')), await createKey(app, grant('read', '*'))]
  const get = async ({ headers }: typeof one, address: string) =>
    (await api.get('/api/v2/nodes', { ...headers, ...from(address) })).status
  t.equal(await get(one, '192.0.2.1'), 200)
  t.equal(await get(one, '192.0.2.2'), 429)
  t.equal(await get(other, '192.0.2.1'), 200)
})

t.test('a valid key is slowed down at most once by failures of its address', async (t) => {
  const { app, api } = await start(t, { failures_per_minute: 1 })
  const { headers } = await createKey(app, grant('read', '*'))
  const get = async (token: Record<string, string>) =>
    (await api.get('/api/v2/nodes', { ...token, ...from('192.0.2.1') })).status
  for (let n = 0; n < 10; n++) await get({ authorization: `Bearer wrong-${n}` })
  let status = await get(headers)
  while (status === 429) status = await get(headers)
  t.equal(status, 200, 'it passes when its credential was checked')
  for (let n = 0; n < 20; n++) {
    await get({ authorization: `Bearer more-${n}` })
    t.equal(await get(headers), 200, 'then each of its requests passes')
  }
})

t.test('after failures, an address is slowed down to one check in a second, and others are not', async (t) => {
  const { api } = await start(t, { failures_per_minute: 3 })
  const guess = async (address: string, n: number) =>
    (await api.get('/api/v2/nodes', withToken(address, `wrong-${n}`))).body.code
  const codes: string[] = []
  for (let n = 0; n < 100; n++) codes.push(await guess('192.0.2.1', n))
  const checked = codes.filter((code) => code === 'unauthenticated').length
  t.ok(checked >= 4 && checked < 20, 'of 100 guesses few are checked', { checked })
  const refused = await api.get('/api/v2/nodes', withToken('192.0.2.1', 'wrong'))
  if (refused.status === 429) t.equal(refused.headers['retry-after'], '1')
  t.equal(await guess('192.0.2.2', 1), 'unauthenticated', 'another address is answered as before')
  t.equal((await api.get('/api/v2/nodes', from('192.0.2.1'))).status, 200, 'a request without a credential is no guess')
})

t.test('the addresses of one IPv6 network count as one', async (t) => {
  const networks: [address: string, network: string][] = [
    ['192.0.2.1', '192.0.2.1'],
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:db8:1:2::6', '2001:db8:1:2::/64'],
    ['2001:db8::6', '2001:db8:0:0::/64'],
    ['::1', '0:0:0:0::/64'],
    ['fe80::1%eth0', 'fe80:0:0:0::/64']
  ]
  for (const [ip, network] of networks) t.equal(addressOf({ ip }), network, ip)
})
