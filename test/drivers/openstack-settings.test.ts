import { mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import Fastify from 'fastify'
import t, { type Test } from 'tap'
import type { SettingsSource } from '../../drivers/driver.ts'
import { computeRoot, findEndpoint } from '../../drivers/openstack/client/catalog.ts'
import { resolve } from '../../drivers/openstack/clouds-yaml.ts'
import openstack from '../../drivers/openstack/index.ts'
import { authRequest, missingCredentials, tokensUrl } from '../../drivers/openstack/client/keystone.ts'
import { atLeast, chooseVersion, microversions, readRange } from '../../drivers/openstack/client/microversions.ts'
import { Settings } from '../../drivers/openstack/client/settings.ts'
import { readSettings } from '../../drivers/settings.ts'
import type { ProblemError } from '../../openapi/model/index.ts'

const url = 'https://cloud.example/v3'
const auth = { auth_url: url, username: 'me', password: 'pw', project_name: 'p' }

function source (t: Test, files: Record<string, string>, env: Record<string, string> = {}): SettingsSource {
  const directory = t.testdir({})
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(path.dirname(path.join(directory, name)), { recursive: true })
    writeFileSync(path.join(directory, name), content)
  }
  return { cloud: 'default', directory, dataDirectory: directory, env: { HOME: path.join(directory, 'home'), ...env } }
}

t.test('settings have the names of clouds.yaml only', async (t) => {
  t.strictSame(
    readSettings(Settings, {
      auth,
      region_name: 'R',
      interface: 'internalURL',
      verify: false,
      cacert: 'ca.pem'
    }).errors,
    []
  )
  const { errors } = readSettings(Settings, { auth: { ...auth, user: 'x' }, regon_name: 'R', interface: 'outer' })
  t.match(errors.map(({ path }) => path).sort(), ['auth.user', 'interface', 'regon_name'])
  const { properties } = Settings.properties.auth
  const { password, application_credential_secret: secret, token, trust_id: trust } = properties
  for (const schema of [password, secret, token, trust]) t.match(schema, { format: 'password' })
})

t.test('settings override those of the clouds.yaml entry', async (t) => {
  const from = source(t, {
    'clouds.yaml': `
clouds:
  mine:
    profile: some
    auth: {
      auth_url: '${url}',
      tenant_name: p,
      username: me,
      default_domain_id: d1,
      project_domain_name: D,
      unknown: 1
    }
    regions: [{ name: R1 }, R2]
    endpoint_type: internalURL
    cacert: ca.pem
    image_api_version: 2
`,
    'secure.yaml': 'clouds: { mine: { auth: { password: from-secure } }, other: {} }'
  })
  const settings = resolve({ from: 'clouds.yaml#mine', auth: { username: 'other' }, verify: false }, from)
  t.strictSame(settings, {
    from: 'clouds.yaml#mine',
    verify: false,
    region_name: 'R1',
    interface: 'internalURL',
    cacert: path.join(from.directory, 'ca.pem'),
    auth: {
      auth_url: url,
      project_name: 'p',
      username: 'other',
      password: 'from-secure',
      user_domain_id: 'd1',
      project_domain_name: 'D'
    }
  })
  t.strictSame(readSettings(Settings, settings).errors, [])
})

t.test('scope, addresses and versions of clouds.yaml are used, or refused by name', async (t) => {
  const open = (entry: object) => {
    const from = source(t, { 'clouds.yaml': JSON.stringify({ clouds: { mine: entry } }) })
    const settings = resolve({ from: 'clouds.yaml#mine' }, from)
    t.strictSame(readSettings(Settings, settings).errors, [])
    return settings
  }
  const user = { auth_url: url, username: 'me', password: 'password' }
  t.match(open({ auth: { ...user, trust_id: 'trust' } }), { auth: { trust_id: 'trust' } })
  t.match(open({ auth: { ...user, project_name: 'p', domain_name: 'D' } }), {
    auth: { user_domain_name: 'D', project_domain_name: 'D' }
  })
  t.match(open({ auth: { ...user, project_name: 'p', user_domain_id: 'u' }, domain_id: 'd' }), {
    auth: { user_domain_id: 'u', project_domain_id: 'd' }
  })
  t.match(open({
    auth,
    compute_endpoint_override: 'http://n/v2.1',
    volumev3_endpoint_override: 'http://c/v3',
    volume_api_version: 3.42,
    compute_api_version: '2.60',
    image_api_version: 2
  }), {
    compute_endpoint_override: 'http://n/v2.1',
    block_storage_endpoint_override: 'http://c/v3',
    block_storage_api_version: '3'
  })
  for (const [entry, message] of [
    [{ auth: { ...user, system_scope: 'all' } }, /auth\.system_scope/],
    [{ auth: { ...user, domain_name: 'D' } }, /auth\.domain_name without a project/],
    [{ auth, identity_api_version: '2.0' }, /identity_api_version 2\.0/],
    [{ auth, volume_api_version: 1 }, /block_storage_api_version 1/],
    [{ auth, image_api_version: '1' }, /image_api_version 1/]
  ] as const) t.throws(() => open(entry), { message })

  const scopeOf = (body: unknown) => (body as { auth: { scope: unknown } }).auth.scope
  t.strictSame(scopeOf(authRequest({ ...user, trust_id: 'trust' }, undefined)), { 'OS-TRUST:trust': { id: 'trust' } })
  t.match(missingCredentials({ ...auth, trust_id: 'trust' }, undefined), /auth\.trust_id has a project/)
})

t.test('entries of one type are merged, and all names of Cinder are known', async (t) => {
  const entry = (type: string, url: string, region: string) =>
    ({ type, endpoints: [{ interface: 'public', region_id: region, url }] })
  const catalog = [
    entry('compute', 'http://a/v2.1', 'A'), entry('compute', 'http://b/v2.1', 'B'),
    entry('volumev3', 'http://a/v3/p', 'A'), entry('volume', 'http://b/v1/p', 'B'),
    entry('volumev2', 'http://b/v2/p', 'B'), entry('volume', 'http://c/v3/p', 'C'),
    entry('volumev2', 'http://c/v2/p', 'C'), entry('block-store', 'http://d/v3/p', 'D'),
    entry('volume', 'http://e/v1', 'E')
  ]
  const find = (service: 'compute' | 'volume', region: string, more: object = {}) =>
    findEndpoint(catalog, service, { region, interface: 'public', ...more }).url
  t.equal(find('compute', 'B'), 'http://b/v2.1')
  t.equal(find('volume', 'A'), 'http://a/v3/p')
  t.equal(find('volume', 'B'), 'http://b/v2/p')
  t.equal(find('volume', 'C'), 'http://c/v3/p', 'the newest')
  t.equal(find('volume', 'C', { volumeVersion: '2' }), 'http://c/v2/p')
  t.equal(find('volume', 'D'), 'http://d/v3/p')
  t.throws(() => find('volume', 'E'), { message: /no volume service in region E/ })
  t.equal(find('compute', 'X', { overrides: { compute: 'http://x/v2.1/' } }), 'http://x/v2.1')
})

t.test('clouds.yaml is searched for like OpenStack\'s clients do', async (t) => {
  const entry = (name: string) => `clouds: { ${name}: { auth: { auth_url: '${url}' } } }`
  const home = source(t, { 'home/.config/openstack/clouds.yaml': entry('home') })
  t.match(resolve({ from: 'clouds.yaml#home' }, home), { auth: { auth_url: url } })
  const given = source(t, { 'clouds.yaml': entry('near'), 'x/c.yaml': entry('env') })
  const env = { ...given.env, OS_CLIENT_CONFIG_FILE: path.join(given.directory, 'x/c.yaml') }
  t.match(resolve({ from: 'clouds.yaml#env' }, { ...given, env }), { auth: { auth_url: url } })
  t.match(resolve({ from: 'x/c.yaml#env' }, given), { auth: { auth_url: url } })
  t.throws(() => resolve({ from: 'x/none.yaml#env' }, given), { message: /there is no .*x\/none\.yaml/ })
  t.throws(() => resolve({ from: 'clouds.yaml#far' }, given), { message: /has no cloud far; there are: near/ })
  t.throws(() => resolve({ from: 'clouds.yaml' }, given), { message: /name of the cloud behind #; there are: near/ })
  t.throws(() => resolve({ from: 'clouds.yaml#__proto__' }, given), { message: /there are: near/ })
  t.throws(() => resolve({ from: 'clouds.yaml#x' }, source(t, {})), {
    message: /searched: .*clouds\.yaml, .*\.config\/openstack\/clouds\.yaml.*\/etc\/openstack/
  })
})

t.test('an error does not quote a file that is not YAML', async (t) => {
  const broken = source(t, { 'clouds.yaml': 'clouds:\n  a: { auth: { password: "topsecret\n  b: [' })
  try {
    resolve({ from: 'clouds.yaml#a' }, broken)
    t.fail('refused')
  } catch (error) {
    t.match((error as Error).message, /cannot be read as YAML \(line \d+\)/)
    t.notMatch((error as Error).message, /topsecret/)
  }
})

t.test('without `from` only the path of the certificate changes', async (t) => {
  const here = source(t, {})
  t.strictSame(resolve({ auth, cacert: 'ca.pem' }, here), { auth, cacert: path.join(here.directory, 'ca.pem') })
  t.strictSame(resolve({ cacert: '~/ca.pem' }, here), { cacert: path.join(here.directory, 'home/ca.pem') })
  t.strictSame(resolve({ auth }, here), { auth })
})

t.test('missing settings are reported at registration', async (t) => {
  const register = async (settings: object) => {
    const fastify = Fastify()
    t.teardown(() => fastify.close())
    await fastify.register(openstack, { name: 'one', ...settings })
    return fastify.clouds['one']
  }
  await t.rejects(register({}), { message: 'cloud one: auth is required' })
  await t.rejects(register({ auth: { auth_url: url, username: 'me' } }), {
    message: 'cloud one: auth.password is required'
  })
  await t.rejects(register({ auth: { ...auth, auth_url: 'cloud.example' } }), { message: /auth\.auth_url/ })
  await t.rejects(register({ auth, cacert: '/none/ca.pem' }), { message: /cacert cannot be read: ENOENT/ })
  const cloud = await register({
    auth: { ...auth, auth_url: 'https://cloud.example:5000/identity/v3' },
    region_name: 'R'
  })
  t.match(cloud, { host: 'cloud.example:5000', location: 'R', driver: 'openstack' })
})

t.test('credentials are completed or refused, by their kind', async (t) => {
  t.equal(missingCredentials({ auth_url: url, password: 'x' }, undefined), 'auth.username or auth.user_id is required')
  t.equal(missingCredentials({ auth_url: url }, 'v3token'), 'auth.token is required')
  t.match(
    missingCredentials(
      { auth_url: url, application_credential_secret: 's', application_credential_name: 'n' },
      undefined
    ),
    /application_credential_id/
  )
  t.equal(
    missingCredentials(
      { auth_url: url, application_credential_secret: 's', application_credential_id: 'n' },
      'v3applicationcredential'
    ),
    undefined
  )

  const sent = (...input: Parameters<typeof authRequest>) =>
    JSON.parse(JSON.stringify(authRequest(...input))) as unknown
  const user = { name: 'me', domain: { name: 'Default' } }
  t.strictSame(sent(auth, undefined), {
    auth: {
      identity: { methods: ['password'], password: { user: { ...user, password: 'pw' } } },
      scope: { project: { name: 'p', domain: { name: 'Default' } } }
    }
  })
  t.match(sent({ auth_url: url, user_id: 'u', password: 'pw', project_id: 'i' }, undefined), {
    auth: { identity: { password: { user: { id: 'u' } } }, scope: { project: { id: 'i' } } }
  })
  t.match(sent({ ...auth, user_domain_id: 'd', project_domain_name: 'D' }, 'password'), {
    auth: {
      identity: { password: { user: { domain: { id: 'd' } } } },
      scope: { project: { domain: { name: 'D' } } }
    }
  })
  const byId = { auth_url: url, application_credential_id: 'i', application_credential_secret: 's', project_name: 'p' }
  t.strictSame(sent(byId, undefined), {
    auth: { identity: { methods: ['application_credential'], application_credential: { id: 'i', secret: 's' } } }
  })
  const byName = { application_credential_name: 'n', application_credential_secret: 's', username: 'me' }
  t.match(sent({ auth_url: url, ...byName }, undefined), {
    auth: { identity: { application_credential: { name: 'n', user } } }
  })
  t.strictSame(sent({ auth_url: url, token: 't' }, undefined), {
    auth: { identity: { methods: ['token'], token: { id: 't' } } }
  })
})

t.test('the address of Keystone keeps its path', async (t) => {
  for (const [given, wanted] of [
    ['http://h:5000', 'http://h:5000/v3/auth/tokens'], ['http://h:5000/v3/', 'http://h:5000/v3/auth/tokens'],
    [
      'https://h/identity/v3', 'https://h/identity/v3/auth/tokens'
    ], ['https://h/identity', 'https://h/identity/v3/auth/tokens'],
    ['https://h/v2.0', 'https://h/v2.0/auth/tokens']
  ] as const) t.equal(tokensUrl(given), wanted)
})

t.test('endpoints come from the catalog', async (t) => {
  const endpoint = (face: string, region: string, url: string) => ({ interface: face, region_id: region, region, url })
  const catalog = [
    {
      type: 'compute',
      endpoints: [
        endpoint('public', 'A', 'http://a/v2.1/'),
        endpoint('internal', 'A', 'http://ia/v2.1'),
        endpoint('public', 'B', 'http://b/compute/v2.1/p')
      ]
    },
    { type: 'image', endpoints: [endpoint('public', 'A', 'http://a/image/v2')] },
    { type: 'network', endpoints: [endpoint('public', 'A', 'http://a:9696/')] },
    { type: 'block-storage', endpoints: [endpoint('public', 'A', 'http://a/v3/p')] }
  ]
  const find = (
    service: 'compute' | 'image' | 'network' | 'volume',
    region: string | undefined,
    face = 'public'
  ) => findEndpoint(catalog, service, { region, interface: face })
  t.strictSame(find('compute', 'A'), { url: 'http://a/v2.1', region: 'A' })
  t.equal(find('compute', 'A', 'internal').url, 'http://ia/v2.1')
  t.equal(find('image', 'A').url, 'http://a/image')
  t.equal(find('network', undefined).url, 'http://a:9696')
  t.equal(find('volume', 'A').url, 'http://a/v3/p')
  const refused = (run: () => unknown): ProblemError => {
    try { run() } catch (error) { return error as ProblemError }
    throw new Error('not refused')
  }
  t.match(refused(() => find('compute', 'C')), {
    code: 'provider_unavailable',
    message: /regions are: A, B/,
    details: { hint: /region_name/ }
  })
  t.match(refused(() => find('compute', undefined)), {
    code: 'provider_unavailable',
    message: /more than one region: A, B/
  })
  t.match(refused(() => find('compute', 'B', 'admin')), {
    code: 'provider_unavailable',
    message: /there are: public/,
    details: { hint: /interface/ }
  })
  t.match(refused(() => findEndpoint([], 'volume', { region: 'A', interface: 'public' })), {
    code: 'not_supported',
    message: /volumev3 or block-storage or/
  })
  for (const [given, root] of [
    [
      'http://b/compute/v2.1/p', 'http://b/compute/v2.1'
    ], ['http://a:8774/v2.1', 'http://a:8774/v2.1'], ['http://a/v2/p', 'http://a/v2'], ['http://a/x', 'http://a/x']
  ] as const) t.equal(computeRoot(given), root)
})

t.test('a call gets the lowest version that it needs', async (t) => {
  t.ok(atLeast('2.10', '2.9'))
  t.notOk(atLeast('2.9', '2.10'))
  t.ok(atLeast('3.0', '2.93'))
  t.strictSame(readRange({ version: '2.93', min_version: '2.1' }), { min: '2.1', max: '2.93' })
  t.equal(readRange({ version: '', min_version: '' }), null)
  t.equal(readRange(undefined), null)
  t.equal(chooseVersion(microversions.readServers, { min: '2.1', max: '2.93' }), '2.9')
  t.equal(chooseVersion(microversions.readServers, { min: '2.1', max: '2.8' }), undefined, 'sent without')
  t.equal(chooseVersion(microversions.readServers, null), undefined)
  t.equal(chooseVersion(microversions.describeServer, { min: '2.1', max: '2.8' }), null, 'not to be had')
  t.equal(chooseVersion(microversions.readServers, { min: '2.40', max: '2.93' }), '2.40')
})
