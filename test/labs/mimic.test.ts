import t, { type Test } from 'tap'
import { build, makeDirectory } from '../helper/app.ts'
import { startFaultProxy } from './fault-proxy.ts'
import { startTool } from './python.ts'

/** The Rackspace driver on mimic, which Rackspace wrote to test its own clients, behind the fault proxy. */
t.setTimeout(120_000)

const at = '/api/v2/clouds/default'
const region = 'ORD'

interface CatalogEntry {
  name: string
  endpoints: { region: string, publicURL: string }[]
}

async function start (t: Test) {
  const mimic = await startTool(t, {
    name: 'twistd',
    args: (port) => ['--nodaemon', '--pidfile=', 'mimic', '--realtime', `--listen=tcp:${port}:interface=127.0.0.1`],
    cwd: makeDirectory(t),
    readyPath: '/'
  })
  const proxy = await startFaultProxy({ targets: { mimic } })
  t.teardown(proxy.close)
  const credentials = { username: 'tester', apiKey: 'key-of-tester' }

  /** Sends a request to mimic itself, past the proxy and the driver. */
  const ask = async (url: string, body?: unknown, headers: Record<string, string> = {}) => {
    const answer = await fetch(url, {
      method: body === undefined ? 'GET' : 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: body === undefined ? null : JSON.stringify(body)
    })
    if (!answer.ok) throw new Error(`${url} answered ${answer.status}: ${await answer.text()}`)
    const text = await answer.text()
    return text === '' ? undefined : JSON.parse(text)
  }
  const { access } = await ask(`${mimic}/identity/v2.0/tokens`, {
    auth: { 'RAX-KSKEY:apiKeyCredentials': credentials }
  })
  const token = { 'x-auth-token': String(access.token.id) }
  const endpointOf = (service: string) => (access.serviceCatalog as CatalogEntry[])
    .find(({ name }) => name === service)!.endpoints
    .find((endpoint) => endpoint.region === region)!.publicURL
  const nova = endpointOf('cloudServersOpenStack')

  const { api } = await build(t, {
    settings: { operations: { reconcile_seconds: 1 } },
    clouds: {
      default: {
        driver: 'rackspace',
        auth_url: `${proxy.urls['mimic']}/identity/v2.0`,
        username: credentials.username,
        api_key: credentials.apiKey,
        region,
        cache_seconds: 0,
        catalog_cache_seconds: 0
      }
    }
  })
  const { items: [image] } = (await api.get(`${at}/images?limit=1`)).body
  const { items: [size] } = (await api.get(`${at}/sizes?limit=1`)).body
  const create = (name: string) => api.post(`${at}/nodes`, { name, image_id: image.id, size_id: size.id })

  return {
    api,
    proxy,
    create,
    /** Adds servers past the driver. */
    addServer: (name: string) =>
      ask(`${nova}/servers`, { server: { name, imageRef: image.id, flavorRef: size.id } }, token),
    /** Returns the ids of mimic's servers of this name. */
    async serversOf (name: string): Promise<string[]> {
      const { servers } = await ask(`${nova}/servers/detail`, undefined, token)
      return servers.filter((server: { name: string }) => server.name === name).map(({ id }: { id: string }) => id)
    },
    /** Sets how mimic answers creations of servers whose name matches. */
    setCreation: (pattern: string, name: string, parameters: object) =>
      ask(`${endpointOf('cloudServersBehavior')}/behaviors/creation`, {
        criteria: [{ server_name: pattern }], name, parameters
      }, token)
  }
}

t.test('a node runs from its creation to its end', async (t) => {
  const { api, create, serversOf } = await start(t)
  const operation = await api.ended((await create('web')).body)
  t.equal(operation.status, 'succeeded', 'created', { operation })
  t.same(await serversOf('web'), [operation.resource.id])
  const { body: node } = await api.get(operation.resource.self)
  t.match(node, { name: 'web', state: 'running', location: region })
  const { body: { health } } = await api.get(at)
  t.equal(health.status, 'up')

  const { body: made } = await api.post(`${at}/images`, { name: 'golden', node_id: node.id })
  const imaged = await api.ended(made)
  t.equal(imaged.status, 'succeeded', 'an image, whose Location is www.someurl.com', { imaged })
  t.match((await api.get(imaged.resource.self)).body, { name: 'golden', state: 'available' })
  const { items } = await api.walk(`${at}/images`)
  t.match(items.find(({ name }) => name.includes('Debian')), { os: { family: 'linux', distro: 'debian' } })
  t.match(items.find(({ name }) => name.includes('Windows')), { os: { family: 'windows', distro: 'windows' } })

  const ended = await api.ended((await api.delete(node.self)).body)
  t.equal(ended.status, 'succeeded', 'destroyed', { ended })
  t.same(await serversOf('web'), [])
})

t.test('creates whose answers are lost make one node each', async (t) => {
  const { api, proxy, create, serversOf } = await start(t)
  for (const name of ['lost', 'lost.example.com', 'lost (1) [a] x+y', 'lost*', 'Straße 7']) {
    const rule = proxy.addRule({ method: 'POST', path: /\/servers$/, swallow: true, times: 1 })
    const { status, body } = await create(name)
    t.equal(status, 202, name, { body })
    const operation = await api.ended(body)
    t.equal(operation.status, 'succeeded', name, { operation })
    t.same(await serversOf(name), [operation.resource.id], `${name}: one server`)
    t.equal(rule.hits, 1)
  }
})

t.test('creates that mimic makes and answers with 500 make one node each', async (t) => {
  const { api, create, serversOf, setCreation } = await start(t)
  await setCreation('^failed', 'false-negative', { code: 500 })
  for (const name of ['failed', 'failed.example.com']) {
    const { status, body } = await create(name)
    t.equal(status, 202, name, { body })
    const operation = await api.ended(body)
    t.equal(operation.status, 'succeeded', name, { operation })
    t.same(await serversOf(name), [operation.resource.id], `${name}: one server`)
  }
  await setCreation('^refused', 'fail', { code: 400, type: 'badRequest', message: 'no' })
  t.equal((await create('refused')).body.code, 'provider_rejected')
})

t.test('a list has 300 nodes; the filter of a name finds its nodes', async (t) => {
  const { api, proxy, addServer } = await start(t)
  for (let i = 0; i < 300; i++) await addServer(i % 100 === 0 ? 'db.example.com' : `web-${i}`)
  const { items } = await api.walk(`${at}/nodes?limit=100`)
  t.equal(items.length, 300)
  t.equal(new Set(items.map(({ id }) => id)).size, 300)
  for (const [filter, count] of [
    ['web-7', 1], ['db.example.com', 3], ['web-', 0], ['web-1*', 110], ['*', 300], ['web-(7|8)', 0]
  ] as const) {
    proxy.resetRequests()
    const found = await api.walk(`${at}/nodes?limit=100&name=${encodeURIComponent(filter)}`)
    t.equal(found.items.length, count, filter)
    if (count > 0 && count < 10) t.equal(proxy.requests.length, 1, `${filter}: mimic itself compares the names`)
  }
})
