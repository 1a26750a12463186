import { Writable } from 'node:stream'
import t, { type Test } from 'tap'
import { dummy } from '../../helper/app.ts'
import type { FaultEffect } from '../fault-proxy.ts'
import { buildOnMoto, instancesAt, motoCloud, users } from './app.ts'
import { isAction } from './proxy.ts'

t.setTimeout(300_000)

const nodes = '/api/v2/clouds/default/nodes'

/** A server whose cloud `default` is moto behind the proxy, beside a dummy cloud. */
async function behindProxy (t: Test, settings: object = {}) {
  let log = ''
  const stream = new Writable({ write (chunk, _encoding, done) { log += String(chunk); done() } })
  const served = await buildOnMoto(t, {
    clouds: (lab) => ({ default: motoCloud(lab, 'default', { timeout: 3, ...settings }), other: dummy({ nodes: 3 }) }),
    options: { logger: { level: 'trace', stream } }
  })
  const { api, image_id } = served
  let made = 0
  const body = (fields: object = {}) => ({ name: `faults-${++made}`, image_id, size_id: 't3.micro', ...fields })
  const create = (fields: object = {}) => api.post(nodes, body(fields))
  const node = async (fields: object = {}) => {
    const operation = await api.ended((await create(fields)).body)
    if (operation.status !== 'succeeded') throw new Error(JSON.stringify(operation))
    return String(operation.resource.self)
  }
  return { ...served, body, create, node, log: () => log }
}

t.test('a refusal has the problem code for the code of the cloud, and the request id', async (t) => {
  const { api, proxy, create, node } = await behindProxy(t, { timeout: 5 })
  const self = await node()

  const list = () => api.get(nodes)
  const reboot = () => api.post(`${self}/actions/reboot`)
  const at = '/api/v2/clouds/default'
  const network = (await api.post(`${at}/networks`, { name: 'front', cidr: '10.8.0.0/16' })).body
  const remove = () => api.delete(network.self)
  const volume = () => api.post(`${at}/volumes`, { name: 'data', size: 1 })
  const cases: [action: string, code: string, status: number, ours: string, ask: () => ReturnType<typeof list>][] = [
    ['DescribeInstances', 'AuthFailure', 502, 'provider_auth_failed', list],
    ['DescribeInstances', 'RequestExpired', 502, 'provider_auth_failed', list],
    ['DescribeInstances', 'UnauthorizedOperation', 502, 'provider_permission_denied', list],
    ['DescribeInstances', 'OptInRequired', 502, 'provider_permission_denied', list],
    ['DescribeInstances', 'InvalidParameterValue', 422, 'provider_rejected', list],
    ['DescribeInstances', 'InternalError', 502, 'provider_error', list],
    ['DescribeInstances', 'Unavailable', 503, 'provider_unavailable', list],
    ['RunInstances', 'InsufficientInstanceCapacity', 503, 'provider_capacity', create],
    ['RunInstances', 'InstanceLimitExceeded', 409, 'provider_quota_exceeded', create],
    ['RunInstances', 'VcpuLimitExceeded', 409, 'provider_quota_exceeded', create],
    ['RunInstances', 'UnauthorizedOperation', 502, 'provider_permission_denied', create],
    ['RunInstances', 'InvalidAMIID.NotFound', 422, 'validation_failed', create],
    ['RunInstances', 'InvalidAMIID.Malformed', 422, 'validation_failed', create],
    ['RebootInstances', 'IncorrectInstanceState', 409, 'invalid_state', reboot],
    ['RebootInstances', 'UnauthorizedOperation', 502, 'provider_permission_denied', reboot],
    ['RebootInstances', 'InvalidInstanceID.NotFound', 404, 'resource_not_found', reboot],
    ['DeleteVpc', 'DependencyViolation', 409, 'in_use', remove],
    ['DeleteVpc', 'InvalidVpcID.NotFound', 404, 'resource_not_found', remove],
    ['CreateVolume', 'VolumeLimitExceeded', 409, 'provider_quota_exceeded', volume],
    ['CreateVolume', 'InsufficientVolumeCapacity', 503, 'provider_capacity', volume],
    // The last: Amazon's client sends less for a while after them.
    ['DescribeInstances', 'RequestLimitExceeded', 503, 'provider_rate_limited', list],
    ['RunInstances', 'RequestLimitExceeded', 503, 'provider_rate_limited', create]
  ]
  for (const [action, code, status, ours, ask] of cases) {
    await t.test(`${action} ${code}: ${status} ${ours}`, async (t) => {
      const rule = proxy.refuse(action, code)
      t.teardown(rule.remove)
      const answer = await ask()
      t.equal(answer.status, status, 'the status', { body: answer.body })
      t.match(answer.body, {
        code: ours,
        cloud: 'default',
        driver: 'ec2',
        provider_error: { code, request_id: rule.requestId }
      })
      if (code.startsWith('InvalidAMIID')) t.equal(answer.body.errors[0].pointer, '/image_id')
      if (code === 'RequestExpired') t.match(answer.body.hint, /NTP/)
      t.ok(rule.hits >= 1)
    })
  }
})

t.test('faults of the cloud during a read', async (t) => {
  const { api, proxy } = await behindProxy(t)
  const cases: [what: string, effect: FaultEffect, status: number, code: string][] = [
    ['hangs', { hang: true }, 504, 'provider_timeout'],
    ['hangs in the middle of its answer', { hangBody: true }, 504, 'provider_timeout'],
    ['breaks the connection', { reset: true }, 503, 'provider_unavailable'],
    ['answers with half a body', { truncate: true }, 502, 'provider_error'],
    ['answers with a page', { html: true, status: 200 }, 502, 'provider_error'],
    ['answers with another document', { rewrite: () => '<ListQueuesResponse/>' }, 502, 'provider_error'],
    ['answers with nothing', { empty: true }, 502, 'provider_error'],
    ['answers 500 with a page', { html: true, status: 500 }, 502, 'provider_error'],
    ['answers 503 with a page', { html: true, status: 503 }, 503, 'provider_unavailable'],
    ['answers 401 with nothing', { empty: true, status: 401 }, 502, 'provider_auth_failed'],
    // The last: Amazon's client sends less for a while after it.
    ['answers 429 with nothing', { empty: true, status: 429 }, 503, 'provider_rate_limited']
  ]
  for (const [what, effect, status, code] of cases) {
    await t.test(`${what}: ${status} ${code}`, async (t) => {
      proxy.addRule({ ...isAction('DescribeInstances'), ...effect })
      t.teardown(() => proxy.clear())
      const started = performance.now()
      const [answer, other] = await Promise.all([api.get(nodes), api.get('/api/v2/clouds/other/nodes')])
      t.equal(answer.status, status, 'the status', { body: answer.body })
      t.equal(answer.body.code, code, 'the code', { body: answer.body })
      t.match(answer.body, { cloud: 'default', driver: 'ec2' })
      t.notMatch(JSON.stringify(answer.body), /sdk|smithy|\$response|html/i, 'in words that are not a library\'s')
      t.ok(performance.now() - started < 3_500, 'within the deadline')
      t.equal(other.body.items.length, 3, 'the other cloud answers as before')
      const both = await api.get('/api/v2/nodes')
      t.equal(both.status, 200)
      t.equal(both.body.items.length, 3)
      t.match(both.body.sources, [{ cloud: 'default', problem: { code } }, { cloud: 'other', status: 'ok' }])
    })
  }
})

t.test('a transient fault is retried and not reported', async (t) => {
  const { api, proxy } = await behindProxy(t, { timeout: 30 })
  for (const effect of [
    { reset: true },
    { html: true, status: 500 },
    { truncate: true },
    { empty: true, status: 429 }
  ] as const) {
    const rule = proxy.addRule({ ...isAction('DescribeInstances'), times: 1, ...effect })
    t.equal((await api.get(nodes)).status, 200, `${Object.keys(effect)[0]} passes`)
    t.equal(rule.hits, 1)
  }
})

t.test('a hundred calls at once against a limit of twenty a second all succeed', async (t) => {
  const { api, proxy } = await behindProxy(t, { timeout: 60 })
  t.equal((await api.get(nodes)).status, 200)
  proxy.resetRequests()
  proxy.limit(20)
  const answers = await Promise.all(Array.from({ length: 100 }, (_, i) => api.get(`${nodes}?name=none-${i}`)))
  t.same(new Set(answers.map(({ status }) => status)), new Set([200]))
  t.ok(proxy.requests.some(({ status }) => status === 503), 'some were refused on the way')
})

t.test('a create whose answer is lost makes one instance', async (t) => {
  const { api, proxy, client, create } = await behindProxy(t)
  const losses: [what: string, effect: FaultEffect][] = [
    ['the connection breaks', { swallow: true }],
    ['nothing more is heard', { swallowHang: true }],
    ['half of the answer comes', { truncate: true }],
    ['a gateway answers with a page', { rewrite: () => '<html>Bad gateway</html>' }]
  ]
  for (const [i, [what, effect]] of losses.entries()) {
    await t.test(`the cloud has made it, and ${what}`, async (t) => {
      const before = (await instancesAt(client)).length
      const rule = proxy.addRule({ ...isAction('RunInstances'), times: 1, ...effect })
      const { status, body } = await create({ tags: { lost: String(i) } })
      t.equal(status, 202, 'the create goes on', { body })
      const operation = await api.ended(body)
      t.equal(rule.hits, 1)
      t.equal(operation.status, 'succeeded', 'the operation ends', { operation })
      const there = await instancesAt(client)
      t.equal(there.length, before + 1, 'one instance more')
      t.ok(there.some(({ InstanceId: id }) => id === operation.resource.id), 'which the operation names')
      t.match((await api.get(operation.resource.self)).body, { state: 'running', tags: { lost: String(i) } })
    })
  }

  await t.test('a create that never arrived is sent again with the same token', async (t) => {
    const before = (await instancesAt(client)).length
    proxy.resetRequests()
    proxy.addRule({ ...isAction('RunInstances'), times: 1, reset: true })
    const operation = await api.ended((await create()).body)
    t.equal(operation.status, 'succeeded', 'the operation ends', { operation })
    const sent = proxy.requests
      .map(({ content }) => new URLSearchParams(content))
      .filter((asked) => asked.get('Action') === 'RunInstances')
    t.same(sent.map((asked) => asked.get('ClientToken')), [operation.id, operation.id])
    t.equal((await instancesAt(client)).length, before + 1)
  })
})

t.test('a change without a token is not repeated if it may have been made', async (t) => {
  const { api, proxy, node } = await behindProxy(t)
  const self = await node()
  const effects: FaultEffect[] = [
    { swallow: true }, { reset: true }, { html: true, status: 500 }, { empty: true, status: 503 }, { truncate: true }
  ]
  for (const effect of effects) {
    await t.test(`a reboot with ${JSON.stringify(effect)}`, async (t) => {
      proxy.resetRequests()
      const rule = proxy.addRule({ ...isAction('RebootInstances'), ...effect })
      t.teardown(rule.remove)
      const answer = await api.post(`${self}/actions/reboot`)
      t.equal(answer.status, 202, 'its outcome is not known', { body: answer.body })
      const operation = await api.ended(answer.body)
      t.equal(operation.error?.code, 'outcome_unknown', 'and stays so', { operation })
      t.equal(proxy.actions().filter((action) => action === 'RebootInstances').length, 1, 'it was asked for once')
    })
  }

  await t.test('a snapshot whose answer is lost is created once', async (t) => {
    const at = '/api/v2/clouds/default'
    const volume = await api.ended((await api.post(`${at}/volumes`, { name: 'data', size: 1 })).body)
    proxy.resetRequests()
    proxy.addRule({ ...isAction('CreateSnapshot'), times: 1, swallow: true })
    const { status, body } = await api.post(`${at}/snapshots`, { name: 'data', volume_id: volume.resource.id })
    t.equal(status, 202, 'it goes on', { body })
    const operation = await api.ended(body)
    t.equal(operation.status, 'succeeded', 'it is found again', { operation })
    t.equal(proxy.actions().filter((action) => action === 'CreateSnapshot').length, 1, 'it was asked for once')
    t.same(
      (await api.walk(`${at}/snapshots?volume_id=${volume.resource.id}`)).items.map(({ id }) => id),
      [operation.resource.id]
    )
  })

  await t.test('a throttled reboot was not made and is sent again', async (t) => {
    const rule = proxy.refuse('RebootInstances', 'RequestLimitExceeded', { times: 1 })
    const operation = await api.ended((await api.post(`${self}/actions/reboot`)).body)
    t.equal(operation.status, 'succeeded', 'it succeeds', { operation })
    t.equal(rule.hits, 1)
  })
})

t.test('a stop whose answer is lost ends when the node is stopped', async (t) => {
  const { api, proxy, node } = await behindProxy(t)
  const self = await node()
  const rule = proxy.addRule({ ...isAction('StopInstances'), times: 1, swallow: true })
  const operation = await api.ended((await api.post(`${self}/actions/stop`)).body)
  t.equal(rule.hits, 1)
  t.equal(operation.status, 'succeeded', 'it succeeds', { operation })
  t.equal((await api.get(self)).body.state, 'stopped')
})

t.test('transitional states are shown and waited for', async (t) => {
  const { api, proxy, create } = await behindProxy(t)
  proxy.slow({ pending: 3, stopping: 3, 'shutting-down': 3 })
  const accepted = (await create()).body
  const { self } = accepted.resource
  t.match((await api.get(self)).body, {
    state: 'pending',
    provider_state: 'pending',
    transitioning: true,
    allowed_actions: ['destroy']
  })
  t.equal((await api.ended(accepted)).status, 'succeeded')
  t.equal((await api.get(self)).body.state, 'running')
  const stop = (await api.post(`${self}/actions/stop`)).body
  t.match((await api.get(self)).body, { state: 'stopping', transitioning: true })
  t.equal((await api.ended(stop)).status, 'succeeded')
  t.equal((await api.get(self)).body.state, 'stopped')
  const start = (await api.post(`${self}/actions/start`)).body
  t.match((await api.get(self)).body, { provider_state: 'pending', transitioning: true })
  t.equal((await api.ended(start)).status, 'succeeded')
  const destroy = (await api.delete(self)).body
  t.match((await api.get(self)).body, { state: 'terminating' })
  t.equal((await api.ended(destroy)).status, 'succeeded')
  t.match((await api.get(self)).body, { state: 'terminated', allowed_actions: [] })
})

t.test('no secret is in an answer or in the log', async (t) => {
  const token = 'session-token-of-the-lab'
  const { api, proxy, create, node, log } = await behindProxy(t, { session_token: token })
  const told: string[] = []
  const note = ({ body }: { body: unknown }) => { told.push(JSON.stringify(body)) }
  const self = await node({ user_data: 'password-of-the-user' })
  for (const effect of [
    { reset: true },
    { html: true, status: 500 },
    { empty: true },
    { truncate: true },
    { hang: true }
  ] as const) {
    const rule = proxy.addRule({ ...effect })
    note(await api.get(nodes))
    note(await create({ user_data: 'password-of-the-user' }))
    rule.remove()
  }
  proxy.refuse('DescribeInstances', 'AuthFailure')
  note(await api.get(`${self}?include=extra`))
  note(await api.get('/api/v2/clouds/default'))
  proxy.clear()
  note(await api.get(`${self}?include=extra`))
  t.match(log(), /DescribeInstances/, 'there is a log')
  for (const text of [log(), told.join('\n')]) {
    t.notMatch(text, users.default.secret_access_key)
    t.notMatch(text, token)
    t.notMatch(text, /Signature=|AWS4-HMAC/)
    t.notMatch(text, 'password-of-the-user')
    t.notMatch(text, Buffer.from('password-of-the-user').toString('base64'))
  }
})
