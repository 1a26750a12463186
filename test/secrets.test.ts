import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { text } from 'node:stream/consumers'
import t, { type Test } from 'tap'
import { run, serve } from './fixtures/process.ts'
import { root } from './helper/app.ts'
import { readStoreContent } from './helper/database.ts'
import { startEucalyptus } from './labs/eucalyptus/index.ts'
import { startRackspace } from './labs/rackspace/index.ts'

const secrets = {
  openstack: 'openstack "pass" /word+1',
  application: 'application-credential-secret-2',
  ec2: 'ec2/secret+key=3',
  session: 'ec2-session-token-4',
  eucalyptus: 'euca/secret+key-5',
  rackspace: 'rackspace-api-key-6',
  echoed: 'rackspace-api-key-echoed-7',
  process: 'token-of-the-process-8',
  password: 'password of a user 9',
  wrong: 'wrong password of a user 10'
}

/** The forms in which a secret may appear. */
const formsOf = (secret: string) => [
  secret,
  JSON.stringify(secret).slice(1, -1),
  encodeURIComponent(secret),
  new URLSearchParams([['', secret]]).toString().slice(1),
  Buffer.from(secret).toString('base64')
]

/** A cloud of any kind that fails, and repeats in its answer all that it received. */
async function startEcho (t: Test) {
  let count = 0
  const server = createServer(async (request, answer) => {
    const message = `${request.url} ${JSON.stringify(request.headers)} ${await text(request)}`
    const status = [500, 401, 403, 400][count++ % 4]!
    const id = message.slice(0, 500).replaceAll(/[^ -~]/g, '')
    answer.writeHead(status, { 'content-type': 'application/json', 'x-request-id': id })
    answer.end(JSON.stringify({ error: { code: status, title: 'Echo', message }, [message]: message }))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked: () => count }
}

/** Starts the server as a process with clouds of all kinds, each with secrets. Some of them fail. */
async function start (t: Test) {
  const cwd = mkdtempSync(path.join(tmpdir(), 'orchestrator-'))
  t.teardown(() => rmSync(cwd, { recursive: true }))
  const echo = await startEcho(t)
  const euca = await startEucalyptus({ behaviour: { delay: 0 }, secretAccessKey: secrets.eucalyptus })
  const rackspace = await startRackspace({ behaviour: { delay: 0 }, account: { apiKey: secrets.rackspace } })
  for (const { close } of [euca, rackspace]) t.teardown(close)
  const dead = 'http://127.0.0.1:9'
  const amazon = {
    driver: 'ec2',
    location: 'eu-west-1',
    access_key_id: 'AKIASECRETS',
    secret_access_key: secrets.ec2,
    session_token: secrets.session
  }
  const fromEnvironment = '$' + '{OS_PASSWORD}'
  const openstack = { username: 'me', password: fromEnvironment, project_name: 'p' }
  const application = { application_credential_id: 'id', application_credential_secret: secrets.application }
  const old = { driver: 'rackspace', username: rackspace.username, region: 'DFW' }
  const clouds = {
    dummy: { driver: 'dummy', delay: 0, nodes: 1, state_file: null },
    keystone: { driver: 'openstack', timeout: 2, auth: { auth_url: echo.url, ...openstack } },
    'keystone-dead': { driver: 'openstack', timeout: 1, auth: { auth_url: dead, ...openstack } },
    application: {
      driver: 'openstack',
      timeout: 2,
      auth_type: 'v3applicationcredential',
      auth: { auth_url: echo.url, ...application }
    },
    amazon: { ...amazon, timeout: 2, endpoint: echo.url },
    'amazon-dead': { ...amazon, timeout: 1, endpoint: dead },
    euca: {
      driver: 'eucalyptus',
      host: euca.host,
      port: euca.port,
      path: euca.path,
      secure: false,
      location: euca.region,
      access_key_id: euca.accessKeyId,
      secret_access_key: secrets.eucalyptus
    },
    rackspace: { ...old, auth_url: rackspace.url, api_key: 'file:rackspace.key' },
    'rackspace-echo': { ...old, auth_url: `${echo.url}/v2.0`, api_key: secrets.echoed, timeout: 2 },
    child: {
      driver: 'process',
      command: [process.execPath, path.join(root, 'dist/test/fixtures/process-driver.js')],
      settings: { secret_token: secrets.process }
    }
  }
  writeFileSync(path.join(cwd, 'rackspace.key'), `${secrets.rackspace}\n`, { mode: 0o600 })
  writeFileSync(path.join(cwd, 'orchestrator.json'), JSON.stringify({
    port: 0, log_level: 'trace', auth: {}, audit: { file: 'audit.jsonl' }, metrics: { port: 0 }, clouds
  }))
  const env = { OS_PASSWORD: secrets.openstack }
  const server = await serve(t, [], { cwd, env })
  return { cwd, env, server, clouds: Object.keys(clouds), echo }
}

t.test('no secret is in the log at trace level, the store, audit, metrics, an answer or a problem', async (t) => {
  const { cwd, env, server, clouds, echo } = await start(t)
  const { stdout } = await run(t, ['keys', 'create', 'root', '--grant', 'admin:*'], { cwd, env })
  const key = stdout.trim()
  t.match(key, /^orch_/)
  const created = await run(t, ['users', 'create', 'ada', '--grant', 'read:*'], {
    cwd, env, input: `${secrets.password}\n`
  })
  t.equal(created.code, 0)

  const answers: string[] = []
  const statuses = new Set<number>()
  const send = async (method: string, url: string, body?: unknown, headers: Record<string, string> = {}) => {
    const answer = await fetch(server.url + url, {
      method,
      headers: {
        authorization: `Bearer ${key}`,
        ...body !== undefined && { 'content-type': 'application/json' },
        ...headers
      },
      ...body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }
    })
    statuses.add(answer.status)
    const answered = await answer.text()
    const sent = JSON.stringify([...answer.headers])
    answers.push(`${method} ${url.split('?', 1)[0]} ${answer.status} ${sent} ${answered}`)
    return answered
  }
  const input = { name: 'web', image_id: 'ami-00000001', size_id: '1' }
  await Promise.all(clouds.map(async (cloud) => {
    const base = `/api/v2/clouds/${cloud}`
    for (const list of ['nodes', 'images', 'sizes', 'locations', 'networks', 'volumes', 'key-pairs', 'quotas']) {
      await send('GET', `${base}/${list}`)
    }
    await send('GET', `${base}?check=true`)
    await send('GET', `${base}/nodes/nowhere?include=extra`)
    await send('POST', `${base}/nodes`, input, { prefer: 'wait=2', 'idempotency-key': 'one' })
    await send('POST', `${base}/nodes/nowhere/actions/stop`, {})
    await send('POST', `${base}/nodes`, '{"name":')
    await send('POST', `${base}/refresh`)
  }))
  for (const url of [
    'nodes', 'clouds', 'operations', 'summary', 'keys', 'audit?limit=1000', 'drivers', 'me', 'nowhere'
  ]) {
    await send('GET', `/api/v2/${url}`)
  }
  const grants = [{ clouds: ['*'], level: 'read' }]
  const second = JSON.parse(await send('POST', '/api/v2/keys', { name: 'second', grants })) as {
    secrets: { key: string }
  }
  answers.pop()
  const signIn = async (password: string) =>
    JSON.parse(await send('POST', '/api/v1/auth', { username: 'ada', password })) as { token: string }
  const { token } = await signIn(secrets.password)
  answers.pop()
  await signIn(secrets.wrong)
  await send('GET', '/api/v1/nodes/dummy', undefined, { 'x-auth-token': token })
  await send('GET', `/api/v1/nodes?auth_token=${token}`)
  for (const wrong of [`${key}0`, 'orch_a-wrong-key', secrets.openstack]) {
    await send('GET', '/api/v2/me', undefined, { authorization: `Bearer ${wrong}` })
  }
  const address = /"address":"(http:[^"]+\/metrics)"/.exec(server.out.stdout)?.[1]
  const metrics = await (await fetch(address!)).text()
  t.match(metrics, 'cloud_up')

  t.ok(echo.asked() > 10, 'the failing clouds were asked, and have repeated what they got', { asked: echo.asked() })
  t.match([...statuses].sort(), [200, 201], 'there are answers')
  for (const status of [400, 401, 404, 502]) t.ok(statuses.has(status), `and problems of ${status}`)

  server.child.kill('SIGTERM')
  await server.ended
  const store = readStoreContent(cwd)
  t.match(store, 'nodes.create')
  const places = {
    log: server.out.stdout + server.out.stderr,
    store,
    audit: readFileSync(path.join(cwd, 'audit.jsonl'), 'utf8'),
    metrics,
    answers: answers.join('\n')
  }
  t.ok(places.log.includes('"level":20'), 'the log has more than its usual lines')
  const searched = { ...secrets, key, second: second.secrets.key, token, random: 'orch_a-wrong-key' }
  const search = ([place, content]: [string, string]) => Object.entries(searched).flatMap(([name, secret]) =>
    formsOf(secret).filter((form) => content.includes(form)).map((form) => {
      const at = content.indexOf(form)
      return `${place} has ${name}: ${content.slice(Math.max(0, at - 150), at + form.length + 20)}`
    }))
  const found = Object.entries(places).flatMap(search)
  t.same(found, [])
})
