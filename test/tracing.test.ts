import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import t, { type Test } from 'tap'
import { build, dummy, type BuildOptions } from './helper/app.ts'
import { startEucalyptus } from './labs/eucalyptus/index.ts'
import { startRackspace } from './labs/rackspace/index.ts'

interface Span {
  name: string
  kind: number
  traceId: string
  spanId: string
  parentSpanId?: string
  status: { code?: number }
  attributes: { key: string, value: { stringValue?: string, intValue?: number } }[]
}

const variables = [
  'OTEL_EXPORTER_OTLP_ENDPOINT', 'OTEL_EXPORTER_OTLP_PROTOCOL', 'OTEL_TRACES_EXPORTER', 'OTEL_SERVICE_NAME'
]

/** Starts a collector of OpenTelemetry that keeps what it receives, and sets the variables that name it. */
async function startCollector (t: Test, env: Record<string, string> = {}) {
  const spans: Span[] = []
  const services = new Set<string>()
  const server = createServer(async (request, response) => {
    let text = ''
    for await (const chunk of request) text += String(chunk)
    for (const { resource, scopeSpans } of JSON.parse(text).resourceSpans) {
      for (const { key, value } of resource.attributes) if (key === 'service.name') services.add(value.stringValue)
      for (const scope of scopeSpans) spans.push(...scope.spans)
    }
    response.setHeader('content-type', 'application/json').end('{}')
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  Object.assign(process.env, {
    OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}`, OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json', ...env
  })
  t.teardown(() => {
    for (const name of variables) delete process.env[name]
    server.close()
  })
  return { spans, services }
}

/** Starts a server that keeps the lines of its log. */
async function start (t: Test, options: BuildOptions = {}) {
  const lines: Record<string, unknown>[] = []
  const stream = { write: (line: string) => { lines.push(JSON.parse(line)) } }
  const { app, api } = await build(t, { ...options, logger: { level: 'info', stream } })
  return { app, api, lines }
}

const traceId = '0af7651916cd43dd8448eb211c80319c'
const traceparent = `00-${traceId}-b7ad6b7169203331-01`

t.test('without the variables of OpenTelemetry there are no traces', async (t) => {
  const { api, lines } = await start(t)
  await api.get('/api/v2/nodes', { traceparent })
  t.ok(lines.some(({ msg }) => msg === 'request'))
  t.notOk(lines.some((line) => 'trace_id' in line), 'no log line has the id of a trace')
})

t.test('a request continues the trace of its client, and each call to a cloud is a span below it', async (t) => {
  const { spans, services } = await startCollector(t)
  const fake = await startRackspace({ behaviour: { delay: 0 } })
  t.teardown(fake.close)
  const { app, api, lines } = await start(t, {
    clouds: {
      old: { driver: 'rackspace', auth_url: fake.url, username: fake.username, api_key: fake.apiKey, region: 'DFW' },
      lab: dummy()
    }
  })
  await api.get('/api/v2/clouds/old/sizes?limit=1', { traceparent })
  await api.get('/api/v2/clouds/lab/nodes/node-00000000?include=extra', { traceparent })
  await app.close()

  const own = spans.filter((span) => span.traceId === traceId)
  const request = own.find(({ name }) => name === 'GET /api/v2/clouds/:cloud/sizes')
  const call = own.find(({ name }) => name === 'old sizes.list')
  t.match(request, { kind: 2, parentSpanId: 'b7ad6b7169203331' }, 'the client made the parent of the request')
  t.match(call, { kind: 3, parentSpanId: request!.spanId }, 'the request is the parent of the call')
  const sent = fake.requests.flatMap(({ headers }) => headers['traceparent'] ?? [])
  t.ok(sent.includes(`00-${traceId}-${call!.spanId}-01`), 'the cloud receives the id of the call', { sent })

  const failed = own.find(({ name }) => name === 'lab nodes.get')
  t.match(failed, { status: { code: 2 } }, 'a call that fails is marked')
  t.ok(failed!.attributes.some(({ key, value }) => key === 'error.type' && value.stringValue === 'resource_not_found'))

  const line = lines.find(({ msg, path }) => msg === 'request' && path === '/api/v2/clouds/old/sizes')
  t.match(line, { trace_id: traceId, span_id: request!.spanId }, 'the log line names the span')
  t.same([...services], ['cloud-orchestrator'])
  const text = JSON.stringify(spans)
  t.notOk(text.includes(fake.apiKey) || text.includes('include=extra'), 'spans have no secret and no query')
})

for (const driver of ['ec2', 'eucalyptus']) {
  t.test(`calls of the driver ${driver} send traceparent, and their signature is accepted`, async (t) => {
    const { spans } = await startCollector(t)
    const fake = await startEucalyptus({ behaviour: { delay: 0 } })
    t.teardown(fake.close)
    const { host, port, path, region, url, accessKeyId: access_key_id, secretAccessKey: secret_access_key } = fake
    const place = driver === 'ec2' ? { endpoint: url } : { host, port, path, secure: false }
    const cloud = { driver, ...place, location: region, access_key_id, secret_access_key }
    const { app, api } = await start(t, { clouds: { old: cloud } })
    t.equal((await api.get('/api/v2/clouds/old/nodes', { traceparent })).status, 200)
    t.equal((await api.post('/api/v2/clouds/old/key-pairs', { name: 'k' }, { traceparent })).status, 201)
    await app.close()

    const ours = spans.filter((span) => span.traceId === traceId)
    for (const [action, name] of [
      ['DescribeInstances', 'old nodes.list'], ['CreateKeyPair', 'old key-pairs.create']
    ] as const) {
      const call = ours.find((span) => span.name.toLowerCase().replaceAll(/[-_]/g, '') === name.replaceAll('-', ''))
      const asked = fake.requests.find((one) => one.action === action)
      t.ok(call, `${name} has a span`, { spans: ours.map((span) => span.name) })
      t.match(asked, {
        status: 200, trace: { parent: `00-${traceId}-${call?.spanId}-01`, isSigned: false }
      }, `${action} names the span of its call`)
    }
  })
}

t.test('a traceparent that is not valid begins a new trace', async (t) => {
  await startCollector(t)
  const { api, lines } = await start(t)
  for (const wrong of ['', 'x', traceparent.toUpperCase(), `00-${'0'.repeat(32)}-b7ad6b7169203331-01`]) {
    lines.length = 0
    t.equal((await api.get('/api/v2/drivers', { traceparent: wrong })).status, 200)
    const { trace_id: found } = lines.find(({ msg }) => msg === 'request')!
    t.match(found, /^[0-9a-f]{32}$/)
    t.not(found, traceId)
  }
})

t.test('a variable with a value that is not supported ends the start with its name', async (t) => {
  await startCollector(t, { OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' })
  await t.rejects(build(t), /OTEL_EXPORTER_OTLP_PROTOCOL is grpc; expected http\/protobuf or http\/json/)
})
