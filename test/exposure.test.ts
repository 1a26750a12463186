import t, { type Test } from 'tap'
import { build, dummy } from './helper/app.ts'

/** Returns the error with which the settings are refused; undefined if the server starts. */
async function refusalOf (t: Test, settings: Record<string, unknown>) {
  try {
    await build(t, { settings })
    return undefined
  } catch (error) {
    return (error as Error).message
  }
}

t.test('an address that others reach needs callers and a protected connection, or `insecure`', async (t) => {
  const cases: [settings: Record<string, unknown>, refusal: RegExp | undefined][] = [
    [{ host: '0.0.0.0' }, /host: found "0\.0\.0\.0"; this server does not authenticate callers/],
    [{ host: '0.0.0.0', insecure: true }, undefined],
    [
      { host: '0.0.0.0', auth: {} },
      /host: .*without TLS anyone on the way could read the credentials.*`tls`.*`trust_proxy`/
    ],
    [{ host: '0.0.0.0', auth: {}, trust_proxy: ['10.0.0.1'] }, undefined],
    [{ host: '127.0.0.1', auth: {} }, undefined],
    [{ auth: {}, insecure: true }, /insecure: found true beside `auth`/],
    [{ metrics: { host: '0.0.0.0' } }, /metrics\.host: found "0\.0\.0\.0"/],
    [{ metrics: { host: '0.0.0.0' }, auth: {} }, /metrics\.host/],
    [{ metrics: { host: '0.0.0.0' }, insecure: true }, /metrics\.host/],
    [{ metrics: { port: 0 } }, undefined]
  ]
  for (const [settings, refusal] of cases) {
    const found = await refusalOf(t, settings)
    if (refusal === undefined) t.equal(found, undefined, JSON.stringify(settings))
    else t.match(found, refusal, JSON.stringify(settings))
  }
})

t.test('behind a proxy and without TLS, plain HTTP is served to the proxy and to the same machine only', async (t) => {
  const { app } = await build(t, { settings: { host: '0.0.0.0', auth: {}, trust_proxy: ['10.0.0.0/30', 'fd00::1'] } })
  const send = async (remoteAddress: string, url = '/api/v2/nodes', headers = {}) => {
    const answer = await app.inject({ url, remoteAddress, headers })
    const { code, detail, hint } = answer.json() as { code?: string, detail?: string, hint?: string }
    return { status: answer.statusCode, code, detail, hint }
  }
  for (const proxy of ['10.0.0.2', '::ffff:10.0.0.2', 'fd00::1', '127.0.0.1', '::1']) {
    t.match(await send(proxy), { status: 401, code: 'unauthenticated' }, proxy)
    t.equal((await send(proxy, '/health/live')).status, 200, proxy)
  }
  for (const other of ['10.0.0.4', '::ffff:203.0.113.5', '203.0.113.5', 'fd00::2']) {
    for (const url of ['/api/v2/nodes', '/api/v1/nodes', '/health/live', '/docs', '/api/v2/nowhere']) {
      const answer = await send(other, url, { 'x-forwarded-for': '10.0.0.2', 'x-forwarded-proto': 'https' })
      t.equal(answer.status, 421, `${other} ${url}`)
    }
    t.match(await send(other), {
      code: 'connection_not_protected',
      detail: new RegExp(`${other} is not one of .trust_proxy.`),
      hint: /HTTPS address/
    })
  }
  const open = await build(t, { settings: { host: '0.0.0.0', insecure: true, trust_proxy: ['10.0.0.1'] } })
  const answer = await open.app.inject({ url: '/api/v2/nodes', remoteAddress: '203.0.113.5' })
  t.equal(answer.statusCode, 200, 'without callers as before')
})

t.test('the host is checked unless every request needs a credential', async (t) => {
  const host = { host: 'evil.example.org' }
  const grants = [{ clouds: ['*'], level: 'read' }]
  const open = await build(t)
  t.equal((await open.api.get('/api/v2/nodes', host)).body.code, 'host_not_allowed', 'without callers')
  const anonymous = await build(t, { settings: { auth: { anonymous: grants } } })
  t.equal((await anonymous.api.get('/api/v2/nodes', host)).body.code, 'host_not_allowed', 'with anonymous grants')
  const closed = await build(t, { settings: { auth: {} } })
  const listed = await closed.api.get('/api/v2/nodes', host)
  t.equal(listed.body.code, 'unauthenticated', 'with a credential for each request')
  const { body } = await closed.api.post('/api/v2/clouds/default/nodes', {}, {
    ...host, origin: 'http://other.example.org'
  })
  t.equal(body.code, 'origin_not_allowed', 'the origin is checked in any case')
})

t.test('a body and headers over the limits are refused', async (t) => {
  const { api } = await build(t, { settings: { limits: { body_bytes: 2048, header_bytes: 4096 } }, listen: true })
  const tags = { a: 'x'.repeat(3000) }
  const { status, body } = await api.post('/api/v2/clouds/default/nodes', { name: 'a', tags })
  t.match({ status, code: body.code }, { status: 413, code: 'payload_too_large' })
  const headers = { 'x-long': 'x'.repeat(5000) }
  await t.rejects(api.get('/api/v2/nodes', headers), /no x-request-id/, 'the parser answers')
})

t.test('more requests under way than the limit are refused with the time to wait, the liveness is not', async (t) => {
  const { api } = await build(t, {
    clouds: { default: dummy({ delay: 60 }) }, settings: { limits: { requests: 2 } }, listen: true
  })
  const node = { name: 'a', image_id: 'img-debian-12', size_id: 'dummy.small' }
  const { body: operation } = await api.post('/api/v2/clouds/default/nodes', node)
  const waits = [1, 2].map(() => api.get(`/api/v2/operations/${operation.id}?wait=3`))
  let refused = await api.get('/api/v2/nodes')
  while (refused.status !== 503) refused = await api.get('/api/v2/nodes')
  t.match(refused, { headers: { 'retry-after': '1' }, body: { code: 'overloaded', retryable: true } })
  t.equal((await api.get('/health/live')).status, 200)
  t.equal((await api.get('/health/ready')).status, 503, 'a load balancer sends no more')
  for (const { status } of await Promise.all(waits)) t.equal(status, 200, 'the requests under way end')
  t.equal((await api.get('/api/v2/nodes')).status, 200, 'then there is room again')
})

t.test('requests are refused while the event loop is late', async (t) => {
  const { api } = await build(t, {
    clouds: { default: dummy({ delay: 60 }) }, settings: { limits: { event_loop_delay: 20 } }, listen: true
  })
  const node = { name: 'a', image_id: 'img-debian-12', size_id: 'dummy.small' }
  const { body: operation } = await api.post('/api/v2/clouds/default/nodes', node)
  const block = (ms: number) => { for (const end = performance.now() + ms; performance.now() < end;); }
  let refused = await api.get('/api/v2/drivers')
  for (let n = 0; n < 5; n++) {
    block(200)
    t.equal((await api.get('/api/v2/drivers')).status, 200, 'with few requests under way it serves them')
  }
  const waits = Array.from({ length: 30 }, () => api.get(`/api/v2/operations/${operation.id}?wait=20`))
  for (let tries = 0; refused.status !== 503 && tries < 100; tries++) {
    block(200)
    refused = await api.get('/api/v2/drivers')
  }
  t.match(refused, { status: 503, headers: { 'retry-after': '1' }, body: { code: 'overloaded', detail: /event loop/ } })
  t.equal((await api.get('/health/live')).status, 200)
  await Promise.all(waits)
})
