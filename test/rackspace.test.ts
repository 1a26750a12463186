import t, { type Test } from 'tap'
import { conformance } from './conformance/suite.ts'
import { build } from './helper/app.ts'
import { startRackspace, type Rackspace, type RackspaceOptions } from './labs/rackspace/index.ts'

async function start (t: Test, options: RackspaceOptions = {}) {
  const fake = await startRackspace(options)
  t.teardown(fake.close)
  return fake
}

const cloudOf = ({ url, username, apiKey }: Rackspace) => ({
  driver: 'rackspace',
  auth_url: url,
  username,
  api_key: apiKey,
  region: 'DFW'
})

t.test('Rackspace conforms', async (t) => {
  t.setTimeout(120_000)
  const full = 'performance1-8'
  const fake = await start(t, { behaviour: { full: new Set([full]) } })
  const tight = await start(t, { behaviour: { quotas: { servers: 1 } } })
  const { app, api } = await build(t, { listen: true, clouds: { default: cloudOf(fake), tight: cloudOf(tight) } })
  await conformance(t, {
    app,
    api,
    cloud: 'default',
    tightCloud: 'tight',
    tightCreate: { image_id: tight.state().images[0]!.id },
    image_id: fake.state().images[0]!.id,
    size_id: 'performance1-1',
    other_size_id: 'performance1-2',
    impossible_size_id: full,
    needs: { networks: { cidr: '192.168.7.0/24' } },
    smallestVolume: 75
  })
  const versions = ['openstack-api-version', 'x-openstack-nova-api-version']
  t.same(
    fake.requests.filter(({ headers }) => versions.some((header) => header in headers)),
    [],
    'no request names a version'
  )
  t.same(
    [...new Set(fake.requests.map(({ service }) => service))].sort(),
    ['blockstorage', 'identity', 'servers'],
    'and none goes elsewhere'
  )
})
