import t from 'tap'
import type { Services } from '../../drivers/driver.ts'
import { faultOf, problemOf } from '../../drivers/openstack/client/errors.ts'
import { cinderTags, fromTagList, checkTagList, patchTagList } from '../../drivers/openstack/client/tags.ts'
import { networkState } from '../../drivers/openstack/network/networks.ts'
import { checkTags, operationKey } from '../../drivers/common/tags.ts'
import { id, input, query, refused, start, type FakeRequest } from './openstack-fake.ts'

const create = 'POST /compute/v2.1/servers'
const says = (status: number, message: string) => ({ status, body: { badRequest: { code: status, message } } })
const codeOf = (status: number, message: string, read = false, headers: Record<string, string> = {}) =>
  problemOf({ status, headers, body: { fault: { message } } }, { service: 'compute', read }).code

t.test('quotas and rate limits are distinguished', async (t) => {
  const ports = 'The number of defined ports: 5 is over the limit: 4'
  t.equal(codeOf(403, ports), 'provider_quota_exceeded')
  t.equal(codeOf(409, ports), 'provider_quota_exceeded')
  t.equal(codeOf(413, 'x'), 'provider_quota_exceeded')
  t.equal(codeOf(413, 'x', true), 'provider_rate_limited', 'a read exceeds no quota')
  t.equal(codeOf(413, 'x', false, { 'retry-after': '1' }), 'provider_rate_limited')
})

t.test("no message contains this server's own metadata", async (t) => {
  for (const [message, wanted] of [
    [`Invalid metadata {'${operationKey}': 'op-1', 'a': 'b'} given`, "Invalid metadata {'a': 'b'} given"],
    [`Invalid {"a": "b", "${operationKey}": "op-1"}`, 'Invalid {"a": "b", }'],
    [`Metadata property key ${operationKey} greater than 255`, 'Metadata property key greater than 255']
  ]) t.equal(faultOf({ badRequest: { message } }).message, wanted)
})

t.test('a resource that is switched off is down', async (t) => {
  t.equal(networkState({ status: 'ACTIVE', admin_state_up: false }), 'down')
  t.equal(networkState({ status: 'ERROR', admin_state_up: false }), 'error')
  t.equal(networkState({ status: 'ACTIVE', admin_state_up: true }), 'available')
  const { cloud, call } = await start(t, {
    'GET /network/v2.0/floatingips': {
      body: { floatingips: [{ id, floating_network_id: id, port_id: null, port_forwardings: [{ internal_port: 1 }] }] }
    }
  })
  const { floating_ips: ips } = cloud as Required<Services>
  t.match(await ips.list(query, call()), { items: [{ state: 'associated', node_id: null }] })
})

t.test('tags with equal keys are all visible, and can be removed', async (t) => {
  const list = ['env=a', 'word', 'env=b', 'env=c']
  t.strictSame(fromTagList(list), { env: 'a', word: '', 'env=b': '', 'env=c': '' })
  checkTagList({ 'env=b': null })
  t.throws(() => checkTagList({ 'env=b': 'x' }))
  t.strictSame(patchTagList(list, { 'env=b': null }), ['env=a', 'word', 'env=c'])
  t.strictSame(patchTagList(list, { env: 'z' }), ['word', 'env=z'])
})

t.test("keys of tags follow Cinder's rules", async (t) => {
  checkTags({ 'a.b/c:d-e_f g': 'x' }, cinderTags)
  for (const key of ['ü', 'a,b', '']) {
    t.throws(() => checkTags({ [key]: 'x' }, cinderTags), { code: 'validation_failed' })
  }
})

t.test('the error for a taken fixed IP points to its field', async (t) => {
  const { nodes, call, routes } = await start(t, {
    'GET /network/v2.0/subnets': { body: { subnets: [{ id: 's', network_id: id, cidr: '10.0.0.0/24' }] } }
  })
  const networks = [{ network_id: id, fixed_ip: '10.0.0.50' }, { network_id: id, fixed_ip: '10.0.0.5' }]
  for (const status of [400, 409]) {
    routes[create] = says(status, 'Fixed IP address 10.0.0.5 is already in use on instance x.')
    const error = await refused(nodes.create({ ...input, networks }, call()))
    t.match(error, { code: 'validation_failed', details: { errors: [{ pointer: '/networks/1/fixed_ip' }] } })
  }
})

t.test('`networks: []` makes a node without NICs', async (t) => {
  const { nodes, call, of, routes, cloud } = await start(t, { [create]: { status: 202, body: { server: { id } } } })
  await nodes.create({ ...input, networks: [] }, call())
  const [{ headers, body }] = of(create) as [FakeRequest]
  t.match(body, { server: { networks: 'none' } })
  t.equal(headers['openstack-api-version'], 'compute 2.37')
  routes['GET /compute/v2.1/'] = { body: { version: { version: '2.20', min_version: '2.1' } } }
  cloud.refresh()
  t.match(await refused(nodes.create({ ...input, networks: [] }, call())), { code: 'not_supported' })
})

t.test('community, shared and hidden images can be listed', async (t) => {
  const { cloud, call, of } = await start(t, { 'GET /image/v2/images': { body: { images: [] } } })
  const sent = async (filters: Record<string, string[]>) => {
    await cloud.images.list({ ...query, filters }, call())
    const { limit, ...others } = Object.fromEntries(of('GET /image/v2/images').at(-1)!.query)
    return others
  }
  t.strictSame(await sent({}), {})
  t.strictSame(await sent({ visibility: ['community'] }), { visibility: 'community' })
  t.strictSame(await sent({ visibility: ['shared'] }), { visibility: 'shared', member_status: 'all' })
  t.strictSame(await sent({ visibility: ['public', 'community'] }), { visibility: 'all' })
  t.strictSame(await sent({ visibility: ['public', 'private'] }), {})
  t.strictSame(await sent({ hidden: ['true'], visibility: ['public'] }), { visibility: 'public', os_hidden: 'true' })
})
