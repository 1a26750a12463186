import t, { type Test } from 'tap'
import { modelOf, services } from '../../drivers/driver.ts'
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
  ...services.filter((service) => service !== 'quotas').map((service) => modelOf[service])
    .flatMap((name) => [`list${name}s`, `get${name}`])
]
const operated = ['start', 'stop', 'reboot', 'pause', 'suspend', 'resume']
const operate = [
  ...operated.flatMap((verb) => [`${verb}Node`, `${verb}Nodes`]), 'getNodeConsole', 'assignNode', 'releaseNode'
]
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
export const onCloud: Record<Level, readonly string[]> = { read, operate, manage, admin: ['refreshCloud'] }
export const onServer: Record<'open' | 'any' | Level, readonly string[]> = {
  open: ['getLiveness', 'getReadiness'],
  any: [
    'getMe', 'getMay', 'listClouds', 'listDrivers', 'getDriver', 'getDriverProvider', 'listOperations', 'streamEvents',
    'getOperation', 'getSummary', 'listAssignments', 'listWebhooks', 'createWebhook', 'getWebhook', 'updateWebhook',
    'deleteWebhook', 'testWebhook', 'listWebhookDeliveries', 'getWebhookDelivery', 'redeliverWebhook',
    ...read.filter((id) => /^list(?!Node(Nics|Operations)|Quotas)/.test(id)).map((id) => id.replace('list', 'listAll'))
  ],
  read: [],
  operate: [],
  manage: [],
  admin: ['listAudit', 'listKeys', 'createKey', 'getKey', 'revokeKey']
}

export const levels: readonly Level[] = ['read', 'operate', 'manage', 'admin']
export const clouds = { own: dummy({ nodes: 1 }), foreign: dummy({ nodes: 1 }), off: { ...dummy(), enabled: false } }

interface Route { id: string, method: 'GET', path: string }
export interface Document {
  paths: Record<string, Record<string, { operationId: string, 'x-required-level'?: string }>>
}

export const routesOf = ({ paths }: Document): Route[] => Object.entries(paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, { operationId: id }]) => ({ id, path, method: method.toUpperCase() as 'GET' })))

export const needed = <K extends string>(table: Record<K, readonly string[]>, id: string) =>
  (Object.keys(table) as K[]).find((level) => table[level].includes(id))

export const urlOf = (path: string, cloud: string) => path.replace('{cloud}', cloud).replace('{driver}', 'dummy')
  .replaceAll(/\{\w+\}/g, '01890a5d-ac96-774b-bcce-b302099a8057') + (path.endsWith('/may') ? '?action=nodes.stop' : '')

type Headers = Record<string, string>

/** Builds the server, and a function that gives a caller of a kind a level on `own`, or on all clouds. */
export async function start (t: Test) {
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
    const body = method === 'GET' ? undefined : bodyOf(id)
    return api.request(method, urlOf(path, cloud), { headers, body: method as string === 'DELETE' ? undefined : body })
  }
  return { app, api, routes, credentials, send }
}

/** A body with which an operation reaches the check of its permission, which may depend on the valid input. */
export const bodyOf = (id: string) =>
  id === 'uploadImage' ? '' : id === 'assignNode' ? { user: 'ada', application: 'billing' } : {}

/** Whether an answer is a refusal for the lack of a permission. */
export const isDenied = ({ body }: { body: { code?: string } }) => body?.code === 'permission_denied'

/** The routes for which a check tells something. One assertion for all of them, because each costs time. */
export async function findWrong (routes: readonly Route[], check: (route: Route) => Promise<string | false>) {
  const wrong: string[] = []
  for (const route of routes) {
    const found = await check(route)
    if (found !== false) wrong.push(`${route.id}: ${found}`)
  }
  return wrong
}

export const isOnCloud = ({ path }: Route) => path.includes('{cloud}')

/** Tests every route with every level on an own and a foreign cloud, with one kind of credential. */
export function testCredential (kind: 'key' | 'oidc') {
  t.test(`${kind}: each level may do its operations on its own cloud, and no others`, async (t) => {
    const { routes, credentials, send } = await start(t)
    for (const level of levels) {
      const headers = await credentials[kind]!(level, 'own')
      const isWrong = async (route: Route, isAllowed: boolean) => {
        const answer = await send(route, 'own', headers)
        const { status, body } = answer
        return (isDenied(answer) === isAllowed || body.code === 'cloud_not_found') && `${status} ${body.code}`
      }
      t.same(await findWrong(routes.filter(isOnCloud), async (route) =>
        isWrong(route, levels.indexOf(level) >= levels.indexOf(needed(onCloud, route.id)!))), [], level)
      t.same(await findWrong(routes.filter(({ id }) => onServer.any.includes(id)), async (route) =>
        isWrong(route, true)), [], level)
      t.same(await findWrong(routes.filter(({ id }) => onServer.admin.includes(id)), async (route) =>
        isWrong(route, false)), [], `${level} on one cloud is no administrator of the server`)
    }
    const headers = await credentials[kind]!('admin', '*')
    t.same(await findWrong(routes.filter(({ id }) => onServer.admin.includes(id)), async (route) =>
      isDenied(await send(route, '', headers)) && 'denied'), [], 'admin on * is')
  })

  t.test(`${kind}: a foreign cloud, disabled or not, answers as one that does not exist`, async (t) => {
    const { routes, credentials, send } = await start(t)
    const headers = await credentials[kind]!('admin', 'own')
    const read = async (route: Route, cloud: string) => {
      const { status, headers: answered, body } = await send(route, cloud, headers)
      const { date, 'x-request-id': id, 'content-length': length, ratelimit: left, ...rest } = answered
      const text = JSON.stringify({ status, rest, body: { ...body, request_id: '' } })
      return text.replaceAll(`/clouds/${cloud}`, '/clouds/X').replaceAll(`\\"${cloud}\\"`, 'X')
    }
    t.same(await findWrong(routes.filter(isOnCloud), async (route) => {
      const unknown = await read(route, 'nowhere')
      if (!unknown.includes('cloud_not_found')) return unknown
      const others = [await read(route, 'foreign'), await read(route, 'off')]
      return others.some((text) => text !== unknown) && others.join()
    }), [])
  })
}
