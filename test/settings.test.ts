/* eslint-disable no-template-curly-in-string -- settings have variables of that form */
import { mkdirSync, writeFileSync } from 'node:fs'
import net from 'node:net'
import { once } from 'node:events'
import path from 'node:path'
import t, { type Test } from 'tap'
import { stringify } from '#yaml'
import { loadSettings, SettingsError, type Settings } from '../config/index.ts'
import { version } from '../config/version.ts'
import { loadDrivers } from '../drivers/load.ts'
import { run, serve } from './fixtures/process.ts'

const drivers = await loadDrivers()

interface Input {
  /** Contents by file name. An object is written as JSON or YAML, as the name says. */
  files?: Record<string, string | object>
  env?: Record<string, string>
  config?: string
}

function write (directory: string, files: Record<string, string | object>) {
  for (const [name, content] of Object.entries(files)) {
    const file = path.join(directory, name)
    mkdirSync(path.dirname(file), { recursive: true })
    const serialize = name.endsWith('.json') ? JSON.stringify : stringify
    writeFileSync(file, typeof content === 'string' ? content : serialize(content))
  }
}

function load (t: Test, { files = {}, env = {}, config }: Input = {}): Settings {
  const directory = t.testdir()
  write(directory, files)
  return loadSettings({ config, env, cwd: directory, drivers })
}

/** Returns the errors of settings, which must have at least one. */
function errorsOf (t: Test, input: Input): readonly string[] {
  try {
    load(t, input)
  } catch (error) {
    if (error instanceof SettingsError) return error.errors
    throw error
  }
  t.fail('there is no error', { input })
  return []
}

const main = (content: object | string, more: Record<string, string | object> = {}) =>
  ({ 'orchestrator.yaml': content, ...more })
const dummy = { driver: 'dummy' }
const farm = { default: dummy }

t.test('without settings there is one dummy cloud, on a loopback address', async (t) => {
  const directory = t.testdir()
  const settings = loadSettings({ env: {}, cwd: directory, drivers })
  t.match(settings, {
    host: '127.0.0.1',
    port: 5070,
    insecure: false,
    allowed_hosts: [],
    trust_proxy: [],
    cors: { origins: [] },
    log_level: 'info',
    log_requests: true,
    store: { file: path.join(directory, 'data/orchestrator.db') },
    operations: { keep_days: 7, max_hours: 2, reconcile_seconds: 30, poll_ms: 200 },
    assignments: { claims_days: 30, retry_seconds: 60, check_seconds: 900 },
    health_seconds: 60
  })
  t.match(settings.clouds, [{ name: 'default', driver: 'dummy', enabled: true, timeout: 30, max_in_flight: 32 }])
  t.equal(settings.clouds[0]!.settings['state_file'], path.join(directory, 'data/dummy-default.json'))
})

t.test('the file is the one that is named, or the first of those that are looked for', async (t) => {
  const on = (port: number) => ({ port, clouds: farm })
  const all = Object.entries({
    'orchestrator.yaml': on(1),
    'orchestrator.yml': on(2),
    'orchestrator.json': on(3),
    'conf/other.json': on(4),
    'conf/more.yaml': on(5)
  })
  const port = (t: Test, without: string[], input: Input = {}) =>
    load(t, { files: Object.fromEntries(all.filter(([name]) => !without.includes(name))), ...input }).port
  const env = { ORCHESTRATOR_CONFIG: 'conf/more.yaml' }
  await t.test('yaml', async (t) => t.equal(port(t, []), 1))
  await t.test('yml', async (t) => t.equal(port(t, ['orchestrator.yaml']), 2))
  await t.test('json', async (t) => t.equal(port(t, ['orchestrator.yaml', 'orchestrator.yml']), 3))
  await t.test('--config', async (t) => t.equal(port(t, [], { config: 'conf/other.json', env }), 4))
  await t.test('ORCHESTRATOR_CONFIG', async (t) => t.equal(port(t, [], { env }), 5))
})

t.test('paths in a file are meant from its folder', async (t) => {
  const { store, clouds } = load(t, {
    config: 'conf/a.yaml',
    files: {
      'conf/a.yaml': {
        store: { file: 'db/x.db' },
        clouds: { a: dummy, b: { ...dummy, state_file: 'b.json' }, c: { ...dummy, state_file: null } }
      }
    }
  })
  const conf = path.join(t.testdirName, 'conf')
  t.equal(store.file!, path.join(conf, 'db/x.db'))
  t.same(clouds.map(({ settings }) => settings['state_file']),
    [path.join(conf, 'db/dummy-a.json'), path.join(conf, 'b.json'), null])
})

t.test('the environment goes over the settings of the server', async (t) => {
  const env = { PORT: '0', HOST: '::1', LOG_LEVEL: 'silent', LOG_REQUESTS: 'false', STORE_FILE: '/tmp/other.db' }
  const files = main({
    port: 1, host: 'localhost', log_level: 'debug', log_requests: true, store: { file: 'a.db' }, clouds: farm
  })
  t.match(load(t, { files, env }), {
    port: 0, host: '::1', log_level: 'silent', log_requests: false, store: { file: '/tmp/other.db' }
  })
  t.match(load(t, { files, env: { PORT: '', HOST: '' } }), { port: 1, host: 'localhost' }, 'what is empty is not set')
})

t.test('variables and files are filled in wherever a string stands', async (t) => {
  const { clouds, log_level: level } = load(t, {
    files: main({
      log_level: '${LEVEL:-warn}',
      clouds: {
        default: { ...dummy, location: '${REGION}-${NUMBER:-1}' },
        literal: { ...dummy, state_file: '$${REGION}.json' },
        dollar: { ...dummy, state_file: 'a$b${EMPTY}.json' },
        os: {
          driver: 'openstack',
          auth: {
            auth_url: 'https://keystone', username: 'u', password: 'file:secret.txt', project_name: '${EMPTY:-none}x'
          }
        }
      }
    }, { 'secret.txt': 'pass word\n' }),
    env: { REGION: 'north', EMPTY: '' }
  })
  t.equal(level, 'warn')
  t.equal(clouds[0]!.settings['location'], 'north-1')
  t.match(clouds[1]!.settings['state_file'], /\/\$\{REGION\}\.json$/)
  t.match(clouds[2]!.settings['state_file'], /\/a\$b\.json$/)
  t.match(clouds[3]!.settings['auth'], { password: 'pass word', project_name: 'x' })
})

t.test('all errors are told at once: file, path, what was found, what is expected', async (t) => {
  const errors = errorsOf(t, {
    files: main({
      port: 'many',
      log_level: 'loud',
      operations: { keep_days: 0, retries: 3 },
      colour: 'red',
      clouds: {
        default: {
          driver: 'dummy', delay: -1, page_size: 5000, colour: 'red', faults: [{ on: 'nodes.create', kind: 'flood' }]
        },
        noDriver: { delay: 1 },
        nebula: { driver: 'nebula' },
        'Upper Case': dummy,
        late: { driver: 'dummy', timeout: 'long', max_in_flight: 0 },
        text: 'dummy',
        nothing: null,
        keystone: { driver: 'openstack', auth: { auth_url: 'keystone', token: '${TOKEN}' }, cacert: 'file:ca.pem' }
      }
    })
  })
  const wanted = [
    /^orchestrator\.yaml: port: found "many"; must be/,
    /^orchestrator\.yaml: log_level: found "loud"; must be one of fatal, error, warn, info, debug, trace, silent$/,
    /^orchestrator\.yaml: operations\.keep_days: found 0; must be/,
    new RegExp('^orchestrator\\.yaml: operations\\.retries is not a setting; ' +
      'known settings: keep_days, max_hours, reconcile_seconds, poll_ms$'),
    /^orchestrator\.yaml: colour is not a setting; known settings: host, port/,
    /^orchestrator\.yaml: clouds\.default\.delay: found -1; must be/,
    /^orchestrator\.yaml: clouds\.default\.page_size: found 5000; must be/,
    /^orchestrator\.yaml: clouds\.default\.colour is not a setting; known settings: .*page_size/,
    /^orchestrator\.yaml: clouds\.default\.faults\.0\.kind: found .*; must be one of error, rate_limited/,
    /^orchestrator\.yaml: clouds\.noDriver\.driver is required$/,
    /^orchestrator\.yaml: clouds\.nebula\.driver: found "nebula"; expected one of dummy, .*openstack/,
    /^orchestrator\.yaml: clouds\.Upper Case: found the name "Upper Case"; expected/,
    /^orchestrator\.yaml: clouds\.late\.timeout: found "long"; must be/,
    /^orchestrator\.yaml: clouds\.late\.max_in_flight: found 0; must be/,
    /^orchestrator\.yaml: clouds\.text: found a string; expected \{driver/,
    /^orchestrator\.yaml: clouds\.nothing: found null; expected \{driver/,
    /^orchestrator\.yaml: clouds\.keystone\.auth\.auth_url: found "keystone"; must/,
    /^orchestrator\.yaml: clouds\.keystone\.auth\.token: needs the environment variable TOKEN, which is not set$/,
    /^orchestrator\.yaml: clouds\.keystone\.cacert: needs the file .*ca\.pem, which cannot be read \(ENOENT\)$/
  ]
  for (const pattern of wanted) t.ok(errors.some((line) => pattern.test(line)), String(pattern), { errors })
  t.equal(errors.length, wanted.length, 'and nothing else', { errors })
})

t.test('what was found is never told where it is a secret', async (t) => {
  const secret = 'correct horse battery staple'
  const auth = { auth_url: 'https://keystone', username: 'u' }
  const openstack = (fields: object) =>
    main({ clouds: { default: { driver: 'openstack', ...fields } } }, { 'secret.txt': secret })
  const dummyWith = (fields: object) => ({ default: { ...dummy, ...fields } })
  const given: [string, Input][] = [
    ['in a variable', {
      files: main({ port: '${S}', clouds: dummyWith({ delay: '${S}', location: '${S}' }) }), env: { S: secret }
    }],
    ['in a part of a variable', { files: openstack({ auth: { ...auth, auth_url: 'x${S}' } }), env: { S: secret } }],
    ['in a file', { files: openstack({ auth, verify: 'file:secret.txt' }) }],
    ['a password of the wrong type', { files: openstack({ auth: { ...auth, password: [secret] } }) }],
    ['a password under a wrong name', { files: openstack({ auth: { ...auth, passwort: secret }, password: secret }) }],
    ['a password as the name of a setting above', { files: openstack({ auth: secret }) }],
    ['a password where a cloud should be', { files: main({ clouds: { default: secret } }) }],
    ['in a default of a variable', { files: main({ port: `\${S:-${secret}}`, clouds: farm }) }],
    ['in YAML that is none', { files: main(`clouds:\n  default:\n    password: "${secret}\n    x: {${secret}`) }],
    ['twice in YAML', { files: main(`clouds: {}\npassword: ${secret}\npassword: ${secret}`) }]
  ]
  for (const [title, one] of given) {
    const errors = errorsOf(t, one)
    t.ok(errors.length > 0, title)
    t.notOk(errors.join('\n').includes(secret), `${title}: not told`, { errors })
  }
})

t.test('an entry with locations is one cloud for each, and default comes first', async (t) => {
  const keystone = { driver: 'openstack', auth: { auth_url: 'https://keystone', username: 'u', password: 'p' } }
  const { clouds } = load(t, {
    files: main({
      clouds: {
        west: { ...dummy, locations: ['us-1', 'us-2'], nodes: 3, timeout: 5 },
        off: { ...dummy, enabled: false },
        branch: { ...keystone, locations: ['RegionOne', 'Region_Two'] },
        default: dummy
      }
    })
  })
  t.match(clouds, [
    { name: 'default' },
    { name: 'west-us-1', timeout: 5, settings: { location: 'us-1', nodes: 3 } },
    { name: 'west-us-2', timeout: 5, settings: { location: 'us-2', nodes: 3 } },
    { name: 'off', enabled: false },
    { name: 'branch-regionone', settings: { region_name: 'RegionOne' } },
    { name: 'branch-region-two', settings: { region_name: 'Region_Two' } }
  ])
  t.match(clouds[1]!.settings['state_file'], /dummy-west-us-1\.json$/, 'each with a state of its own')
  const twice = errorsOf(t, { files: main({ clouds: { 'a-b': dummy, a: { ...dummy, locations: ['b', 'c'] } } }) })
  t.match(twice, [/found the name "a-b" twice/])
  const empty = errorsOf(t, { files: main({ clouds: { a: { ...dummy, locations: [] } } }) })
  t.match(empty, [/clouds\.a\.locations: found a list; must/])
})

t.test('an address that others can reach is refused, unless it is said that this is meant', async (t) => {
  for (const host of ['0.0.0.0', '::', '192.0.2.1', 'example.com']) {
    const [error] = errorsOf(t, { files: main({ clouds: farm }), env: { HOST: host } })
    t.match(error, /^orchestrator\.yaml: host: found ".*"; this server does not authenticate callers.*insecure: true/)
    t.equal(load(t, { files: main({ insecure: true, clouds: farm }), env: { HOST: host } }).host, host)
  }
  for (const host of ['127.0.0.1', '127.1.2.3', '::1', 'localhost']) {
    t.equal(load(t, { files: main({ host, clouds: farm }) }).host, host)
  }
})

t.test('a file that cannot be read, or is none of settings, is one error that says why', async (t) => {
  const cases: [string, Input, RegExp][] = [
    ['missing', { config: 'none.yaml' }, /^none\.yaml: cannot be read \(ENOENT\)$/],
    ['a folder', { config: 'conf', files: { 'conf/a.yaml': {} } }, /^conf: cannot be read \(EISDIR\)$/],
    [
      'missing, named by the environment',
      { env: { ORCHESTRATOR_CONFIG: 'none.json' } },
      /^none\.json: cannot be read \(ENOENT\)$/
    ],
    ['not YAML', { files: main('clouds:\n  default: [') }, /^orchestrator\.yaml: .* at line \d+, column \d+$/],
    ['a tab', { files: main('clouds:\n\tdefault: {}') }, /^orchestrator\.yaml: .* at line 2, column \d+$/],
    [
      'a key twice',
      { files: main('port: 1\nport: 2\n') },
      /^orchestrator\.yaml: Map keys must be unique at line 2, column 1$/
    ],
    ['a list', { files: main('- driver: dummy') }, /^orchestrator\.yaml: is a list; expected a map/],
    ['a text', { files: main('dummy') }, /^orchestrator\.yaml: is "dummy"; expected a map/],
    ['empty', { files: main('') }, /^orchestrator\.yaml: clouds: found nothing; expected a map/],
    ['without clouds', { files: main({ port: 1 }) }, /^orchestrator\.yaml: clouds: found nothing; expected a map/],
    [
      'with clouds that are a list',
      { files: main({ clouds: [dummy] }) },
      /^orchestrator\.yaml: clouds: found a list; expected a map/
    ],
    [
      'with no cloud',
      { files: main({ clouds: {} }) },
      /^orchestrator\.yaml: clouds: found an empty map; expected at least one cloud/
    ],
    ['JSON that is none', { files: { 'orchestrator.json': '{"clouds": ' } }, /^orchestrator\.json: .* at line 1/]
  ]
  for (const [title, given, pattern] of cases) {
    await t.test(title, async (t) => {
      const errors = errorsOf(t, given)
      t.equal(errors.length, 1, 'one error', { errors })
      t.match(errors[0], pattern)
    })
  }
})

t.test('a variable of the environment that does not fit is told as the setting it goes over', async (t) => {
  const cases = [
    ['PORT', 'http', 'port'],
    ['PORT', '70000', 'port'],
    ['PORT', '-1', 'port'],
    ['LOG_LEVEL', 'loud', 'log_level'],
    ['LOG_REQUESTS', 'yes', 'log_requests']
  ] as const
  for (const [name, value, setting] of cases) {
    const [error] = errorsOf(t, { files: main({ clouds: farm }), env: { [name]: value } })
    t.match(error, new RegExp(`orchestrator\\.yaml: ${setting}: found .*${value}.*; must`))
  }
})

const quiet = { log_level: 'silent', port: 0 }
const cloud = (settings: object = {}) => ({ driver: 'dummy', state_file: null, ...settings })

t.test('the command line tells its version, its help, and what it does not know', async (t) => {
  const cwd = t.testdir()
  const [shown, helped, unknown, option, more] = await Promise.all(
    [['--version'], ['-h'], ['destroy'], ['--colour'], ['check', 'now']].map((args) => run(t, args, { cwd })))
  t.match(shown, { code: 0, stdout: `${version}\n`, stderr: '' })
  t.match(helped, { code: 0, stdout: /orchestrator check[^]*--config FILE/, stderr: '' })
  t.match(unknown, { code: 1, stdout: '', stderr: /Unknown command "destroy"[^]*--config FILE/ })
  t.match(option, { code: 1, stdout: '', stderr: /--colour[^]*--config FILE/ })
  t.match(more, { code: 1, stderr: /Unknown command "check now"/ })
})

t.test('check tells every cloud in a table, and ends with 0 only where all are well', async (t) => {
  const cwd = t.testdir()
  write(cwd, {
    'good.yaml': { ...quiet, clouds: { default: cloud(), off: cloud({ enabled: false }) } },
    'bad.yaml': {
      ...quiet,
      clouds: {
        default: cloud(),
        denied: cloud({ faults: [{ on: 'check', kind: 'auth_failed' }] }),
        late: cloud({ timeout: 0.2, faults: [{ on: 'check', kind: 'hang' }] })
      }
    },
    'wrong.yaml': { port: 'x', clouds: { a: { driver: 'nebula' } } }
  })
  const [good, bad, wrong] = await Promise.all(['good', 'bad', 'wrong'].map((name) =>
    run(t, ['check', '-c', `${name}.yaml`], { cwd })))
  t.equal(good!.code, 0, 'all is well', { good })
  const table = /^CLOUD +DRIVER +HOST +RESULT +MS +DETAIL\ndefault +dummy +- +up +\d+\noff +dummy +- +disabled +-\n$/
  t.match(good!.stdout, table)
  t.equal(bad!.code, 1)
  t.match(bad!.stdout, /\ndenied +dummy +- +down +\d+ +provider_auth_failed: .*Check the credentials/)
  t.match(bad!.stdout, /\nlate +dummy +- +down +\d+ +provider_timeout: .*0\.2 s/)
  t.match(wrong, { code: 1, stdout: '' })
  const twoErrors = /^The settings have 2 errors:\n {2}wrong\.yaml: port.*\n {2}wrong\.yaml: clouds\.a\.driver.*\n$/
  t.match(wrong!.stderr, twoErrors)
})

t.test('a server says where it listens; a second one on its port or its store ends and says why', async (t) => {
  const cwd = t.testdir()
  write(cwd, { 'orchestrator.yaml': { ...quiet, clouds: { default: cloud(), off: cloud({ enabled: false }) } } })
  const { url, out, child, ended } = await serve(t, [], { cwd })
  t.equal(out.stdout, 'Cloud Orchestrator serves default (dummy), off (dummy, disabled)\n' +
    `  API   ${url}/api/v2/nodes\n` +
    `  Docs  ${url}/docs\n`)
  t.equal((await fetch(`${url}/health/ready`)).status, 200)

  const taken = net.createServer().listen(0, '127.0.0.1')
  t.teardown(() => taken.close())
  await once(taken, 'listening')
  const { port } = taken.address() as net.AddressInfo
  const [store, busy] = await Promise.all([
    run(t, ['serve'], { cwd }),
    run(t, ['serve'], { cwd, env: { PORT: String(port), STORE_FILE: 'other.db' } })
  ])
  t.match(store, { code: 1, stdout: '' })
  t.match(store.stderr, /^The store .*orchestrator\.db is in use by another server\. .*set another store\.file\n$/)
  t.match(busy, { code: 1, stdout: '', stderr: /^The port is in use by another process .*set PORT/ })

  child.kill('SIGINT')
  t.equal(await ended, 0, 'it ends on SIGINT')
  t.equal(out.stderr, '')
})

t.test('beside the URL of a database, STORE_FILE names the folder for other data', (t) => {
  const url = 'postgres://me:secret@db.example.org/app'
  const load = (env: Record<string, string>, store?: object) => {
    const cwd = t.testdir({ 'orchestrator.json': JSON.stringify({ ...store && { store }, clouds: farm }) })
    const { store: { url: found }, dataDirectory } = loadSettings({ env, cwd, drivers })
    return { url: found, dataDirectory: path.relative(cwd, dataDirectory) }
  }
  t.same(load({ DATABASE_URL: url }), { url, dataDirectory: 'data' })
  t.same(load({ DATABASE_URL: url }, { file: 'a.db' }), { url, dataDirectory: 'data' })
  t.same(load({ DATABASE_URL: url, STORE_FILE: 'state/a.db' }), { url, dataDirectory: 'state' })
  t.same(load({ STORE_FILE: 'state/a.db' }, { url }), { url, dataDirectory: 'state' })
  t.end()
})

t.test('hosts, proxies and origins are checked at the start', (t) => {
  const good = {
    allowed_hosts: ['api.example.org', 'cloud-1'],
    trust_proxy: ['10.0.0.0/8', '::1', 'loopback'],
    cors: { origins: ['https://portal.example.org', 'http://localhost:3000', 'chrome-extension://abc'] }
  }
  t.match(load(t, { files: main({ ...good, clouds: farm }) }), good)

  for (const origin of ['*', 'null', 'portal.example.org', 'https://a.example/', 'https://A.example', 'http://a:80']) {
    const [error, ...others] = errorsOf(t, { files: main({ cors: { origins: [origin] }, clouds: farm }) })
    t.equal(others.length, 0)
    t.match(error, /^orchestrator\.yaml: cors\.origins\.0: found ".*"; expected an origin as browsers send it/, origin)
  }
  for (const proxy of ['true', '10.0.0.0/33', 'proxy.example.org', '']) {
    const [error] = errorsOf(t, { files: main({ trust_proxy: [proxy], clouds: farm }) })
    t.match(error, /^orchestrator\.yaml: trust_proxy\.0: found ".*"; expected an address, a network/, proxy)
  }
  for (const host of ['https://a.example', 'a.example:80', '*.example.org', '']) {
    const [error] = errorsOf(t, { files: main({ allowed_hosts: [host], clouds: farm }) })
    t.match(error, /^orchestrator\.yaml: allowed_hosts\.0: found ".*"; expected a name such as/, host)
  }
  t.match(errorsOf(t, { files: main({ trust_proxy: true, clouds: farm }) }), [
    /trust_proxy: found a boolean; must be array/
  ])
  t.end()
})
