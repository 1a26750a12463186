import t, { type Test } from 'tap'
import { conformance } from './conformance/suite.ts'
import { build } from './helper/app.ts'
import { startEucalyptus } from './labs/eucalyptus/index.ts'

/** Eucalyptus parses public keys, so this one is valid. */
const publicKey = [
  'ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABAQDlcsi7QW3byYCO2cT9iSn2Zipnr19LhCE/TuEjaI4XAPrGjz1J+ajvA3ZvM2q3',
  'U3WqEOfFsypqkPIYzAR4tzbi079B90UdbSkdfMcg+A0WQ/ds3ZQWJqOHNV7UO6TX/C6D6KN/vJ59lNHe6oDTG24geVpC2ndgI6sN',
  'jyge8V9Xj0hWhvDC0wGZFXj2XAni05/Kk6Y5/ShpEw19Nle2mdx8bjsJQHOSKQ+TK+8T9ZR2Dx/4vyzJpxW9uPZhiriDbuR23joj',
  'Q1KeTBx7B6uQoBZWMTJ0ApuLC+dZSMTrY1XdmKp8bO+fkK+rwYwhJrwiOQ3ivXMJM38J26v+/TRFA/QJ test'
].join('')

type Fake = Awaited<ReturnType<typeof startEucalyptus>>

async function start (t: Test, options: Parameters<typeof startEucalyptus>[0] = {}) {
  const fake = await startEucalyptus(options)
  t.teardown(fake.close)
  return fake
}

const cloudOf = ({ host, port, path, region, accessKeyId, secretAccessKey }: Fake) => ({
  driver: 'eucalyptus',
  host,
  port,
  path,
  secure: false,
  location: region,
  access_key_id: accessKeyId,
  secret_access_key: secretAccessKey
})

t.test('Eucalyptus conforms', async (t) => {
  const full = 'm1.xlarge'
  const fake = await start(t, {
    behaviour: { quotas: { instances: 100, vpcs: 50, gateways: 50, addresses: 50 }, full: new Set([full]) }
  })
  const tight = await start(t, { behaviour: { quotas: { instances: 1 } } })
  const { app, api } = await build(t, { listen: true, clouds: { default: cloudOf(fake), tight: cloudOf(tight) } })
  await conformance(t, {
    app,
    api,
    cloud: 'default',
    tightCloud: 'tight',
    tightCreate: { image_id: tight.images.ebs },
    image_id: fake.images.ebs,
    size_id: 'm1.small',
    other_size_id: 'm1.medium',
    impossible_size_id: full,
    capacity: 'at once',
    needs: { networks: { cidr: '10.100.0.0/16' } },
    quotas: ['floating_ips'],
    public_key: publicKey
  })
})

t.test('a protected node is stopped as any other, and not destroyed', async (t) => {
  const fake = await start(t)
  const { api } = await build(t, { clouds: { default: cloudOf(fake) } })
  const asked = { name: 'kept', image_id: fake.images.ebs, size_id: 'm1.small', protected: true }
  const { body } = await api.post('/api/v2/clouds/default/nodes', asked, { prefer: 'wait=20' })
  const { self } = body.resource
  const { body: node } = await api.get(self)
  t.equal(node.protected, true)
  t.notOk(node.allowed_actions.includes('destroy'), 'its allowed_actions have no destroy')
  const stopped = await api.post(`${self}/actions/stop`, {}, { prefer: 'wait=20' })
  t.equal(stopped.body.status, 'succeeded', 'stopped', { body: stopped.body })
  const refused = await api.delete(self)
  t.equal(refused.status, 409)
  t.equal(refused.body.code, 'protected')
})

t.test('operations read only what they need: a stop makes 3 calls, 20 nodes are followed by lists', async (t) => {
  const fake = await start(t, { behaviour: { quotas: { instances: 100 }, delay: 200 } })
  const { api } = await build(t, {
    settings: { operations: { poll_ms: 50 } }, clouds: { default: cloudOf(fake) }
  })
  const create = async (fields: object) => {
    const input = { name: 'web', image_id: fake.images.ebs, size_id: 'm1.small', ...fields }
    const { body } = await api.post('/api/v2/clouds/default/nodes', input)
    return api.ended(body)
  }
  const bystanders = await create({ count: 5 })
  t.equal(bystanders.status, 'succeeded')

  fake.requests.length = 0
  const several = await create({ count: 20 })
  t.equal(several.status, 'succeeded', 'created', { several })
  const count = (action: string) => fake.requests.filter((request) => request.action === action).length
  t.equal(count('DescribeInstanceAttribute'), 0, 'no attributes')
  const lists = fake.requests.filter(({ action }) => action === 'DescribeInstances')
  t.ok(lists.length <= 8, `${lists.length} lists`)
  t.ok(lists.every(({ parameters }) => parameters['Filter.1.Name'] === 'instance-id'), 'each of the new nodes only')

  fake.behaviour.delay = 0
  fake.requests.length = 0
  const { self } = several.resources[0]
  const { body: stopped } = await api.post(`${self}/actions/stop`, {}, { prefer: 'wait=20' })
  t.equal(stopped.status, 'succeeded', 'stopped', { stopped })
  t.same(fake.requests.map(({ action }) => action), ['DescribeInstances', 'StopInstances', 'DescribeInstances'])
})

t.test('a cloud without VPCs is refused with words, before anything is created', async (t) => {
  const fake = await start(t, { behaviour: { edge: true } })
  const { api } = await build(t, { clouds: { default: cloudOf(fake) } })
  const at = '/api/v2/clouds/default'
  const words = /has no VPCs \(its network mode is EDGE or older\)/
  t.match((await api.get(at)).body.health, { status: 'down', problem: { code: 'not_supported', detail: words } })
  for (const collection of ['nodes', 'floating-ips', 'security-groups', 'sizes', 'volumes']) {
    const { status, body } = await api.get(`${at}/${collection}`)
    t.equal(status, 501, collection)
    t.match(body, { code: 'not_supported', detail: words, hint: /VPCMIDO/ })
  }
  t.equal((await api.post(`${at}/floating-ips`, {})).status, 501)
  t.equal(fake.cloud.addresses.size, 0, 'no address leaks')
  t.same([...new Set(fake.requests.map(({ action }) => action))], ['DescribeAccountAttributes'])
})
