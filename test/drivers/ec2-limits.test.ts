import { readdirSync, readFileSync } from 'node:fs'
import http, { type ServerResponse } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import path from 'node:path'
import { Writable } from 'node:stream'
import t, { type Test } from 'tap'
import { build, dummy } from '../helper/app.ts'
import { refusal } from '../labs/ec2/behaviour.ts'

const nodes = '/api/v2/clouds/default/nodes'
const key = { access_key_id: 'AKIALIMITS', secret_access_key: 'secret/of+the key' }
const role = { accessKeyId: 'ASIAROLE', secretAccessKey: 'secret/of+the role', sessionToken: 'token+of/the=role' }

type Answer = (action: string, headers: http.IncomingHttpHeaders, res: ServerResponse) => void

const assumed = `<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult><Credentials>
  <AccessKeyId>${role.accessKeyId}</AccessKeyId><SecretAccessKey>${role.secretAccessKey}</SecretAccessKey>
  <SessionToken>${role.sessionToken}</SessionToken><Expiration>2100-01-01T00:00:00Z</Expiration>
  </Credentials></AssumeRoleResult></AssumeRoleResponse>`

/** Starts a cloud and its service for roles that answer as `answer` says, and a server with a role at this cloud. */
async function start (t: Test, answer: Answer, settings: object = {}) {
  const cloud = http.createServer(async (req, res) => {
    res.on('error', () => {})
    let body = ''
    for await (const chunk of req) body += String(chunk)
    answer(new URLSearchParams(body).get('Action') ?? '', req.headers, res)
  }).listen(0, '127.0.0.1')
  await once(cloud, 'listening')
  t.teardown(() => {
    cloud.close()
    cloud.closeAllConnections()
  })
  const url = `http://127.0.0.1:${(cloud.address() as AddressInfo).port}`
  const log: string[] = []
  const stream = new Writable({
    write (chunk, _encoding, done) {
      log.push(String(chunk))
      done()
    }
  })
  const served = await build(t, {
    logger: { level: 'trace', stream },
    clouds: {
      default: {
        driver: 'ec2',
        location: 'eu-west-1',
        endpoint: url,
        sts_endpoint: url,
        role_arn: 'arn:aws:iam::123456789012:role/test',
        ...key,
        ...settings
      },
      other: dummy()
    }
  })
  return { ...served, log }
}

t.test('resolved credentials that the cloud repeats are in no answer, log or store', async (t) => {
  let repeated = ''
  const { api, log, directory } = await start(t, (action, headers, res) => {
    if (action === 'AssumeRole') return res.end(assumed)
    repeated = String(headers['x-amz-security-token'])
    const message = `no: ${repeated}, ${role.secretAccessKey}, ${key.secret_access_key}`
    const { status, headers: sent, body } = refusal('UnauthorizedOperation', message)
    res.writeHead(status, sent).end(body)
  })
  const list = await api.get(nodes)
  t.match(list.body, { code: 'provider_permission_denied', provider_error: { message: /^no: \*\*\*/ } })
  const input = { name: 'web', image_id: 'ami-00000001', size_id: 't3.micro' }
  const create = await api.post(nodes, input, { prefer: 'wait=10', 'idempotency-key': 'secret' })
  const cloud = await api.get('/api/v2/clouds/default?check=true')
  const operations = await api.get('/api/v2/operations')
  t.equal(repeated, role.sessionToken)
  const stored = readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((file) => file.isFile() && file.name !== 'orchestrator.json')
    .map((file) => readFileSync(path.join(file.parentPath, file.name), 'latin1'))
  t.ok(stored.join().includes('no: ***'), 'the store has the message')
  const places = { answers: JSON.stringify([list, create, cloud, operations]), log: log.join(), store: stored.join() }
  for (const [place, text] of Object.entries(places)) {
    for (const secret of [role.sessionToken, role.secretAccessKey, key.secret_access_key]) {
      t.notOk(text.includes(secret), `${secret}: not in ${place}`)
    }
  }
})

/** Sends without end, as fast as it is read. */
function sendWithoutEnd (res: ServerResponse) {
  const part = Buffer.alloc(1024 * 1024, ' ')
  const send = () => {
    while (!res.destroyed && res.write(part));
  }
  res.on('drain', send)
  res.writeHead(200, { 'content-type': 'text/xml' })
  send()
}

/** Sends a byte now and then. */
function sendSlowly (res: ServerResponse) {
  res.writeHead(200, { 'content-type': 'text/xml' })
  const timer = setInterval(() => res.write(' '), 50)
  res.on('close', () => clearInterval(timer))
}

const effects = { 'sends without end': sendWithoutEnd, 'sends slowly': sendSlowly, 'never answers': () => {} }

for (const [what, effect] of Object.entries(effects)) {
  for (const [where, actions] of [
    ['the cloud', /^Describe/], ['the service for roles', /^AssumeRole/]
  ] as const) {
    t.test(`${where} ${what}: an error in time, and little memory`, async (t) => {
      let asked = 0
      const isEndless = effect === sendWithoutEnd
      const { api } = await start(t, (action, _headers, res) => {
        if (!actions.test(action)) return res.end(assumed)
        if (action === 'DescribeInstances' || action === 'AssumeRole') asked++
        effect(res)
      }, { timeout: isEndless ? 20 : 2 })
      const before = process.memoryUsage().rss
      let most = 0
      const timer = setInterval(() => { most = Math.max(most, process.memoryUsage().rss - before) }, 20)
      const started = performance.now()
      const { status, body } = await api.get(nodes)
      clearInterval(timer)
      t.ok(performance.now() - started < (isEndless ? 19_000 : 4000), 'in time')
      t.ok(most < 600 * 1024 * 1024, `${most} bytes more`)
      t.ok(status >= 502, 'an error of the cloud', { body })
      t.equal(body.code, isEndless ? 'provider_error' : 'provider_timeout')
      if (isEndless) t.match([body.detail, asked], [/larger than 64 MiB/, 1])
      t.equal((await api.get('/api/v2/clouds/other/nodes')).status, 200, 'other clouds are served')
    })
  }
}
