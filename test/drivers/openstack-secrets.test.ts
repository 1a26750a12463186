import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import t from 'tap'
import { build } from '../helper/app.ts'
import { action, auth, entry, id, list, server, startFake, type FakeRequest } from './openstack-fake.ts'

const token = `gAAAAAB${'x9Y-'.repeat(40)}end`
const password = 'correct "horse" battery'
const cloud = '/api/v2/clouds/default'
const create = 'POST /compute/v2.1/servers'

/** Words of a secret that a message may end in the middle of. */
const forms = [token, token.slice(0, 40), password, JSON.stringify(password).slice(1, -1), 'correct+%22horse', 'horse',
  Buffer.from(password).toString('base64')]

t.test('a cloud that repeats password and token in its answers leaks neither', async (t) => {
  const said = ({ headers }: FakeRequest) =>
    `bad ${String(headers['x-auth-token'] ?? token)} of ${password}, at http://me:${encodeURIComponent(password)}@x/`
  const refuse = (status: number, kind = 'fault') => (request: FakeRequest) => ({
    status,
    body: { [kind]: { code: status, message: said(request) }, [said(request)]: said(request) },
    headers: { 'x-openstack-request-id': `req-${token}`, 'retry-after': token }
  })
  // A message is cut after 1000 characters, here within the token.
  const long = (request: FakeRequest) =>
    ({ status: 400, body: { badRequest: { message: `${'-'.repeat(950)}${said(request)}` } } })
  const leaky = (request: FakeRequest) => ({
    ...server,
    'OS-EXT-SRV-ATTR:hostname': said(request),
    odd: { [said(request)]: [said(request), Buffer.from(password).toString('base64')] },
    status: 'ERROR',
    fault: { code: 500, message: said(request) }
  })
  const fake = await startFake(t, {
    [list]: (request) => ({ body: { servers: [leaky(request)] } }),
    [`GET /compute/v2.1/servers/${id}`]: (request) => ({ body: { server: leaky(request) } }),
    'GET /network/v2.0/ports': refuse(403, 'NeutronError'),
    'GET /network/v2.0/networks': (request) => ({ status: 500, body: said(request) }),
    'GET /compute/v2.1/flavors/detail': (request) => ({ body: `${said(request)} is not JSON` }),
    'GET /compute/v2.1/os-availability-zone': ({ headers }) =>
      ({ raw: `HTTP/1.1 200 OK\r\nx: y\r\n${String(headers['x-auth-token'])} ${password}\r\n\r\n` }),
    'GET /image/v2/images': refuse(413),
    'GET /volume/v3/p/volumes/detail': long,
    'POST /volume/v3/p/volumes': long,
    [create]: refuse(400, 'badRequest'),
    [action]: refuse(409, 'conflictingRequest'),
    [`DELETE /compute/v2.1/servers/${id}`]: refuse(409, 'conflictingRequest')
  }, {
    catalog: (entries, base) => [...entries, entry('other', `${base}/${password}`)]
  })
  const tokens = fake.routes[auth] as () => { body: unknown }
  fake.routes[auth] = () => ({ ...tokens(), status: 201, headers: { 'x-subject-token': token } })
  let log = ''
  const logger = { level: 'trace', stream: { write: (line: string) => { log += line } } }
  const { api, directory } = await build(t, {
    clouds: { default: { driver: 'openstack', auth: { ...fake.credentials, password } } }, logger
  })
  const answers: unknown[] = []
  const get = async (path: string, status: number) => {
    const answer = await api.get(`${cloud}${path}`)
    t.equal(answer.status, status, path)
    answers.push(answer)
  }
  await get('/nodes?include=extra', 200)
  await get(`/nodes/${id}?include=extra`, 200)
  await get('/networks', 502)
  await get('/sizes', 502)
  await get('/locations', 502)
  await get('/images', 503)
  await get('/volumes', 422)
  answers.push(await api.get('/api/v2/nodes?include=extra'), await api.get('/api/v2/sizes'))
  const wait = { prefer: 'wait=5' }
  answers.push(await api.post(`${cloud}/nodes`, { name: 'web', image_id: id, size_id: '1' }, wait))
  answers.push(await api.post(`${cloud}/volumes`, { name: 'v', size: 1 }, wait))
  answers.push(await api.post(`${cloud}/nodes/${id}/actions/reboot`, {}, wait))
  answers.push(await api.delete(`${cloud}/nodes/${id}`, wait))
  answers.push(await api.get('/api/v2/operations'), await api.get('/api/v2/clouds'), await api.get('/health/ready'))
  fake.routes[auth] = refuse(401, 'error')
  answers.push(await api.post(`${cloud}/refresh`), await api.get(`${cloud}/sizes`), await api.get('/api/v2/clouds'))

  const text = answers.map((answer) => JSON.stringify(answer, null, 1))
  t.ok(text.some((one) => one.includes('***')), 'something was masked')
  const files = readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((file) => file.isFile() && file.name !== 'orchestrator.json')
    .map((file) => readFileSync(path.join(file.parentPath, file.name), 'latin1')).join('\n')
  t.ok(files.length > 1000)
  const find = (place: string, texts: string[]) => {
    for (const form of forms) {
      const leak = texts.find((one) => one.includes(form))
      const at = leak?.indexOf(form) ?? 0
      t.equal(leak?.slice(Math.max(0, at - 200), at + 100), undefined, `${place}: ${form.slice(0, 30)}`)
    }
  }
  find('answers', text)
  find('log', log.split('\n'))
  find('store', [files])
})

t.test('an operation whose outcome stays unknown has the answer of the cloud, without its secrets', async (t) => {
  const answer = ({ headers }: FakeRequest) => ({
    status: 500,
    body: { computeFault: { code: 500, message: `Unexpected API Error of ${String(headers['x-auth-token'])}.` } }
  })
  const fake = await startFake(t, { [list]: { body: { servers: [] } }, [action]: answer, [create]: answer })
  const { api } = await build(t, {
    clouds: { default: { driver: 'openstack', auth: fake.credentials, timeout: 0.3 } },
    settings: { operations: { reconcile_seconds: 1 } }
  })
  const provider_error = { code: 'computeFault', message: /^Unexpected API Error of \S+$/ }
  const rebooted = await api.ended((await api.post(`${cloud}/nodes/${id}/actions/reboot`, { type: 'hard' })).body)
  t.match(rebooted, {
    status: 'failed',
    error: {
      code: 'outcome_unknown',
      detail: /^Unexpected API Error of [^.]+\. The resource is running, which does not show whether the cloud acted$/,
      provider_error
    }
  })
  const created = await api.ended((await api.post(`${cloud}/nodes`, { name: 'n', image_id: id, size_id: '1' })).body)
  t.match(created, {
    status: 'failed',
    error: { code: 'outcome_unknown', detail: /^Unexpected API Error of [^.]+\. The create was sent 3 times\./ }
  })
  t.notMatch(JSON.stringify([rebooted, created]), /token-\d/)
})
