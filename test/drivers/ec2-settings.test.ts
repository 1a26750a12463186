import t from 'tap'
import { loadSettings } from '../../config/index.ts'
import { loadDrivers } from '../../drivers/load.ts'

const key = { access_key_id: 'AKIAEXAMPLE', secret_access_key: 'hidden-secret' }

async function read (clouds: Record<string, object>) {
  const drivers = await loadDrivers()
  const directory = t.testdir({ 'orchestrator.json': JSON.stringify({ clouds }) })
  return loadSettings({ env: {}, cwd: directory, drivers })
}

t.test('driver names of the original Orchestrator stand for a region', async (t) => {
  const { clouds } = await read({
    default: { driver: 'ec2_us_east', ...key },
    west: { driver: 'ec2_us_west', ...key },
    eu: { driver: 'ec2_eu_west', ...key }
  })
  t.same(
    clouds.map(({ driver, settings }) => [driver, settings['location']]),
    [
      ['ec2', 'us-east-1'],
      ['ec2', 'us-west-1'],
      ['ec2', 'eu-west-1']
    ]
  )
})

t.test('USER and PASSWORD of the original Orchestrator are the key and its secret', async (t) => {
  const { clouds } = await read({ default: { driver: 'ec2_us_east', USER: 'AKIAEXAMPLE', PASSWORD: 'hidden-secret' } })
  t.match(clouds[0]!.settings, key)
})

t.test('an entry with two locations is two clouds', async (t) => {
  const { clouds } = await read({ default: { driver: 'ec2', ...key, locations: ['eu-west-1', 'us-east-1'] } })
  t.same(
    clouds.map(({ name, settings }) => [name, settings['location']]),
    [
      ['default-eu-west-1', 'eu-west-1'],
      ['default-us-east-1', 'us-east-1']
    ]
  )
})

t.test('an error at the start names the missing credentials, without a secret', async (t) => {
  for (const [settings, said] of [
    [{}, /access_key_id is required, with secret_access_key; or set profile instead/],
    [{ access_key_id: 'AKIAEXAMPLE' }, /secret_access_key is required/],
    [{ secret_access_key: 'hidden-secret' }, /access_key_id is required/],
    [{ ...key, profile: 'me' }, /profile replaces access_key_id and secret_access_key/]
  ] as const) {
    const error = await read({ default: { driver: 'ec2', location: 'us-east-1', ...settings } }).catch(
      (error: Error) => error
    )
    t.match((error as Error).message, said)
    t.notMatch((error as Error).message, /hidden-secret/)
  }
  await t.rejects(read({ default: { driver: 'ec2', ...key } }), /location is required|location/)
  await t.rejects(read({ default: { driver: 'ec2', ...key, location: 'Europe!' } }), /location/)
  await t.rejects(read({ default: { driver: 'ec2', ...key, location: 'us-east-1', endpoint: 'nowhere' } }), /endpoint/)
})
