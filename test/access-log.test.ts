import { once } from 'node:events'
import { mkdirSync, readdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs'
import http from 'node:http'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { request } from 'undici'
import { createApp } from '../app.ts'
import { loadServer } from '../config/index.ts'
import type { AccessFormat } from '../plugins/access-log/format.ts'
import { run, serve, start as startProcess } from './fixtures/process.ts'
import { dummy, makeDirectory } from './helper/app.ts'

const input = { name: 'web', image_id: 'img-debian-12', size_id: 'dummy.small' }

/** Starts a server in this process whose access log is an array. `next` resolves to the line of the next request. */
async function start (t: Test, format: AccessFormat, own: object = {}) {
  const directory = makeDirectory(t)
  const config = path.join(directory, 'orchestrator.json')
  writeFileSync(config, JSON.stringify({ ...own, clouds: { default: dummy({ delay: 20 }) } }))
  const lines: string[] = []
  const { settings, drivers } = await loadServer({ config, env: {}, cwd: directory })
  const app = createApp({ settings, drivers, accessLog: { format, output: { write: (line) => lines.push(line) } } })
  t.teardown(() => app.close())
  const url = await app.listen({ host: '127.0.0.1', port: 0 })
  const next = async () => {
    while (lines.length === 0) await sleep(2)
    return lines.shift()!
  }
  const get = async (at: string, headers: Record<string, string> = {}) => {
    const { body } = await request(url + at, { headers })
    const text = await body.text()
    return { text, line: await next() }
  }
  return { url, get, next }
}

t.test('the combined format is that of Apache and nginx, without queries and credentials', async (t) => {
  const { get } = await start(t, 'combined')
  const { text, line } = await get('/api/v2/clouds/default/nodes?name=secret-0', {
    authorization: 'Bearer secret-1', 'user-agent': 'curl/8 "x"\\é', referer: 'http://u:secret-2@page.test/a?t=secret-3'
  })
  const bytes = Buffer.byteLength(text)
  t.match(line, new RegExp(
    '^127\\.0\\.0\\.1 - - \\[\\d\\d/[A-Z][a-z]{2}/\\d{4}:\\d\\d:\\d\\d:\\d\\d \\+0000\\] ' +
    `"GET /api/v2/clouds/default/nodes HTTP/1\\.1" 200 ${bytes} ` +
    '"http://page\\.test/a" "curl/8 \\\\"x\\\\"\\\\\\\\\\\\xe9"\n$'))
  t.notMatch(line, /secret/)
})

t.test('the JSON format has the same, the time that it took, and the id of the request', async (t) => {
  const { get } = await start(t, 'json')
  const { line } = await get('/nowhere?token=secret', { 'x-request-id': 'my-id' })
  t.match(JSON.parse(line), {
    time: /^\d{4}-\d\d-\d\dT[\d:.]+Z$/,
    client: '127.0.0.1',
    user: null,
    method: 'GET',
    path: '/nowhere',
    version: '1.1',
    status: 404,
    bytes: Number,
    ms: Number,
    referer: null,
    user_agent: null,
    request_id: 'my-id'
  })
  t.notMatch(line, /secret/)
})

t.test('a request that no route can take has a line as well', async (t) => {
  const { url, next } = await start(t, 'json')
  const { hostname, port } = new URL(url)
  http.get({ hostname, port, path: '/%zz', agent: false }, (answer) => answer.resume())
  t.match(JSON.parse(await next()), { path: '/%zz', status: 400 })
})

t.test('a client that leaves before the answer has status 499', async (t) => {
  const { url, next } = await start(t, 'json')
  const controller = new AbortController()
  const waiting = fetch(`${url}/api/v2/clouds/default/nodes`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', prefer: 'wait=30' },
    body: JSON.stringify(input),
    signal: controller.signal
  })
  while ((await (await fetch(`${url}/api/v2/operations`)).json() as any).items.length === 0) await next()
  controller.abort()
  await waiting.catch(() => {})
  let line = JSON.parse(await next())
  while (line.method !== 'POST') line = JSON.parse(await next())
  t.match(line, { method: 'POST', status: 499, bytes: null })
})

t.test('the address of the client comes from a trusted proxy only', async (t) => {
  const headers = { 'x-forwarded-for': '203.0.113.9, 192.0.2.7' }
  const direct = await start(t, 'combined')
  t.match((await direct.get('/health/live', headers)).line, /^127\.0\.0\.1 /)
  const behind = await start(t, 'combined', { trust_proxy: ['loopback'] })
  const { line } = await behind.get('/health/live', headers)
  t.match(line, /^192\.0\.2\.7 /, 'a client cannot add addresses before its own')
})

t.test('a caller has its name in the log', async (t) => {
  const directory = makeDirectory(t)
  writeFileSync(path.join(directory, 'orchestrator.json'), JSON.stringify({
    port: 0, auth: {}, store: { file: 'store.db' }, clouds: { default: dummy() }
  }))
  const { stdout: key } = await run(t, ['keys', 'create', 'team-a', '--grant', 'read:*'], { cwd: directory })
  const server = await serve(t, ['serve', '--access-log', 'access.log'], { cwd: directory })
  const { body } = await request(`${server.url}/api/v2/clouds`, { headers: { authorization: `Bearer ${key.trim()}` } })
  await body.dump()
  server.child.kill('SIGTERM')
  await server.ended
  const log = readFileSync(path.join(directory, 'access.log'), 'utf8')
  t.match(log, / - team-a \[.*"GET \/api\/v2\/clouds HTTP\/1\.1" 200 /)
  t.notMatch(log, key.trim())
})

t.test('under load, files that are renamed and opened again on SIGHUP have each request once', async (t) => {
  const directory = makeDirectory(t)
  writeFileSync(path.join(directory, 'orchestrator.json'), JSON.stringify({ port: 0, clouds: { default: dummy() } }))
  const logs = ['--access-log', 'access.log', '--access-log-format', 'json', '--error-log', 'error.log']
  const server = await serve(t, ['serve', ...logs], { cwd: directory })
  const access = path.join(directory, 'access.log')
  const perWorker = 250
  const load = { isRunning: true }
  const sent = Promise.all(Array.from({ length: 8 }, async (_, worker) => {
    for (let i = 0; i < perWorker; i++) {
      const { body } = await request(`${server.url}/health/live`, { headers: { 'x-request-id': `${worker}-${i}` } })
      await body.dump()
    }
  })).finally(() => { load.isRunning = false })
  let rotations = 0
  while (load.isRunning) {
    if (statSync(access, { throwIfNoEntry: false }) === undefined) {
      await sleep(1)
      continue
    }
    renameSync(access, `${access}.${++rotations}`)
    server.child.kill('SIGHUP')
    await sleep(10)
  }
  await sent
  t.ok(rotations > 2, `rotated ${rotations} times`)
  server.child.kill('SIGTERM')
  t.equal(await server.ended, 0)
  const lines = readdirSync(directory).filter((name) => name.startsWith('access.log'))
    .flatMap((name) => readFileSync(path.join(directory, name), 'utf8').split('\n').slice(0, -1))
  const ids = lines.map((line) => JSON.parse(line).request_id as string)
  t.equal(ids.length, 8 * perWorker)
  t.equal(new Set(ids).size, 8 * perWorker)
  const error = readFileSync(path.join(directory, 'error.log'), 'utf8')
  t.match(error, /"msg":"listening on http/)
  t.notMatch(error, /"msg":"request"/, 'requests are in one log only')
})

t.test('a log in a folder that is gone keeps its file, and says so', async (t) => {
  const directory = makeDirectory(t)
  writeFileSync(path.join(directory, 'orchestrator.json'), JSON.stringify({ port: 0, clouds: { default: dummy() } }))
  mkdirSync(path.join(directory, 'logs'))
  const server = await serve(t, ['--access-log', 'logs/access.log', '--error-log', '-'], { cwd: directory })
  renameSync(path.join(directory, 'logs'), path.join(directory, 'moved'))
  server.child.kill('SIGHUP')
  while (!server.out.stderr.includes('cannot be opened again')) await once(server.child.stderr!, 'data')
  t.match(server.out.stderr, /"msg":"The log logs\/access\.log cannot be opened again: ENOENT.*stays in use"/)
  await (await request(`${server.url}/health/live`)).body.dump()
  mkdirSync(path.join(directory, 'logs'))
  server.child.kill('SIGHUP')
  while (statSync(path.join(directory, 'logs/access.log'), { throwIfNoEntry: false }) === undefined) await sleep(5)
  server.child.kill('SIGTERM')
  t.equal(await server.ended, 0)
  t.match(readFileSync(path.join(directory, 'moved/access.log'), 'utf8'), /"GET \/health\/live HTTP\/1\.1" 200/)
})

t.test('with -, requests go to stdout and the server’s log to stderr', async (t) => {
  const directory = makeDirectory(t)
  writeFileSync(path.join(directory, 'orchestrator.json'), JSON.stringify({ port: 0, clouds: { default: dummy() } }))
  const server = startProcess(t, ['--access-log', '-', '--error-log', '-'], { cwd: directory })
  while (!server.out.stderr.includes('listening on')) await once(server.child.stderr!, 'data')
  const [, url] = /listening on (http:[^"]+)"/.exec(server.out.stderr)!
  await (await request(`${url}/health/live`)).body.dump()
  server.child.kill('SIGTERM')
  t.equal(await server.ended, 0)
  t.match(server.out.stdout, /^127\.0\.0\.1 - - \[.*\] "GET \/health\/live HTTP\/1\.1" 200 \d+ "-" "-"\n$/)
})

t.test('options of the logs that cannot be used name what is expected', async (t) => {
  const directory = makeDirectory(t)
  const said = async (...args: string[]) => {
    const { code, stderr } = await run(t, args, { cwd: directory })
    t.equal(code, 1, args.join(' '))
    return stderr.split('\n')[0]
  }
  t.match(await said('--access-log', 'no/such/folder.log'),
    /^The log no\/such\/folder\.log cannot be opened: ENOENT.*Name a file in a folder that exists/)
  t.equal(await said('--access-log', '-', '--access-log-format', 'xml'),
    'The log format "xml" is unknown; --access-log-format is combined or json')
  t.equal(await said('--error-log', ''), 'The log of --error-log has no name; expected the path of a file, or -')
  t.equal(await said('check', '--access-log', '-'), '--access-log is an option of serve.')
})
