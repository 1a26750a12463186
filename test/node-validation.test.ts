import t from 'tap'
import type { Validation } from '../openapi/model/index.ts'
import { build, dummy } from './helper/app.ts'

const valid = { name: 'web-1', image_id: 'img-debian-12', size_id: 'dummy.small' }

/** Each request that some check refuses, with the checks that fail and their fields. */
const refused: ReadonlyArray<readonly [fields: object, checks: string[]]> = [
  [{ image_id: 'img-windows-2022' }, ['fit /size_id', 'fit /size_id']],
  [{ image_id: 'img-windows-2022', size_id: 'dummy.medium', root_volume: { size: 10 } }, ['fit /root_volume/size']],
  [{ image_id: 'img-ubuntu-24-04', size_id: 'dummy.tiny' }, ['fit /size_id', 'fit /size_id']],
  [{ image_id: 'img-none' }, ['image /image_id']],
  [{ size_id: 'dummy.none' }, ['size /size_id']],
  [{ availability_zone: 'local' }, ['zone /availability_zone']],
  [{ availability_zone: 'local-z' }, ['zone /availability_zone']],
  [{ key_pair_name: 'none' }, ['key pair /key_pair_name']],
  [{ networks: [{ network_id: 'net-none' }] }, ['network /networks/0/network_id']],
  [{ networks: [{ network_id: 'net-private' }, { subnet_id: 'subnet-none' }] }, ['subnet /networks/1/subnet_id']],
  [{ networks: [{ network_id: 'net-private', subnet_id: 'subnet-public' }] }, ['cloud /networks/0/subnet_id']],
  [{ networks: [{ network_id: 'net-private', fixed_ip: '192.0.2.1' }] }, ['cloud /networks/0/fixed_ip']],
  [{ networks: [{ network_id: 'net-private', fixed_ip: '10.0.0.1' }] }, ['cloud /networks/0/fixed_ip']],
  [{ networks: [{ fixed_ip: '10.0.0.9' }] }, ['cloud /networks/0/network_id']],
  [{ networks: [{ network_id: 'net-private', security_group_ids: ['sg-none'] }] },
    ['security group /networks/0/security_group_ids/0']],
  [{ security_group_ids: ['sg-default', 'sg-none'] }, ['security group /security_group_ids/1']],
  [{ root_volume: { type: 'slow' } }, ['cloud /root_volume/type']],
  [{ user_data: 'x'.repeat(20_000) }, ['capability /user_data']],
  [{ provider_options: { openstack: {} } }, ['capability /provider_options/openstack']],
  [{ name: '' }, ['schema /name', 'schema /name']],
  [{ image_id: undefined, colour: 'red' }, ['schema /image_id', 'schema /colour']],
  [{ count: 4 }, ['quota /count', 'quota /size_id']],
  [{ count: 2, root_volume: { size: 30 } }, ['quota /root_volume/size']]
]

const accepted: readonly object[] = [
  {},
  { availability_zone: 'local-b', key_pair_name: 'dummy-key', security_group_ids: ['sg-default'] },
  { image_id: 'img-windows-2022', size_id: 'dummy.medium' },
  { image_id: 'img-windows-2022', size_id: 'dummy.medium', root_volume: { size: 40 } },
  { image_id: 'img-ubuntu-24-04', root_volume: {} },
  { networks: [{ network_id: 'net-private', fixed_ip: '10.0.0.9' }, { subnet_id: 'subnet-public' }] },
  { networks: [] },
  { count: 2 }
]

const failed = ({ checks }: Validation) =>
  checks.flatMap(({ name, ok, pointer }) => ok === false ? [`${name} ${pointer}`] : [])

t.test('the check of a create refuses what a create refuses, and names each field', async (t) => {
  const quotas = { nodes: 3, vcpus: 3, volume_storage: 50 }
  const { api } = await build(t, { clouds: { default: dummy({ quotas }) } })
  const path = '/api/v2/clouds/default/nodes'
  for (const [fields, checks] of refused) {
    const input = { ...valid, ...fields }
    const { status, body } = await api.post(`${path}/validate`, input)
    t.equal(status, 200)
    t.same(failed(body), checks, JSON.stringify(fields).slice(0, 100))
    t.equal(body.valid, false)
    const answer = await api.post(path, input)
    t.ok(answer.status >= 400 && answer.status < 500, `create answers ${answer.status}`)
    const pointers = checks.map((check) => check.replace(/^[^/]+/, ''))
    const named = (answer.body.errors ?? []).map(({ pointer }: { pointer: string }) => pointer)
    t.ok(named.every((pointer: string) => pointers.includes(pointer)), `create names ${named.join(', ')}`)
  }
  t.same((await api.get('/api/v2/nodes')).body.items, [], 'nothing was created')
})

t.test('what the check of a create allows is created', async (t) => {
  const quotas = { nodes: 2, vcpus: 2, volume_storage: 40 }
  for (const fields of accepted) {
    const { api } = await build(t, { clouds: { default: dummy({ quotas }) } })
    const { body } = await api.post('/api/v2/clouds/default/nodes/validate', { ...valid, ...fields })
    t.same(failed(body), [], JSON.stringify(fields))
    t.equal(body.valid, true)
    const { status } = await api.post('/api/v2/clouds/default/nodes', { ...valid, ...fields })
    t.ok(status < 300, `create answers ${status}`)
  }
})

t.test('each check has the field that it is about', async (t) => {
  const { api } = await build(t)
  const { body } = await api.post('/api/v2/clouds/default/nodes/validate', { ...valid, availability_zone: 'local-a' })
  t.same(body.checks.map(({ name, pointer }: { name: string, pointer: string }) => [name, pointer]), [
    ['schema', ''], ['capability', ''], ['image', '/image_id'], ['size', '/size_id'], ['zone', '/availability_zone'],
    ['fit', '/size_id'], ['fit', '/size_id'], ['quota', ''], ['cloud', '']
  ])
})

t.test('a field that the cloud lacks is named where it stands in the body', async (t) => {
  const { app, api } = await build(t)
  const { capabilities } = app.clouds['default']!
  const { create } = capabilities!.nodes!
  const without = (...names: string[]) => create!.parameters!.filter((name) => !names.includes(name))
  const check = async (fields: object) =>
    failed((await api.post('/api/v2/clouds/default/nodes/validate', { ...valid, ...fields })).body)
  const all = create!.parameters
  t.teardown(() => { create!.parameters = all! })
  create!.parameters = without('networks.subnet_id', 'root_volume.type', 'count')
  const networks = [{ network_id: 'net-private' }, { subnet_id: 'subnet-public' }]
  t.same(await check({ networks }), ['capability /networks/1/subnet_id'])
  t.same(await check({ root_volume: { type: 'fast' } }), ['capability /root_volume/type'])
  t.same(await check({ count: 2 }), ['capability /count'])
  create!.required = ['key_pair_name', 'root_volume.size']
  t.teardown(() => { delete create!.required })
  t.same(await check({ root_volume: { delete_on_termination: true } }),
    ['capability /key_pair_name', 'capability /root_volume/size'])
})

t.test('an unknown query parameter is an error of the request, not a check', async (t) => {
  const { api } = await build(t)
  const { status, body } = await api.post('/api/v2/clouds/default/nodes/validate?strict=1', valid)
  t.equal(status, 422)
  t.match(body.errors, [{ in: 'query' }])
})
