import t, { type Test } from 'tap'
import { nodeActionDetails, nodeVerbs, type NodeAction, type NodeState } from '../../../openapi/model/index.ts'
import { startFaultProxy } from '../fault-proxy.ts'
import { buildOnLab, labCloud } from './app.ts'
import { frozen, holdBuilds, openstackLab } from './lab.ts'
import { createLabServers, isAccepted, situationOf, until } from './servers.ts'

t.setTimeout(1_200_000)

const prefix = `states-${process.pid}-`
const nodes = '/api/v2/clouds/default/nodes'

/**
 * How OpenStack's own client brings a server from ACTIVE into each situation: words after `openstack server`, NAME for
 * its name. What the situations allow is compared with Nova in allowed-actions.test.ts.
 */
const rows: ReadonlyArray<readonly [situation: string, state: NodeState, ...words: string[]]> = [
  ['ACTIVE', 'running'],
  ['SHUTOFF', 'stopped', 'stop', 'NAME'],
  ['PAUSED', 'paused', 'pause', 'NAME'],
  ['SUSPENDED', 'suspended', 'suspend', 'NAME'],
  ['SHELVED', 'suspended', 'shelve', 'NAME'],
  ['RESCUE', 'rescued', 'rescue', 'NAME'],
  ['VERIFY_RESIZE', 'running', 'resize', '--flavor', '2', 'NAME']
]

interface Seen {
  status: string
  state: NodeState
  task?: string | null
}

const bodies: Partial<Record<NodeAction, (image: string) => object>> = {
  reboot: () => ({ type: 'hard' }),
  resize: () => ({ size_id: '2' }),
  rebuild: (image) => ({ image_id: image })
}

t.test('each state that the lab can produce is shown as Nova has it', async (t) => {
  t.setTimeout(1_200_000)
  const lab = await openstackLab()
  t.teardown(() => lab.purge('demo', prefix))
  const compute = await lab
    .api('admin', 'identity', 'GET', '/endpoints?interface=public')
    .then(
      ({ endpoints }) =>
        endpoints.map(({ url }: { url: string }) => url).find((url: string) => url.endsWith('/v2.1')) as string
    )
  const keystone = new URL(lab.authUrl).origin
  const proxy = await startFaultProxy({ targets: { keystone, nova: new URL(compute).origin } })
  t.teardown(() => proxy.close())
  const auth_url = lab.authUrl.replace(keystone, proxy.urls['keystone']!)
  const { api, image_id: image, network_id: network } = await buildOnLab(t, () => {
    const cloud = labCloud(lab)
    return { default: { ...cloud, auth: { ...cloud.auth, auth_url } } }
  })

  const { show, rest, boot, bring } = createLabServers({ lab, prefix, image })

  /** A node as the API shows it, beside the same node as OpenStack's own client shows it. */
  const compare = async (t: Test, id: string, { status, state, task = null }: Seen): Promise<NodeAction[]> => {
    const theirs = await lab.openstack('demo', ['server', 'show', id])
    t.equal(theirs.status, status, `their client shows ${status}`)
    t.equal(theirs['OS-EXT-STS:task_state'], task, `their client shows the task ${String(task)}`)
    const { body } = await api.get(`${nodes}/${id}`)
    t.match(body, { provider_state: status, provider_task_state: task, state, transitioning: task !== null })
    const { items } = await api.walk(`${nodes}?name=${String(theirs.name)}`)
    t.match(items, [{ id, provider_state: status, provider_task_state: task, state }], 'a list shows the same')
    return body.allowed_actions
  }

  /** Requests a verb, and counts the changes that reach Nova. */
  const ask = async (id: string, verb: NodeAction) => {
    proxy.resetRequests()
    const { status, body } = verb === 'destroy'
      ? await api.delete(`${nodes}/${id}`)
      : await api.post(`${nodes}/${id}/actions/${verb}`, bodies[verb]?.(image))
    const changes = proxy.requests.filter(({ target, method }) => target === 'nova' && method !== 'GET')
    return { status, body, changes: changes.length }
  }

  for (const [status, state, ...words] of rows) {
    await t.test(`${status} is ${state}`, async (t) => {
      const id = await boot()
      await rest(id, 'ACTIVE')
      const { name } = await show(id)
      const command = words.map((word) => word === 'NAME' ? name : word)
      if (command.length > 0) await lab.openstack('demo', ['server', ...command])
      await rest(id, status)
      const allowed = await compare(t, id, { status, state })

      for (const verb of nodeVerbs.filter((verb) => !allowed.includes(verb))) {
        const { status, body, changes } = await ask(id, verb)
        const settled = nodeActionDetails[verb].settledStates.includes(state)
        t.equal(status, settled ? 200 : 409, `${verb} is ${settled ? 'done already' : 'refused'}`, { body })
        if (!settled) t.match(body, { code: 'invalid_state', state })
        t.equal(changes, 0, `${verb} sends nothing to Nova`)
      }
      for (const verb of allowed) {
        const one = await bring(situationOf(status))
        const { status: answered, body, changes } = await ask(one, verb)
        t.equal(answered, 202, `${verb} is accepted by Nova`, { body })
        t.ok(changes >= 1, `${verb} is sent to Nova`)
        t.equal((await api.ended(body)).status, 'succeeded', `${verb} succeeds`)
        await isAccepted(lab.nova('demo', 'DELETE', `/servers/${one}`))
      }
      await lab.nova('demo', 'DELETE', `/servers/${id}`)
    })
  }

  await t.test('a server without a valid host is in the state error, with its fault', async (t) => {
    const name = `${prefix}no-valid-host`
    await lab.openstack('demo', ['server', 'create', '--flavor', '99', '--image', image, '--network', network, name])
    const { servers: [{ id }] } = await lab.nova('demo', 'GET', `/servers/detail?name=${name}`)
    await rest(id, 'ERROR')
    t.same(await compare(t, id, { status: 'ERROR', state: 'error' }), ['destroy'])
    t.match((await api.get(`${nodes}/${id}`)).body.fault, { code: '500', message: /No valid host/ })
    for (const verb of nodeVerbs) {
      const { status, changes } = await ask(id, verb)
      t.same([status, changes], [409, 0], `${verb} is refused without a call`)
    }
    const { status, body } = await ask(await bring(situationOf('ERROR without a host')), 'destroy')
    t.equal(status, 202)
    t.equal((await api.ended(body)).status, 'succeeded')
  })

  await t.test('BUILD is pending, with the task spawning', async (t) => {
    const release = holdBuilds()
    t.teardown(release)
    const id = await boot({ name: `building-${process.pid}` })
    await until(async () => (await show(id))['OS-EXT-STS:task_state'] === 'spawning')
    t.same(await compare(t, id, { status: 'BUILD', state: 'pending', task: 'spawning' }), ['destroy'])
    release()
    await rest(id, 'ACTIVE')
    await lab.nova('demo', 'DELETE', `/servers/${id}`)
  })

  await t.test('powering-off is stopping, deleting is terminating', async (t) => {
    const id = await bring(situationOf('ACTIVE'))
    await frozen('nova-compute1', async () => {
      await lab.openstack('demo', ['server', 'stop', id])
      t.same(await compare(t, id, { status: 'ACTIVE', state: 'stopping', task: 'powering-off' }), ['destroy'])
      const { status, changes } = await ask(id, 'start')
      t.same([status, changes], [409, 0], 'start is refused without a call')
      t.same(
        (await api.walk(`${nodes}?state=running`)).items.filter((item) => item.id === id),
        [],
        'it is not listed as running'
      )
      t.equal(
        (await api.walk(`${nodes}?state=stopping`)).items.filter((item) => item.id === id).length,
        1,
        'but as stopping'
      )
    })
    await rest(id, 'SHUTOFF')
    await frozen('nova-compute1', async () => {
      await lab.openstack('demo', ['server', 'delete', id])
      t.same(await compare(t, id, { status: 'SHUTOFF', state: 'terminating', task: 'deleting' }), [])
    })
  })
})
