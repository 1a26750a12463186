import t from 'tap'
import { build } from '../helper/app.ts'
import { grant } from '../helper/callers.ts'

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

t.test('wrong settings of auth are told by their paths', async (t) => {
  const issuer = { issuer: 'https://id.example.org', audience: 'orchestrator' }
  const wrong: [object, RegExp][] = [
    [{ anonymous: [grant('manage', '*')] }, /auth\.anonymous\.0\.level: found "manage"; .*at most operate/],
    [{ anonymous: [{ clouds: [], level: 'read' }] }, /auth\.anonymous\.0\.clouds/],
    [{ anonymous: [grant('read', 'A B')] }, /auth\.anonymous\.0\.clouds\.0/],
    [{ issuers: [{ ...issuer, issuer: 'http://id.example.org' }] }, /auth\.issuers\.0\.issuer: .*expected a URL such as https/],
    [{ issuers: [{ issuer: 'https://id.example.org' }] }, /auth\.issuers\.0\.audience is required/],
    [{ issuers: [issuer, issuer] }, /auth\.issuers\.1\.issuer: .*a second time/],
    [{ issuers: [{ ...issuer, grants: [{ claim: 'groups', ...grant('read', '*') }] }] }, /needs both `claim` and `value`/],
    [{ keys: [] }, /auth\.keys is not a setting/]
  ]
  for (const [auth, message] of wrong) await t.rejects(build(t, { settings: { auth } }), { message })
})
