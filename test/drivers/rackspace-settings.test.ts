import path from 'node:path'
import Fastify from 'fastify'
import t from 'tap'
import { openCall } from '../../drivers/call.ts'
import { splitOriginal } from '../../drivers/original.ts'
import rackspace from '../../drivers/rackspace/index.ts'
import { readSettings } from '../../drivers/settings.ts'
import { start } from './rackspace-cloud.ts'

const source = { cloud: 'c', directory: '/settings', dataDirectory: '/data', env: { HOME: '/home/me' } }
const { driver } = rackspace
const resolve = (settings: Record<string, unknown>) => driver.resolve!(settings, source)

/** Resolves settings of the original Orchestrator, together with settings of this server. */
function resolveOriginal (entry: Record<string, unknown>) {
  const { original, others } = splitOriginal(entry)
  const converted = original === undefined ? {} : driver.fromOriginal!({ engine: 'rackspace', ...original }).settings
  return resolve({ ...converted, ...others })
}

t.test('settings of the original Orchestrator are converted; converted ones stay as they are', async (t) => {
  for (const [given, expected] of [
    [
      { USER: 'me', PASSWORD: 'key', EXTRA_PARAMS: { region: 'ord' } },
      { username: 'me', api_key: 'key', region: 'ORD' }
    ],
    [
      { USER: 'me', PASSWORD: 'key' },
      { username: 'me', api_key: 'key', region: 'DFW' }
    ],
    [
      {
        USER: 'me',
        PASSWORD: 'secret',
        EXTRA_PARAMS: { ex_force_auth_version: '2.0_password', ex_force_service_region: 'LON' }
      },
      { username: 'me', password: 'secret', region: 'LON' }
    ],
    [
      {
        USER: 'me',
        PASSWORD: 'key',
        region: 'iad',
        EXTRA_PARAMS: { ex_force_auth_region: 'SYD', ex_force_auth_url: 'https://lon.example', ex_tenant_name: '1' }
      },
      { username: 'me', api_key: 'key', region: 'IAD', auth_url: 'https://lon.example', tenant_id: '1' }
    ],
    [
      { username: 'me', api_key: 'key', region: 'hkg' },
      { username: 'me', api_key: 'key', region: 'HKG' }
    ],
    [
      { username: 'me', api_key: 'key' },
      { username: 'me', api_key: 'key' }
    ],
    [
      { token: 't', tenant_id: '1', cacert: 'ca.pem' },
      { token: 't', tenant_id: '1', cacert: path.resolve('/settings/ca.pem') }
    ],
    [
      { token: 't', tenant_id: '1', cacert: '~/ca.pem' },
      { token: 't', tenant_id: '1', cacert: path.resolve('/home/me/ca.pem') }
    ]
  ] as const) {
    const once = resolveOriginal(given)
    t.strictSame(once, expected)
    t.strictSame(resolve(once), once, 'resolved again it is the same')
    t.strictSame(readSettings(driver.settings, once).errors, [])
  }
})

t.test('an error names missing and wrong settings', async (t) => {
  for (const [given, said] of [
    [{}, /^username is required/],
    [{ username: 'me' }, /^api_key is required, or password/],
    [{ token: 't' }, /^tenant_id is required/],
    [{ USER: 'me' }, /^api_key is required/],
    [{ USER: 'me', PASSWORD: 'key', EXTRA_PARAMS: 'region=DFW' }, /^EXTRA_PARAMS must be a map/],
    [
      { USER: 'me', PASSWORD: 'key', EXTRA_PARAMS: { zone: 'DFW' } },
      /^EXTRA_PARAMS\.zone is not known; expected region/
    ]
  ] as const) {
    t.throws(() => resolveOriginal(given), { message: said })
  }
  const errorsOf = (more: object) => readSettings(driver.settings, { username: 'me', api_key: 'key', ...more }).errors
  t.match(errorsOf({ region: 'D F W' }), [{ path: 'region' }])
  t.match(errorsOf({ auth_url: 'identity.example' }), [{ path: 'auth_url' }])
  t.match(errorsOf({ api_key: 7 }), [{ path: 'api_key' }])
  t.match(errorsOf({ apikey: 'key' }), [
    { path: 'apikey', message: /is not a setting; known settings: username, api_key/ }
  ])
})

t.test('secrets are marked in the schema, and Identity has a default address', async (t) => {
  const isSecret = (schema: object) => 'format' in schema && schema.format === 'password'
  const { properties } = driver.settings
  t.strictSame(
    Object.keys(properties).filter((name) => isSecret(properties[name]!)),
    ['api_key', 'password', 'token']
  )
  t.match(readSettings(driver.settings, { username: 'me', api_key: 'key' }).settings, {
    auth_url: 'https://identity.api.rackspacecloud.com/v2.0'
  })
  t.equal(driver.locationSetting, 'region')
})

t.test('the error for an unreadable certificate authority names the cloud', async (t) => {
  await t.rejects(start(t, {}, { cacert: '/nowhere/ca.pem' }), { message: /cloud default: cacert cannot be read/ })
})

t.test('authentication uses a password, or a key with the number of the account', async (t) => {
  const signIn = async (settings: object) => {
    const { fake, cloud, call } = await start(t, {}, { api_key: undefined, ...settings })
    await cloud.check(call())
    return fake.asked('POST /tokens')[0]!.body
  }
  const username = 'demoauthor'
  t.strictSame(await signIn({ password: 'theUsersPassword' }), {
    auth: { passwordCredentials: { username, password: 'theUsersPassword' } }
  })
  t.strictSame(await signIn({ api_key: 'a00ac0ffee00', tenant_id: '123456' }), {
    auth: { 'RAX-KSKEY:apiKeyCredentials': { username, apiKey: 'a00ac0ffee00' }, tenantId: '123456' }
  })
})

t.test('an address without a version gets that of Identity; a token of the settings is used', async (t) => {
  const { fake } = await start(t)
  const token = fake.issueToken()
  const fastify = Fastify()
  t.teardown(() => fastify.close())
  await fastify.register(rackspace, {
    name: 'own',
    auth_url: fake.url.replace('/v2.0', '/'),
    token,
    tenant_id: fake.tenant,
    region: 'ord'
  })
  const call = openCall({ timeout: 5000, log: fastify.log, requestId: 't' })
  t.teardown(() => {
    call.end()
  })
  await fastify.clouds['own']!.check(call)
  t.strictSame(fake.asked('POST /tokens').at(-1)!.body, { auth: { token: { id: token }, tenantId: '123456' } })
  t.equal(fastify.clouds['own']!.location, 'ORD')
})
