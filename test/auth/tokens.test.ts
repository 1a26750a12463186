import { createHmac } from 'node:crypto'
import t, { type Test } from 'tap'
import { build, dummy } from '../helper/app.ts'
import { bearer, grant } from '../helper/callers.ts'
import { moveClock } from '../helper/clock.ts'
import { audience, startIssuer, type Issuer, type SignOptions } from '../helper/issuer.ts'

const clouds = { 'team-a': dummy({ nodes: 1 }), 'team-b': dummy({ nodes: 1 }) }

const issuerSettings = ({ url }: Issuer) => ({
  issuer: url,
  audience,
  grants: [
    { claim: 'groups', value: 'a', ...grant('manage', 'team-a') },
    { claim: 'realm_access.roles', value: 'viewer', ...grant('read', 'team-*') },
    { claim: 'https://example.org/admin', value: 'true', ...grant('admin', '*') },
    { claim: 'scope', value: 'clouds', ...grant('operate', 'team-b') }
  ]
})

async function buildWithIssuer (t: Test) {
  const issuer = await startIssuer(t)
  const { app, api } = await build(t, { clouds, settings: { auth: { issuers: [issuerSettings(issuer)] } } })
  const me = async (token: string) => api.get('/api/v2/me', bearer(token))
  return { issuer, app, api, me }
}

t.test('a token of an issuer is a caller, and its claims are grants', async (t) => {
  const { issuer, api, me } = await buildWithIssuer(t)
  t.match(await me(await issuer.sign({ jti: 'token-1', groups: ['b', 'a'] })), {
    status: 200,
    body: {
      kind: 'oidc',
      issuer: issuer.url,
      id: 'ada',
      name: 'Ada',
      credential: 'token-1',
      grants: [grant('manage', 'team-a')]
    }
  })
  const grantsOf = async (claims: object) => (await me(await issuer.sign(claims as never))).body.grants
  t.same(await grantsOf({ groups: 'a' }), [grant('manage', 'team-a')], 'a claim with one value')
  t.same(await grantsOf({ groups: 'aa' }), [], 'only whole values')
  t.same(await grantsOf({ realm_access: { roles: ['viewer'] } }), [grant('read', 'team-*')], 'a claim in a claim')
  t.same(await grantsOf({ 'https://example.org/admin': true }), [grant('admin', '*')], 'a name with dots')
  t.same(await grantsOf({ scope: 'openid clouds' }), [grant('operate', 'team-b')], 'one of the scopes')
  t.same(await grantsOf({ __proto__: { groups: 'a' }, constructor: 'a' }), [])

  const headers = bearer(await issuer.sign({ groups: 'a' }))
  t.equal((await api.get('/api/v2/clouds/team-a/nodes', headers)).status, 200)
  t.equal((await api.get('/api/v2/clouds/team-b/nodes', headers)).status, 404)
})

t.test('a token that is not valid is 401, and the answer says why without its content', async (t) => {
  const { issuer, me } = await buildWithIssuer(t)
  const other = await startIssuer(t)
  const valid = await issuer.sign()
  const [header, payload, signature] = valid.split('.') as [string, string, string]
  const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const hmac = (key: string) => {
    const text = `${encode({ alg: 'HS256', kid: 'key-1' })}.${payload}`
    return `${text}.${createHmac('sha256', key).update(text).digest('base64url')}`
  }
  const sign = async (options: SignOptions, claims = {}) => issuer.sign(claims, options)
  const changed = encode({ ...JSON.parse(Buffer.from(payload, 'base64url').toString()), sub: 'eve' })
  const wrong: Record<string, string> = {
    'alg none': `${encode({ alg: 'none' })}.${payload}.`,
    'HS256 with the public key': hmac(issuer.publicPem()),
    'a changed claim': `${header}.${changed}.${signature}`,
    'a cut signature': valid.slice(0, -4),
    'no signature': `${header}.${payload}`,
    expired: await sign({ expires: -10 }),
    'not valid yet': await sign({ notBefore: 60 }),
    'another audience': await sign({ audience: 'another' }),
    'another issuer': await other.sign(),
    'the name of the issuer, the key of another': await other.sign({}, { issuer: issuer.url }),
    'an unknown key': await sign({ kid: 'nobody' }),
    'no JWT at all': 'e30.e30.e30',
    'a number as its subject': `${header}.${encode({ iss: issuer.url, sub: 1 })}.${signature}`,
    'a long text': 'x'.repeat(9000)
  }
  for (const [name, token] of Object.entries(wrong)) {
    const answer = await me(token)
    t.match(answer, { status: 401, body: { code: 'unauthenticated' } }, name)
    t.equal(answer.headers['www-authenticate'], 'Bearer realm="Cloud Orchestrator", error="invalid_token"')
    t.notMatch(answer.body.detail, /eyJ/)
  }
})

t.test('a token is verified once, and is not accepted after its expiry', async (t) => {
  const { issuer, me } = await buildWithIssuer(t)
  const move = moveClock(t)
  const token = await issuer.sign({}, { expires: 90 })
  t.equal((await me(token)).status, 200)
  issuer.setDown(true)
  move(70_000)
  t.equal((await me(token)).status, 200, 'verified again after a minute, with the keys at hand')
  move(30_000)
  t.equal((await me(token)).status, 401)
})

t.test('an unknown key makes the server fetch the keys, at most once a minute', async (t) => {
  const { issuer, me } = await buildWithIssuer(t)
  const move = moveClock(t)
  t.equal((await me(await issuer.sign())).status, 200)
  t.equal(issuer.fetches(), 1)
  await issuer.rotate()
  t.equal((await me(await issuer.sign())).status, 200, 'a rotation directly after the first fetch')
  t.equal(issuer.fetches(), 2)
  for (let i = 0; i < 20; i++) t.equal((await me(await issuer.sign({}, { kid: `forged-${i}` }))).status, 401)
  t.equal(issuer.fetches(), 2)
  move(61_000)
  await Promise.all(Array.from({ length: 20 }, async (_, i) => me(await issuer.sign({}, { kid: `forged-${i}` }))))
  t.equal(issuer.fetches(), 3)

  await issuer.rotate()
  move(61_000)
  t.equal((await me(await issuer.sign())).status, 200, 'the key after a rotation')
  t.equal(issuer.fetches(), 4)
})

t.test('while the issuer is down, its last keys are used; without any the answer is 503', async (t) => {
  const { issuer, me } = await buildWithIssuer(t)
  const move = moveClock(t)
  issuer.setDown(true)
  const token = await issuer.sign()
  const answer = await me(token)
  t.match(answer, {
    status: 503, headers: { 'retry-after': '5' }, body: { code: 'issuer_unavailable', retryable: true }
  })
  issuer.setDown(false)
  t.match(await me(token), { status: 503 }, 'the next try is some seconds later')
  move(6000)
  t.equal((await me(token)).status, 200)

  issuer.setDown(true)
  move(3_600_000)
  t.equal((await me(await issuer.sign({}, { expires: 7200 }))).status, 200, 'an hour of outage')
})

t.test('two callers of the same name, or of the same id at two issuers, are two callers', async (t) => {
  const [one, two] = [await startIssuer(t), await startIssuer(t)]
  const issuers = [one, two].map((issuer) => ({ ...issuerSettings(issuer), grants: [grant('manage', '*')] }))
  const { api } = await build(t, { clouds, settings: { auth: { issuers } } })
  const input = { name: 'n' }
  const create = async (issuer: Issuer) => api.post('/api/v2/clouds/team-a/networks', input, {
    ...bearer(await issuer.sign()), 'idempotency-key': 'same'
  })
  const first = await create(one)
  t.match(await create(one), { status: 201, headers: { 'idempotency-replayed': 'true' }, body: { id: first.body.id } })
  const second = await create(two)
  t.match([second.status, second.headers['idempotency-replayed']], [201, undefined])
  t.not(second.body.id, first.body.id)
})
