import t from 'tap'
import type { Level } from '../../openapi/model/index.ts'
import { build } from '../helper/app.ts'
import { bearer, createKey, grant } from '../helper/callers.ts'
import {
  bodyOf, clouds, findWrong, isDenied, isOnCloud, levels, needed, onCloud, onServer, routesOf, start, testCredential,
  urlOf, type Document
} from './route-table.ts'

t.test('each operation of the document is in the table, and the document has its level', async (t) => {
  const { app, routes } = await start(t)
  const { paths } = app.swagger() as unknown as Document
  t.same(await findWrong(routes, async ({ id, path, method }) => {
    const level = path.includes('{cloud}') ? needed(onCloud, id) : needed(onServer, id)
    if (level === undefined) return 'has no row: add it to the list of its level in this test'
    const shown = paths[path]![method.toLowerCase()]!['x-required-level'] ?? 'open'
    return shown !== (level === 'any' ? 'read' : level) && `the document shows ${shown}`
  }), [])
})

t.test('without a credential every operation but those of health is 401', async (t) => {
  const { routes, send } = await start(t)
  const closed = routes.filter(({ id }) => !onServer.open.includes(id))
  t.same(await findWrong(closed, async (route) => {
    const statuses = [(await send(route, 'own')).status, (await send(route, 'nowhere', bearer('wrong'))).status]
    // Many wrong credentials from one address are slowed down.
    return (statuses[0] !== 401 || ![401, 429].includes(statuses[1]!)) && statuses.join()
  }), [])
})

testCredential('key')

t.test('anonymous callers have their grants, and a wrong credential is 401, never anonymous', async (t) => {
  for (const level of ['read', 'operate'] as const) {
    const { app, api } = await build(t, { clouds, settings: { auth: { anonymous: [grant(level, 'own')] } } })
    const routes = routesOf(app.swagger() as unknown as Document).filter(isOnCloud)
    t.same(await findWrong(routes, async ({ id, path, method }) => {
      const isAllowed = levels.indexOf(level) >= levels.indexOf(needed(onCloud, id)!)
      const body = ['GET', 'DELETE'].includes(method) ? undefined : bodyOf(id)
      const own = await api.request(method, urlOf(path, 'own'), { body })
      const foreign = await api.request(method, urlOf(path, 'foreign'), { body })
      const isWrong = isDenied(own) === isAllowed || foreign.body.code !== 'cloud_not_found'
      return isWrong && `${own.status} ${foreign.status}`
    }), [], level)
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
    const kinds = ['text', 'url'].map(async (kind) => {
      const { status } = await api.get(`${node.self}/console?kind=${kind}`, headers)
      return status
    })
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
