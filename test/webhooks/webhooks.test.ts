import { execFileSync } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'
import { Webhook } from 'standardwebhooks'
import t from 'tap'
import { build, makeDirectory } from '../helper/app.ts'
import { createKey, grant } from '../helper/callers.ts'
import { startReceiver } from './receiver.ts'
import { create, ended, input, open, readDeliveries, until, wait } from './setup.ts'

t.test('an event is sent with a signature that the receiver verifies', async (t) => {
  const receiver = await startReceiver(t)
  const { api } = await open(t)
  const filter = { clouds: ['lab'], types: ['operation.ended'] }
  const webhook = await create(api, { url: `${receiver.url}/hook`, filter })
  const { secret } = webhook.secrets
  t.match(secret, /^whsec_/)
  t.notOk('secrets' in (await api.get(webhook.self)).body, 'the secret is shown once')
  await api.post('/api/v2/clouds/prod/nodes', input, wait)
  const { body: operation } = await api.post('/api/v2/clouds/lab/nodes', input, wait)
  const { headers, text, body, path } = await receiver.until(() => true)
  t.equal(path, '/hook')
  t.match(body, {
    type: 'operation.ended',
    cloud: 'lab',
    resource: operation.self,
    data: { id: operation.id, status: 'succeeded' }
  })
  t.equal(headers['webhook-id'], body.id)
  t.equal(headers['content-type'], 'application/json')
  t.match(headers['user-agent'], /^cloud-orchestrator\//)
  t.same(new Webhook(secret).verify(text, headers as Record<string, string>), body, 'standardwebhooks accepts it')
  t.throws(() => new Webhook(secret).verify(`${text} `, headers as Record<string, string>), 'but no other body')

  const key = Buffer.from(secret.replace('whsec_', ''), 'base64').toString('hex')
  const signed = `${headers['webhook-id']}.${headers['webhook-timestamp']}.${text}`
  const options = ['-mac', 'HMAC', '-macopt', `hexkey:${key}`]
  const mac = execFileSync('openssl', ['dgst', '-sha256', ...options, '-binary'], { input: signed })
  t.equal(headers['webhook-signature'], `v1,${mac.toString('base64')}`, 'and so does openssl')

  const [delivery, ...others] = await until(() => readDeliveries(api, webhook), ended)
  t.same(others, [], 'no event of another cloud or type')
  t.match(delivery, { event_id: body.id, status: 'succeeded', attempts: [{ status: 204, error: null }] })
  t.match(await api.get(delivery.self), { status: 200, body: delivery })
})

t.test('a CloudEvent has its own media type and envelope', async (t) => {
  const receiver = await startReceiver(t)
  const { api } = await open(t, { webhooks: { source: 'https://clouds.example.org/api/v2' } })
  await create(api, { url: receiver.url, format: 'cloudevents', filter: { types: ['node.created'] } })
  await api.post('/api/v2/clouds/lab/nodes', input, wait)
  const { headers, body } = await receiver.until(() => true)
  t.equal(headers['content-type'], 'application/cloudevents+json')
  t.match(body, {
    specversion: '1.0',
    type: 'cloud-orchestrator.node.created',
    source: 'https://clouds.example.org/api/v2',
    cloud: 'lab'
  })
})

t.test('a delivery that fails is sent again with the same id until it succeeds, and no body is kept', async (t) => {
  const statuses = [500, 302, 503, 200]
  const other = await startReceiver(t)
  const receiver = await startReceiver(t, (_received, _request, response) =>
    response.writeHead(statuses.shift()!, { location: other.url }).end('SECRET-OF-RECEIVER'))
  const { app, api } = await open(t)
  const webhook = await create(api, { url: receiver.url })
  t.match(await api.post(`${webhook.self}/actions/test`), {
    status: 202, body: { type: 'webhook.test', status: 'pending' }
  })
  const [tested] = await until(() => readDeliveries(api, webhook), ended)
  t.match(tested, { status: 'failed', attempts: [{ status: 500, error: 'status' }] }, 'a test is sent once')

  await api.patch(webhook.self, { filter: { types: ['operation.ended'] } })
  await api.post('/api/v2/clouds/lab/nodes', input, wait)
  const [delivery] = await until(() => readDeliveries(api, webhook), (items) => items.length === 2 && ended(items))
  t.match(delivery, {
    status: 'succeeded',
    attempts: [
      { status: 302, error: 'status', detail: 'The receiver answered 302.' },
      { status: 503 },
      { status: 200, error: null }
    ]
  })
  t.equal(new Set(receiver.received.slice(1).map(({ headers }) => headers['webhook-id'])).size, 1)
  t.same(other.received, [], 'a redirect is not followed')
  const rows = await app.store.selectFrom('webhook_deliveries').selectAll().execute()
  t.notMatch(JSON.stringify(rows), /SECRET-OF-RECEIVER/)

  statuses.push(200)
  t.match(await api.post(`${delivery.self}/actions/redeliver`), { status: 202, body: { status: 'pending' } })
  await until(() => api.get(delivery.self), ({ body }) => body.attempts.length === 4)
})

t.test('a delivery is given up after the time of the settings', async (t) => {
  const receiver = await startReceiver(t, (_received, _request, response) => response.writeHead(500).end())
  const { api } = await open(t, { webhooks: { retry_hours: 1 / 3600 } })
  const webhook = await create(api, { url: receiver.url, filter: { types: ['operation.ended'] } })
  await api.post('/api/v2/clouds/lab/nodes', input, wait)
  const [delivery] = await until(() => readDeliveries(api, webhook), ended)
  t.equal(delivery.status, 'failed')
  t.ok(delivery.attempts.length >= 2)
})

t.test('a receiver that answers 410 gets no more until the webhook is resumed', async (t) => {
  const statuses = [410]
  const receiver = await startReceiver(t, (_received, _request, response) =>
    response.writeHead(statuses.shift() ?? 200).end())
  const { api } = await open(t)
  const webhook = await create(api, { url: receiver.url, filter: { types: ['operation.ended'] } })
  await api.post('/api/v2/clouds/lab/nodes', input, wait)
  await until(() => api.get(webhook.self), ({ body }) => body.paused_reason === 'gone')
  await api.post('/api/v2/clouds/lab/nodes', { ...input, name: 'paused' }, wait)
  t.match(await api.patch(webhook.self, { enabled: true }), { body: { state: 'active', paused_reason: null } })
  const { body: last } = await api.post('/api/v2/clouds/lab/nodes', { ...input, name: 'last' }, wait)
  await receiver.until(({ body }) => body.data.id === last.id)
  const isPaused = ({ body }: typeof receiver.received[number]) => body.data.resource?.name === 'paused'
  t.notOk(receiver.received.some(isPaused), 'events of the pause are not sent')
})

t.test('a receiver that does not answer delays no other', async (t) => {
  const slow = await startReceiver(t, () => {})
  const fast = await startReceiver(t)
  const { api } = await open(t, { webhooks: { timeout_seconds: 1 } })
  const hanging = await create(api, { url: slow.url, filter: { types: ['operation.*'] } })
  await create(api, { url: fast.url, filter: { types: ['operation.ended'] } })
  const started = performance.now()
  await api.post('/api/v2/clouds/lab/nodes', input, wait)
  await fast.until(() => true)
  t.ok(performance.now() - started < 5000)
  const [delivery] = await until(() => readDeliveries(api, hanging), ([one]) => one?.attempts.length > 0)
  t.match(delivery.attempts, [{ status: null, error: 'timeout', detail: 'The receiver did not answer within 1 s.' }])
})

t.test('the owner needs manage on each cloud of the filter, and loses the webhook with it', async (t) => {
  const receiver = await startReceiver(t)
  const { app, api } = await open(t, { auth: {} })
  const admin = await createKey(app, grant('admin', '*'))
  const owner = await createKey(app, grant('manage', 'lab'))
  const reader = await createKey(app, grant('read', '*'))
  const body = { url: receiver.url, filter: { clouds: ['lab'], types: ['operation.ended'] } }
  for (const [filter, headers] of [
    [{ clouds: ['lab', 'prod'] }, owner.headers], [{}, owner.headers], [{ clouds: ['lab'] }, reader.headers]
  ] as const) {
    t.match(await api.post('/api/v2/webhooks', { ...body, filter }, headers), {
      status: 403, body: { code: 'permission_denied' }
    })
  }
  const webhook = await create(api, body, owner.headers)
  t.match(webhook.owner, { kind: 'key', id: owner.id })
  t.equal((await api.get(webhook.self, reader.headers)).status, 404, 'another caller does not see it')
  t.same((await api.get('/api/v2/webhooks', reader.headers)).body.items, [])
  t.equal((await api.get('/api/v2/webhooks', admin.headers)).body.items.length, 1)
  t.match(await api.patch(webhook.self, { filter: { clouds: ['prod'] } }, owner.headers), { status: 403 })

  await api.post('/api/v2/clouds/lab/nodes', input, { ...admin.headers, ...wait })
  const { body: event } = await receiver.until(() => true)
  t.equal(event.cloud, 'lab')
  await until(() => readDeliveries(api, webhook, owner.headers), ended)

  const grants = JSON.stringify([grant('read', 'lab')])
  await app.store.updateTable('api_keys').set({ grants }).where('id', '=', owner.id).execute()
  await api.post('/api/v2/clouds/lab/nodes', { ...input, name: 'later' }, { ...admin.headers, ...wait })
  const paused = await until(() => api.get(webhook.self, admin.headers), ({ body }) => body.state === 'paused')
  t.equal(paused.body.paused_reason, 'permission_lost')
  t.equal(receiver.received.length, 1, 'nothing is sent without the permission')
})

t.test('a URL that is not safe is refused', async (t) => {
  const { api } = await build(t)
  const refused = {
    'http://hooks.example.org/': /https/,
    'https://user:pass@hooks.example.org/': /user or a password/,
    'https://hooks.example.org/#part': /fragment/,
    'ftp://hooks.example.org/': /https/,
    'hooks.example.org': /URL/
  }
  for (const [url, message] of Object.entries(refused)) {
    const answer = await api.post('/api/v2/webhooks', { url })
    t.match(answer, { status: 422, body: { errors: [{ pointer: '/url', message }] } }, url)
    t.notMatch(JSON.stringify(answer.body), /user:pass/)
  }
  for (const host of [
    '127.0.0.1', '2130706433', '0x7f.1', '10.0.0.1', '172.16.0.1', '192.168.1.1', '169.254.169.254', '100.64.0.1',
    '224.0.0.1', '0.0.0.0', '255.255.255.255', '[::1]', '[::]', '[::ffff:127.0.0.1]', '[64:ff9b::7f00:1]',
    '[2002:7f00:1::]', '[fd00::1]', '[fe80::1]', '[ff02::1]'
  ]) {
    t.match(await api.post('/api/v2/webhooks', { url: `https://${host}/` }),
      { status: 422, body: { errors: [{ message: /public address/ }] } }, host)
  }
  for (const host of ['8.8.8.8', '[2606:4700::1111]', 'hooks.example.org']) {
    t.equal((await api.post('/api/v2/webhooks', { url: `https://${host}/`, enabled: false })).status, 201, host)
  }
  t.match(await api.post('/api/v2/webhooks', { url: 'https://hooks.example.org/', filter: { types: ['nothing.*'] } }),
    { status: 422, body: { errors: [{ pointer: '/filter/types/0' }] } })
})

t.test('the address that a name has when it is connected to is checked', async (t) => {
  const receiver = await startReceiver(t)
  const { api } = await open(t, { webhooks: { allow_addresses: [] } })
  const webhook = await create(api, { url: receiver.url.replace('127.0.0.1', 'localhost') })
  await api.post(`${webhook.self}/actions/test`)
  const [delivery] = await until(() => readDeliveries(api, webhook), ended)
  t.match(delivery, { status: 'failed', attempts: [{ status: null, error: 'address_refused' }] })
  t.same(receiver.received, [])
})

t.test('no event is lost when the server stops between the event and its delivery', async (t) => {
  const receiver = await startReceiver(t)
  const directory = makeDirectory(t)
  const first = await open(t, {}, { directory })
  const webhook = await create(first.api, { url: receiver.url, filter: { types: ['operation.ended'] } })
  // As if the server had died before its webhook was handled.
  const { position } = await first.app.store.selectFrom('webhooks').select('position').executeTakeFirstOrThrow()
  const { body: operation } = await first.api.post('/api/v2/clouds/lab/nodes', input, wait)
  await receiver.until(() => true)
  await until(() => readDeliveries(first.api, webhook), ended)
  await first.app.store.deleteFrom('webhook_deliveries').execute()
  await first.app.store.updateTable('webhooks').set({ position }).execute()
  await first.app.close()
  receiver.received.length = 0
  await open(t, {}, { directory })
  const { body } = await receiver.until(() => true)
  t.equal(body.data.id, operation.id)
})

t.test('a webhook of the settings sends, is shown to administrators, and is not changed by the API', async (t) => {
  const receiver = await startReceiver(t)
  const secret = `whsec_${Buffer.alloc(24, 7).toString('base64')}`
  const subscriptions = [{ name: 'portal', url: receiver.url, secret, types: ['operation.ended'] }]
  const { app, api, directory } = await open(t, { auth: {}, webhooks: { subscriptions } })
  const admin = await createKey(app, grant('admin', '*'))
  const manager = await createKey(app, grant('manage', '*'))
  const { body: { items: [webhook] } } = await api.get('/api/v2/webhooks', admin.headers)
  t.match(webhook, { url: receiver.url, origin: 'settings', owner: null, state: 'active' })
  t.same((await api.get('/api/v2/webhooks', manager.headers)).body.items, [])
  t.match(await api.delete(webhook.self, admin.headers), { status: 403, body: { hint: /settings/ } })
  await api.post('/api/v2/clouds/lab/nodes', input, { ...admin.headers, ...wait })
  const { text, headers } = await receiver.until(() => true)
  t.ok(new Webhook(secret).verify(text, headers as Record<string, string>))
  await app.close()
  const again = await open(t, { auth: {} }, { directory })
  t.same((await again.api.get('/api/v2/webhooks', admin.headers)).body.items, [], 'it ends with its setting')
})

t.test('a webhook that is deleted sends nothing, and its secret is in no answer, log or audit', async (t) => {
  const lines: string[] = []
  const logger = { level: 'debug', stream: { write (line: string) { lines.push(line) } } }
  const receiver = await startReceiver(t, (_received, _request, response) => response.writeHead(500).end())
  const { api } = await open(t, { audit: {} }, { logger })
  const secret = `whsec_${Buffer.alloc(24, 9).toString('base64')}`
  const webhook = await create(api, { url: receiver.url, secret, filter: { types: ['operation.ended'] } })
  await api.post('/api/v2/clouds/lab/nodes', input, wait)
  await until(() => readDeliveries(api, webhook), ([one]) => one?.attempts.length > 0)
  const shown = [
    await api.get(webhook.self), await api.get('/api/v2/webhooks'), await api.get('/api/v2/audit'),
    await api.patch(webhook.self, { secret: secret.replaceAll('C', 'D') })
  ]
  t.equal((await api.delete(webhook.self)).status, 204)
  t.equal((await api.get(webhook.self)).status, 404)
  t.notMatch(JSON.stringify([shown, lines]), secret.slice(6, 30))
  const sent = receiver.received.length
  await sleep(500)
  t.ok(receiver.received.length <= sent + 1)
})
