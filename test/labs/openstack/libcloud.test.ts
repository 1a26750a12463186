import t from 'tap'
import { installed } from '../libcloud/installed.ts'
import { buildOnLab } from './app.ts'
import type { OpenstackLab } from './lab.ts'
import { until } from './servers.ts'

t.setTimeout(600_000)

/** The settings of a cloud that is the lab, reached by Libcloud. */
const viaLibcloud = ({ users, authUrl, region }: OpenstackLab) => ({
  ...installed,
  native: false,
  provider: 'openstack',
  key: users.demo.username,
  secret: users.demo.password,
  arguments: {
    ex_force_auth_url: new URL(authUrl).origin,
    ex_force_auth_version: '3.x_password',
    ex_tenant_name: users.demo.project_name,
    ex_force_service_region: region
  }
})

t.test("Libcloud's OpenStack driver lists, creates, reboots and destroys on a real OpenStack", async (t) => {
  t.setTimeout(600_000)
  const served = await buildOnLab(t, (lab) => ({ default: viaLibcloud(lab) }))
  const { api, lab, image_id: image, network_id: network } = served
  const cloud = '/api/v2/clouds/default'
  const name = `libcloud-${process.pid}`
  t.teardown(() => lab.purge('demo', name))

  const { body: described } = await api.get(cloud)
  t.match(described, { driver: 'libcloud', health: { status: 'up' } })
  for (const method of ['list', 'get', 'create', 'reboot', 'destroy', 'start', 'stop', 'update']) {
    t.ok(`nodes.${method}` in described.capabilities, `nodes.${method}`)
  }

  const flavors: { ID: string, Name: string, RAM: number }[] = await lab.openstack('demo', ['flavor', 'list'])
  const { items: sizes } = await api.walk(`${cloud}/sizes`)
  t.same(
    sizes.map(({ id, name, ram }) => [id, name, ram]).sort(),
    flavors.map(({ ID, Name, RAM }) => [ID, Name, RAM]).sort(),
    "the sizes are the flavors that OpenStack's client lists"
  )
  // Libcloud lists active images only.
  const lists = {
    images: ['image', 'list', '--status', 'active'],
    networks: ['network', 'list'],
    'key-pairs': ['keypair', 'list']
  }
  for (const [collection, command] of Object.entries(lists)) {
    const theirs: { ID?: string, Name: string }[] = await lab.openstack('demo', command)
    const { items } = await api.walk(`${cloud}/${collection}`)
    t.same(items.map(({ id }) => id).sort(), theirs.map(({ ID, Name }) => ID ?? Name).sort(), collection)
  }

  const made = await api.post(`${cloud}/nodes`, {
    name,
    image_id: image,
    size_id: '1',
    networks: [{ network_id: network }],
    key_pair_name: 'demo-key',
    tags: { team: 'a' }
  })
  t.equal(made.status, 202, 'a create is accepted', { body: made.body })
  const { status, error, resource } = await api.ended(made.body)
  t.match({ status, error }, { status: 'succeeded', error: null })
  const { body: node } = await api.get(resource.self)
  t.match(node, {
    name,
    state: 'running',
    provider_state: 'ACTIVE',
    image_id: image,
    size_id: '1',
    key_pair_name: 'demo-key',
    tags: { team: 'a' }
  })
  t.same(Object.keys(node.tags), ['team'], 'the tag of the operation is not shown')
  const { server } = await lab.nova('demo', 'GET', `/servers/${node.id}`)
  t.match(server, { name, status: 'ACTIVE', metadata: { team: 'a', 'orchestrator-operation': made.body.id } })
  t.ok((await api.walk(`${cloud}/nodes`)).items.some(({ id }) => id === node.id), 'it is in the list')

  const patch = { name: `${name}-new`, tags: { team: null, env: 'test' } }
  const { status: patched, body: changed } = await api.patch(node.self, patch)
  t.match({ patched, changed }, { patched: 200, changed: { name: `${name}-new`, tags: { env: 'test' } } })
  t.match((await lab.nova('demo', 'GET', `/servers/${node.id}`)).server, { name: `${name}-new` })
  const { metadata } = await lab.nova('demo', 'GET', `/servers/${node.id}/metadata`)
  t.same(metadata, { env: 'test', 'orchestrator-operation': made.body.id }, 'the tag of the operation stays')

  const act = async (verb: string, state: string) => {
    const answer = await api.post(`${node.self}/actions/${verb}`)
    const ended = await api.ended(answer.body)
    t.match(ended, { status: 'succeeded', error: null }, verb)
    t.match((await api.get(node.self)).body, { state }, `${state} after ${verb}`)
  }
  await act('reboot', 'running')
  await act('stop', 'stopped')
  t.match((await lab.nova('demo', 'GET', `/servers/${node.id}`)).server, { status: 'SHUTOFF' })
  await act('start', 'running')

  t.match((await api.post(`${cloud}/nodes`, { name, image_id: 'none', size_id: '1' })).body, {
    code: 'validation_failed', errors: [{ pointer: '/image_id' }]
  })
  t.equal((await api.get(`${cloud}/nodes/00000000-0000-0000-0000-000000000000`)).status, 404)

  t.match(await api.ended((await api.delete(node.self)).body), { status: 'succeeded' })
  // Nova shows a deleted server as DELETED for a moment, and then no longer.
  await until(async () => {
    const { status, body } = await api.get(node.self)
    if (status === 200) t.match(body, { state: 'terminated', provider_state: 'DELETED' })
    return status === 404
  })
  await t.rejects(lab.nova('demo', 'GET', `/servers/${node.id}`), /404/, 'it is gone in Nova too')
})

t.test('a wrong password is the error of the credentials', async (t) => {
  const { api } = await buildOnLab(t, (lab) => ({ default: { ...viaLibcloud(lab), secret: 'not-the-password' } }))
  const { body } = await api.get('/api/v2/clouds/default/nodes')
  t.match(body, { code: 'provider_auth_failed' })
  t.notMatch(JSON.stringify(body), /not-the-password/)
})
