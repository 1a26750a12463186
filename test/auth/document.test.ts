import t from 'tap'
import { build } from '../helper/app.ts'
import { createKey, grant } from '../helper/callers.ts'
import { start } from './route-table.ts'

interface Document {
  components: { securitySchemes: Record<string, { type: string, openIdConnectUrl?: string }> }
  paths: Record<string, Record<string, { security: object[] }>>
}

t.test('the document has the security schemes, and each operation its requirement', async (t) => {
  const read = async (auth: object | undefined) => {
    const { api } = await build(t, { settings: { auth } })
    const { components: { securitySchemes: schemes }, paths } = (await api.get('/openapi.json')).body as Document
    const { security } = paths['/api/v2/nodes']!['get']!
    return { schemes, security, open: paths['/health/live']!['get']!.security }
  }
  const issuer = { issuer: 'https://id.example.org', audience: 'orchestrator' }
  t.match(await read(undefined), { schemes: { bearer: { type: 'http' } }, security: [{ bearer: [] }, {}], open: [] })
  t.same((await read({})).security, [{ bearer: [] }], 'with auth a credential is required')
  t.same((await read({ anonymous: [grant('read', '*')] })).security, [{ bearer: [] }, {}])
  t.notOk((await read({ issuers: [issuer] })).schemes['oidc'], 'an issuer without a client for people')
  const { schemes, security } = await read({ issuers: [{ ...issuer, client_id: 'docs' }] })
  t.match(schemes['oidc'], {
    type: 'openIdConnect', openIdConnectUrl: 'https://id.example.org/.well-known/openid-configuration'
  })
  t.same(security, [{ bearer: [] }, { oidc: ['openid'] }])
})

interface Described { $ref?: string, headers?: Record<string, object> }

t.test('each answer has the headers of limits exactly if the document says so', async (t) => {
  const { app, routes, send } = await start(t)
  const { paths, components: { responses } } = app.swagger() as unknown as {
    paths: Record<string, Record<string, { responses: Record<string, Described> }>>
    components: { responses: Record<string, Described> }
  }
  const limited = ['RateLimit', 'RateLimit-Policy']
  const documented = ({ path, method }: typeof routes[number], status: number) => {
    const { responses: own } = paths[path]![method.toLowerCase()]!
    const found = own[status] ?? own[`${Math.floor(status / 100)}XX`]
    const { headers = {} } = found?.$ref === undefined ? found ?? {} : responses[found.$ref.split('/').at(-1)!]!
    return limited.filter((name) => name in headers)
  }
  const wrong: string[] = []
  const seen = new Set<number>()
  const credentials = [
    undefined,
    (await createKey(app, grant('read', 'own'))).headers,
    (await createKey(app, grant('admin', '*'))).headers
  ]
  for (const headers of credentials) {
    for (const route of routes) {
      const answer = await send(route, 'own', headers)
      seen.add(answer.status)
      const sent = limited.filter((name) => name.toLowerCase() in answer.headers)
      const told = documented(route, answer.status)
      if (sent.join() !== told.join()) {
        wrong.push(`${route.id} ${answer.status}: sent ${sent.join()}, documented ${told.join()}`)
      }
    }
  }
  t.same(wrong, [])
  for (const status of [200, 401, 403, 404, 422]) t.ok(seen.has(status), `some answer is ${status}`)
  const { headers } = responses['RateLimited']!
  t.match(Object.keys(headers!), ['X-Request-Id', 'RateLimit', 'RateLimit-Policy', 'Retry-After'])
})

t.test('wrong settings of auth are told by their paths', async (t) => {
  const issuer = { issuer: 'https://id.example.org', audience: 'orchestrator' }
  const wrong: [object, RegExp][] = [
    [{ anonymous: [grant('manage', '*')] }, /auth\.anonymous\.0\.level: found "manage"; .*at most operate/],
    [{ anonymous: [{ clouds: [], level: 'read' }] }, /auth\.anonymous\.0\.clouds/],
    [{ anonymous: [grant('read', 'A B')] }, /auth\.anonymous\.0\.clouds\.0/],
    [
      { issuers: [{ ...issuer, issuer: 'http://id.example.org' }] },
      /auth\.issuers\.0\.issuer: .*expected a URL such as https/
    ],
    [{ issuers: [{ issuer: 'https://id.example.org' }] }, /auth\.issuers\.0\.audience is required/],
    [{ issuers: [issuer, issuer] }, /auth\.issuers\.1\.issuer: .*a second time/],
    [
      { issuers: [{ ...issuer, grants: [{ claim: 'groups', ...grant('read', '*') }] }] },
      /needs both `claim` and `value`/
    ],
    [{ keys: [] }, /auth\.keys is not a setting/]
  ]
  for (const [auth, message] of wrong) await t.rejects(build(t, { settings: { auth } }), { message })
})
