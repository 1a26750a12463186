import t from 'tap'
import { loadSettings } from '../../config/index.ts'
import { loadDrivers } from '../../drivers/load.ts'

const key = { access_key_id: 'AKIEXAMPLE', secret_access_key: 'hidden-secret' }

async function read (settings: object) {
  const drivers = await loadDrivers()
  const directory = t.testdir({
    'orchestrator.json': JSON.stringify({ clouds: { default: { driver: 'eucalyptus', ...settings } } })
  })
  return loadSettings({ env: {}, cwd: directory, drivers }).clouds[0]!.settings
}

t.test('a host and a key are enough', async (t) => {
  t.match(await read({ ...key, host: 'cloud.example' }), {
    host: 'cloud.example',
    port: 8773,
    path: '/services/compute',
    secure: true,
    location: 'eucalyptus'
  })
})

t.test('settings of the original Orchestrator are converted', async (t) => {
  const extra = { host: '10.0.0.5', secure: false, port: '8773', path: '/services/Eucalyptus' }
  t.match(await read({ USER: 'AKIEXAMPLE', PASSWORD: 'hidden-secret', EXTRA_PARAMS: extra }), {
    ...key,
    ...extra,
    port: 8773
  })
})

t.test('an endpoint has host, port, path and the use of TLS', async (t) => {
  t.match(await read({ ...key, endpoint: 'http://cloud.example:8774/services/Eucalyptus' }), {
    host: 'cloud.example',
    port: 8774,
    path: '/services/Eucalyptus',
    secure: false
  })
  t.match(await read({ ...key, endpoint: 'https://cloud.example' }), {
    port: 8773,
    path: '/services/compute',
    secure: true
  })
})

t.test('an error names the wrong setting, without a secret', async (t) => {
  for (const [settings, said] of [
    [key, /host is required/],
    [{ ...key, host: 'http://cloud' }, /host/],
    [{ ...key, host: 'cloud', port: 99_999 }, /port/],
    [{ ...key, endpoint: 'nowhere' }, /endpoint must be an address/],
    [{ ...key, EXTRA_PARAMS: 'host' }, /EXTRA_PARAMS must be a map/],
    [{ ...key, EXTRA_PARAMS: { host: 'cloud', colour: 'red' } }, /EXTRA_PARAMS\.colour is not known; expected host/],
    [{ host: 'cloud', secret_access_key: 'hidden-secret' }, /access_key_id is required/]
  ] as const) {
    const error = (await read(settings).catch((error: Error) => error)) as Error
    t.match(error.message, said)
    t.notMatch(error.message, /hidden-secret/)
  }
})
