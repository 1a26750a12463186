/* eslint-disable no-template-curly-in-string -- settings have variables of that form */
import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import t, { type Test } from 'tap'
import { parse } from '#yaml'
import { convertSettings, loadSettings, SettingsError } from '../config/index.ts'
import { loadDrivers } from '../drivers/load.ts'
import { run } from './fixtures/process.ts'

const drivers = await loadDrivers()

/** Settings as the original Orchestrator has them, with the arguments of Apache Libcloud's drivers. */
const farm = {
  default: { ENGINE: 'dummy', USER: 0, PASSWORD: '' },
  My_Stack: {
    ENGINE: 'openstack',
    USER: 'demo',
    PASSWORD: 'pa${HOME}ss-word',
    EXTRA_PARAMS: {
      ex_force_auth_url: 'http://127.0.0.1:5000/v2.0/tokens',
      ex_force_auth_version: '2.0_password',
      ex_tenant_name: 'production',
      ex_force_service_region: 'RegionOne'
    }
  },
  credential: {
    ENGINE: 'openstack',
    USER: 'an-id',
    PASSWORD: 'a-secret',
    EXTRA_PARAMS: { ex_force_auth_url: 'http://127.0.0.1:5000/', ex_force_auth_version: '3.x_appcred' }
  },
  euca: {
    ENGINE: 'eucalyptus',
    USER: 'AKI',
    PASSWORD: 'a-secret',
    EXTRA_PARAMS: { host: '127.0.0.1', secure: false, port: '8773', path: '/services/Eucalyptus' }
  },
  london: { ENGINE: 'rackspace_nova_lon', USER: 'me', PASSWORD: 'a-key' },
  oregon: { ENGINE: 'EC2_US_WEST_OREGON', USER: 'AKI', PASSWORD: 'a-secret' },
  droplets: { ENGINE: 'digitalocean', USER: 'a-token', EXTRA_PARAMS: { region: 'fra1', api_version: 'v2' } },
  amazon: {
    ENGINE: 'ec2', USER: 'AKI', PASSWORD: 'a-secret', EXTRA_PARAMS: { host: '127.0.0.1', port: 5001, secure: false }
  }
}

function write (t: Test, content: unknown, name = 'orchestrator.json') {
  const directory = t.testdir({ [name]: typeof content === 'string' ? content : JSON.stringify(content) })
  return { directory, file: path.join(directory, name) }
}

const load = (cwd: string, env = {}) => loadSettings({ env, cwd, drivers })

t.test('a settings file of the original Orchestrator is read as it is', async (t) => {
  const { directory } = write(t, { CLOUD_FARM: farm, DEBUG: true, port: 0 })
  const { clouds, port } = load(directory, { HOME: '/home/me' })
  t.equal(port, 0, 'settings of this server can stand beside it')
  const byName = Object.fromEntries(clouds.map(({ name, driver, settings }) => [name, { driver, settings }]))
  t.match(byName, {
    default: { driver: 'dummy', settings: { nodes: 2 } },
    'my-stack': {
      driver: 'openstack',
      settings: {
        region_name: 'RegionOne',
        auth: {
          auth_url: 'http://127.0.0.1:5000/v3',
          username: 'demo',
          password: 'pa${HOME}ss-word',
          project_name: 'production'
        }
      }
    },
    credential: {
      driver: 'openstack',
      settings: { auth: { application_credential_id: 'an-id', application_credential_secret: 'a-secret' } }
    },
    euca: {
      driver: 'eucalyptus',
      settings: { access_key_id: 'AKI', host: '127.0.0.1', secure: false, port: 8773, path: '/services/Eucalyptus' }
    },
    london: { driver: 'rackspace', settings: { username: 'me', api_key: 'a-key', region: 'LON' } },
    droplets: {
      driver: 'libcloud',
      settings: { provider: 'digitalocean', key: 'a-token', region: 'fra1', arguments: { api_version: 'v2' } }
    },
    oregon: { driver: 'ec2', settings: { access_key_id: 'AKI', location: 'us-west-2' } },
    amazon: { driver: 'ec2', settings: { location: 'us-east-1', endpoint: 'http://127.0.0.1:5001' } }
  })
  t.equal(clouds.length, Object.keys(farm).length)
})

t.test('orchestrator convert prints the same settings in the form of this server, with what to check', async (t) => {
  const { directory, file } = write(t, { CLOUD_FARM: farm, DEBUG: true })
  const { stdout, code } = await run(t, ['convert', file], { cwd: directory })
  t.equal(code, 0)
  t.match(stdout, /^# The cloud "My_Stack" is named my-stack here; \/api\/v1 accepts both names\.$/m)
  t.match(stdout, /^# My_Stack: Identity v2\.0 is used no more/m)
  t.match(stdout, /^# Not used by this server: DEBUG\.$/m)
  t.notOk('CLOUD_FARM' in parse(stdout))

  const before = load(directory)
  writeFileSync(path.join(directory, 'orchestrator.yaml'), stdout)
  t.same(load(directory, { HOME: '/home/me' }).clouds, before.clouds)
})

t.test('a Python file is not read; the error has the command that makes JSON of it', async (t) => {
  const python = { default: farm.default, london: farm.london }
  const source = `DEBUG = True\nCLOUD_FARM = ${JSON.stringify(python)}\n`
  const { directory, file } = write(t, source, 'settings.py')
  const { stderr, code } = await run(t, ['convert', file], { cwd: directory })
  t.equal(code, 1)
  const [, command] = /Make JSON of it: (python3 .*)$/m.exec(stderr) ?? []
  t.ok(command, 'the command', { stderr })
  execFileSync('sh', ['-c', command!], { cwd: directory })
  t.same(JSON.parse(readFileSync(path.join(directory, 'orchestrator.json'), 'utf8')), { CLOUD_FARM: python })
})

t.test('all errors are reported at once, without secrets', async (t) => {
  const wrong = {
    text: 'dummy',
    engine: { USER: 'x' },
    extra: { ENGINE: 'ec2', EXTRA_PARAMS: 'region=x' },
    parameter: { ENGINE: 'rackspace', USER: 'x', PASSWORD: 'hidden-secret', EXTRA_PARAMS: { zone: 'hidden-secret' } },
    field: { ENGINE: 'ec2', KEY: 'hidden-secret' },
    url: { ENGINE: 'openstack', USER: 'x', PASSWORD: 'hidden-secret' },
    version: { ENGINE: 'openstack', EXTRA_PARAMS: { ex_force_auth_url: 'http://x', ex_force_auth_version: '1.0' } },
    'a.b': { ENGINE: 'dummy' },
    a_b: { ENGINE: 'dummy' }
  }
  const { directory } = write(t, { CLOUD_FARM: wrong })
  const failure = (() => {
    try {
      return load(directory)
    } catch (error) {
      return error
    }
  })()
  t.ok(failure instanceof SettingsError)
  const { errors } = failure as SettingsError
  t.match(errors, [
    /CLOUD_FARM\.text: found a string; expected \{ENGINE, USER, PASSWORD, EXTRA_PARAMS\}/,
    /CLOUD_FARM\.engine: ENGINE: found nothing; expected the name of a driver/,
    /CLOUD_FARM\.extra: EXTRA_PARAMS must be a map/,
    /CLOUD_FARM\.parameter: EXTRA_PARAMS\.zone is not known; expected region/,
    /CLOUD_FARM\.field: KEY is not known; expected ENGINE/,
    /CLOUD_FARM\.url: EXTRA_PARAMS\.ex_force_auth_url is required/,
    /CLOUD_FARM\.version: EXTRA_PARAMS\.ex_force_auth_version is "1\.0"; expected 2\.0_password/,
    /CLOUD_FARM\.a_b: the name becomes "a-b", as that of another cloud/
  ])
  t.equal(errors.length, 8)
  t.notMatch(errors.join('\n'), /hidden-secret/)
})

t.test('convert refuses what it cannot convert', async (t) => {
  const { directory } = write(t, { clouds: {} })
  await t.rejects(convertSettings('orchestrator.json', directory), { message: /has no CLOUD_FARM/ })
  const named = write(t, { CLOUD_FARM: { a: { ENGINE: 'rackspace', USER: 'x', PASSWORD: 'file:x' } } })
  await t.rejects(convertSettings(named.file, directory), { message: /clouds\.a\.api_key begins with "file:"/ })
})
