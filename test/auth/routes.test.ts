import t, { type Test } from 'tap'
import type { Level } from '../../openapi/model/index.ts'
import { build, dummy } from '../helper/app.ts'
import { bearer, createKey, grant } from '../helper/callers.ts'
import { audience, startIssuer } from '../helper/issuer.ts'

/**
 * Tries every operation of the document with every level, on an own and a foreign cloud, with each kind of credential.
 * This table says what the document must not decide: which level each operation needs. `server` operations have no
 * cloud in their path; `any` of them needs a valid caller, and others a level on all clouds.
 */
const read = [
  'getCloud', 'listQuotas', 'listNodeNics', 'listNodeOperations',
  ...[
    'Node', 'Image', 'Size', 'Location', 'KeyPair', 'Network', 'Subnet', 'Router', 'SecurityGroup', 'FloatingIp',
    'FloatingIpPool', 'Volume', 'VolumeType', 'Snapshot'
  ].flatMap((name) => [`list${name}s`, `get${name}`])
]
const operated = ['start', 'stop', 'reboot', 'pause', 'suspend', 'resume']
const operate = [...operated.flatMap((verb) => [`${verb}Node`, `${verb}Nodes`]), 'getNodeConsole']
const managed = [
  'shelve', 'rescue', 'unrescue', 'resize', 'confirmResize', 'revertResize', 'rebuild', 'restore', 'destroy'
]
const manage = [
  ...managed.flatMap((verb) => [`${verb}Node`, `${verb}Nodes`]),
  'createNode', 'validateNode', 'updateNode', 'attachNodeNic', 'detachNodeNic', 'addNodeSecurityGroup',
  'removeNodeSecurityGroup', 'createImage', 'updateImage', 'deleteImage', 'importImage', 'uploadImage', 'createKeyPair',
  'deleteKeyPair', 'createNetwork', 'updateNetwork', 'deleteNetwork', 'createSubnet', 'updateSubnet', 'deleteSubnet',
  'createRouter', 'updateRouter', 'deleteRouter', 'addRouterInterface', 'removeRouterInterface', 'createSecurityGroup',
  'updateSecurityGroup', 'deleteSecurityGroup', 'createSecurityGroupRule', 'deleteSecurityGroupRule',
  'createFloatingIp', 'deleteFloatingIp', 'associateFloatingIp', 'disassociateFloatingIp', 'createVolume',
  'updateVolume', 'deleteVolume', 'attachVolume', 'detachVolume', 'extendVolume', 'createSnapshot', 'updateSnapshot',
  'deleteSnapshot'
]
const onCloud: Record<Level, readonly string[]> = { read, operate, manage, admin: ['refreshCloud'] }
const onServer: Record<'open' | 'any' | Level, readonly string[]> = {
  open: ['getLiveness', 'getReadiness'],
  any: [
    'getMe', 'getMay', 'listClouds', 'listDrivers', 'getDriver', 'listOperations', 'getOperation', 'getSummary',
    ...read.filter((id) => /^list(?!Node(Nics|Operations)|Quotas)/.test(id)).map((id) => id.replace('list', 'listAll'))
  ],
  read: [],
  operate: [],
  manage: [],
  admin: ['listKeys', 'createKey', 'getKey', 'revokeKey']
}

const levels: readonly Level[] = ['read', 'operate', 'manage', 'admin']
const clouds = { own: dummy({ nodes: 1 }), foreign: dummy({ nodes: 1 }), off: { ...dummy(), enabled: false } }

interface Route { id: string, method: 'GET', path: string }
interface Document { paths: Record<string, Record<string, { operationId: string, 'x-required-level'?: string }>> }

const routesOf = ({ paths }: Document): Route[] => Object.entries(paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, { operationId: id }]) => ({ id, path, method: method.toUpperCase() as 'GET' })))

const needed = <K extends string>(table: Record<K, readonly string[]>, id: string) =>
  (Object.keys(table) as K[]).find((level) => table[level].includes(id))

const urlOf = (path: string, cloud: string) => path.replace('{cloud}', cloud).replace('{driver}', 'dummy')
  .replaceAll(/\{\w+\}/g, '01890a5d-ac96-774b-bcce-b302099a8057') + (path.endsWith('/may') ? '?action=nodes.stop' : '')

type Headers = Record<string, string>

/** Builds the server, and a function that gives a caller of a kind a level on `own`, or on all clouds. */
async function start (t: Test) {
  const issuer = await startIssuer(t)
  const grants = levels.flatMap((level) =>
    ['own', '*'].map((cloud) => ({ claim: 'role', value: `${level} ${cloud}`, ...grant(level, cloud) })))
  const auth = { issuers: [{ issuer: issuer.url, audience, grants }] }
  const { app, api } = await build(t, { clouds, settings: { auth } })
  const credentials: Record<string, (level: Level, cloud: string) => Promise<Headers>> = {
    key: async (level, cloud) => (await createKey(app, grant(level, cloud))).headers,
    oidc: async (level, cloud) => bearer(await issuer.sign({ role: `${level} ${cloud}` }))
  }
  const routes = routesOf(app.swagger() as unknown as Document)
  const send = async ({ method, path, id }: Route, cloud: string, headers: Headers = {}) => {
    const body = method === 'GET' ? undefined : id === 'uploadImage' ? '' : {}
    return api.request(method, urlOf(path, cloud), { headers, body: method as string === 'DELETE' ? undefined : body })
  }
  return { app, api, routes, credentials, send }
}

/** Whether an answer is a refusal for the lack of a permission. */
const isDenied = ({ body }: { body: { code?: string } }) => body?.code === 'permission_denied'

t.test('each operation of the document is in the table, and the document has its level', async (t) => {
  const { app, routes } = await start(t)
  const { paths } = app.swagger() as unknown as Document
  for (const { id, path, method } of routes) {
    const level = path.includes('{cloud}') ? needed(onCloud, id) : needed(onServer, id)
    t.ok(level, `${id} has a row: add it to the list of its level in this test`)
    const shown = paths[path]![method.toLowerCase()]!['x-required-level'] ?? 'open'
    t.equal(shown, level === 'any' ? 'read' : level, `${id} shows its level`)
  }
})

t.test('without a credential every operation but those of health is 401', async (t) => {
  const { routes, send } = await start(t)
  for (const route of routes) {
    if (onServer.open.includes(route.id)) continue
    t.equal((await send(route, 'own')).status, 401, route.id)
    t.equal((await send(route, 'nowhere', bearer('wrong'))).status, 401, route.id)
  }
})

for (const kind of ['key', 'oidc']) {
  t.test(`${kind}: each level may do its operations on its own cloud, and no others`, async (t) => {
    const { routes, credentials, send } = await start(t)
    for (const level of levels) {
      const headers = await credentials[kind]!(level, 'own')
      for (const route of routes.filter(({ path }) => path.includes('{cloud}'))) {
        const isAllowed = levels.indexOf(level) >= levels.indexOf(needed(onCloud, route.id)!)
        const answer = await send(route, 'own', headers)
        t.equal(isDenied(answer), !isAllowed, `${route.id} with ${level}: ${answer.status}`)
        t.not(answer.body.code, 'cloud_not_found', route.id)
      }
      for (const route of routes.filter(({ id }) => onServer.any.includes(id))) {
        t.notOk(isDenied(await send(route, '', headers)), `${route.id} with ${level}`)
      }
      for (const route of routes.filter(({ id }) => onServer.admin.includes(id))) {
        t.ok(isDenied(await send(route, '', headers)), `${route.id} with ${level} on one cloud`)
      }
    }
    const headers = await credentials[kind]!('admin', '*')
    for (const route of routes.filter(({ id }) => onServer.admin.includes(id))) {
      t.notOk(isDenied(await send(route, '', headers)), `${route.id} with admin on *`)
    }
  })

  t.test(`${kind}: a foreign cloud, disabled or not, answers as one that does not exist`, async (t) => {
    const { routes, credentials, send } = await start(t)
    const headers = await credentials[kind]!('admin', 'own')
    for (const route of routes.filter(({ path }) => path.includes('{cloud}'))) {
      const read = async (cloud: string) => {
        const { status, headers: answered, body } = await send(route, cloud, headers)
        const { date, 'x-request-id': id, 'content-length': length, ...rest } = answered
        const text = JSON.stringify({ status, rest, body: { ...body, request_id: '' } })
        return text.replaceAll(`/clouds/${cloud}`, '/clouds/X').replaceAll(`\\"${cloud}\\"`, 'X')
      }
      const unknown = await read('nowhere')
      t.match(unknown, 'cloud_not_found')
      for (const cloud of ['foreign', 'off']) t.equal(await read(cloud), unknown, `${route.id} of ${cloud}`)
    }
  })
}

t.test('anonymous callers have their grants, and a wrong credential is 401, never anonymous', async (t) => {
  for (const level of ['read', 'operate'] as const) {
    const { app, api } = await build(t, { clouds, settings: { auth: { anonymous: [grant(level, 'own')] } } })
    for (const { id, path, method } of routesOf(app.swagger() as unknown as Document)) {
      if (!path.includes('{cloud}')) continue
      const isAllowed = levels.indexOf(level) >= levels.indexOf(needed(onCloud, id)!)
      const body = ['GET', 'DELETE'].includes(method) ? undefined : id === 'uploadImage' ? '' : {}
      t.equal(isDenied(await api.request(method, urlOf(path, 'own'), { body })), !isAllowed, `${id} with ${level}`)
      t.match(await api.request(method, urlOf(path, 'foreign'), { body }), { body: { code: 'cloud_not_found' } })
    }
    t.equal((await api.get('/api/v2/clouds', bearer('wrong'))).status, 401)
    t.equal((await api.get('/api/v2/clouds', { authorization: 'Basic YTpi' })).status, 401)
    t.match(await api.get('/api/v2/me'), { status: 200, body: { kind: 'anonymous' } })
  }
})

t.test('a reader of a disabled cloud gets 503 cloud_disabled', async (t) => {
  const { api, credentials } = await start(t)
  const headers = await credentials['key']!('read', '*')
  t.match(await api.get('/api/v2/clouds/off/nodes', headers), { status: 503, body: { code: 'cloud_disabled' } })
})

t.test('the console needs operate for its text and manage for its URL', async (t) => {
  const { app, api, credentials } = await start(t)
  const { items: [node] } = (await api.get('/api/v2/clouds/own/nodes', await credentials['key']!('read', 'own'))).body
  const statuses = async (level: Level) => {
    const { headers } = await createKey(app, grant(level, 'own'))
    const kinds = ['text', 'url'].map(async (kind) => (await api.get(`${node.self}/console?kind=${kind}`, headers)).status)
    return Promise.all(kinds)
  }
  t.same(await statuses('read'), [403, 403])
  t.same(await statuses('operate'), [200, 403])
  t.same(await statuses('manage'), [200, 200])
})

t.test('a route that declares no level fails at the start', async (t) => {
  const { createApp } = await import('../../app.ts')
  const { loadServer } = await import('../../config/index.ts')
  const app = createApp(await loadServer({ env: { STORE_FILE: ':memory:' }, cwd: t.testdir() }))
  app.register(async (fastify) => { fastify.get('/api/v2/forgotten', async () => ({})) })
  await t.rejects(async () => app.ready(), /GET \/api\/v2\/forgotten declares no level/)
})
