import t, { type Test } from 'tap'
import { request } from 'undici'
import { bearer, createKey, grant } from './helper/callers.ts'
import { build, dummy, type BuildOptions } from './helper/app.ts'

const clouds = { prod: dummy({ nodes: 2 }), lab: dummy() }

async function start (t: Test, options: BuildOptions = {}) {
  const { app, api } = await build(t, { clouds, settings: { metrics: { port: 0 } }, ...options })
  const scrape = async (headers: Record<string, string> = {}) => {
    const { statusCode, headers: answered, body } = await request(app.metricsAddress!, { headers })
    return { status: statusCode, type: answered['content-type'], text: await body.text() }
  }
  /** Returns the value of a series, which is given as in the format of Prometheus. */
  const read = async (series: string) => {
    const { text } = await scrape()
    const line = text.split('\n').find((one) => one.startsWith(`${series} `))
    return line === undefined ? undefined : Number(line.slice(series.length + 1))
  }
  return { app, api, scrape, read }
}

t.test('without the setting there is no listener and no registry', async (t) => {
  const { app } = await build(t)
  t.equal(app.metricsAddress, undefined)
  t.equal(app.metricsRegistry, undefined)
})

t.test('requests are counted by method, route and status', async (t) => {
  const { api, read, scrape } = await start(t)
  await api.get('/api/v2/clouds/prod/nodes')
  await api.get('/api/v2/clouds/lab/nodes')
  await api.get('/api/v2/clouds/other/nodes')
  await api.get('/api/v2/nothing/here')
  await api.get('/api/v2/nothing/there')
  const count = 'orchestrator_http_request_duration_seconds_count'
  const route = 'route="/api/v2/clouds/:cloud/nodes"'
  t.equal(await read(`${count}{method="GET",${route},status="200"}`), 2)
  t.equal(await read(`${count}{method="GET",${route},status="404"}`), 1)
  t.equal(await read(`${count}{method="GET",route="none",status="404"}`), 2, 'unknown paths share one series')
  const { type, text } = await scrape()
  t.match(type, /^text\/plain; version=0\.0\.4/)
  t.match(text, /^nodejs_eventloop_lag_seconds /m, 'the event loop is measured')
  t.match(text, /^process_resident_memory_bytes /m, 'the process is measured')
})

t.test('calls to clouds are counted by cloud, method and outcome', async (t) => {
  const { api, read } = await start(t)
  await api.get('/api/v2/clouds/prod/nodes')
  await api.get('/api/v2/clouds/prod/nodes/node-00000000')
  const count = 'orchestrator_cloud_call_duration_seconds_count'
  t.equal(await read(`${count}{cloud="prod",method="nodes.list",outcome="ok"}`), 1)
  t.equal(await read(`${count}{cloud="prod",method="nodes.get",outcome="resource_not_found"}`), 1)
  t.equal(await read(`${count}{cloud="lab",method="check",outcome="ok"}`), 1, 'checks of the health count')
  t.equal(await read('orchestrator_cloud_up{cloud="lab"}'), 1)
  t.equal(await read('orchestrator_cloud_requests_in_flight{cloud="lab"}'), 0)
  t.equal(await read('orchestrator_cloud_requests_waiting{cloud="lab"}'), 0)
})

t.test('operations are counted while they run, with the age of the oldest, and when they end', async (t) => {
  const { api, read } = await start(t, { clouds: { prod: dummy({ delay: 60 }), lab: dummy() } })
  const node = { name: 'a', image_id: 'img-debian-12', size_id: 'dummy.small' }
  await api.post('/api/v2/clouds/prod/nodes', node)
  const running = '{cloud="prod",status="running",phase="waiting"}'
  t.equal(await read(`orchestrator_operations_under_way${running}`), 1)
  const age = await read(`orchestrator_operations_oldest_age_seconds${running}`)
  t.ok(age! >= 0 && age! < 60, 'the age is in seconds', { age })
  const { body: operation } = await api.post('/api/v2/clouds/lab/nodes', node)
  await api.ended(operation)
  t.equal(await read(`orchestrator_operations_under_way${running.replace('prod', 'lab')}`), undefined)
  const ended = 'orchestrator_operation_duration_seconds_count{cloud="lab",kind="nodes.create",status="succeeded"}'
  t.equal(await read(ended), 1)
})

t.test('a page whose name resolves to this server cannot read the metrics', async (t) => {
  const { scrape } = await start(t)
  t.equal((await scrape({ host: 'evil.example.org' })).status, 421)
  t.equal((await scrape({ host: 'localhost:9464' })).status, 200)
})

t.test('the API does not serve the metrics', async (t) => {
  const { api } = await start(t)
  t.equal((await api.get('/metrics')).status, 404)
})

t.test('on an address that others reach, the metrics need a key with the level admin on all clouds', async (t) => {
  const { app, scrape } = await start(t, {
    settings: { metrics: { host: '0.0.0.0', port: 0 }, auth: {}, trust_proxy: ['loopback'] }
  })
  const admin = await createKey(app, grant('admin', '*'))
  const others = [await createKey(app, grant('admin', 'prod')), await createKey(app, grant('manage', '*'))]
  t.match(await scrape(), { status: 401, text: /unauthenticated/ })
  t.match(await scrape(bearer('wrong')), { status: 401 })
  for (const { headers } of others) t.match(await scrape(headers), { status: 403, text: /permission_denied/ })
  t.match(await scrape(admin.headers), { status: 200, text: /^orchestrator_cloud_up/m })
})

t.test('the metrics refuse an address that others can reach', async (t) => {
  await t.rejects(build(t, { settings: { metrics: { host: '0.0.0.0' } } }), /metrics\.host: found "0\.0\.0\.0"/)
})
