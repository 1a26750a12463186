import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { nodeActionDetails, nodeVerbs, type NodeAction, type NodeState } from '../../../openapi/model/index.ts'
import { startFaultProxy } from '../fault-proxy.ts'
import { buildOnLab, labCloud } from './app.ts'
import { frozen, openstackLab } from './lab.ts'

t.setTimeout(1_200_000)

const prefix = `states-${process.pid}-`
const nodes = '/api/v2/clouds/default/nodes'

interface Row {
  status: string
  state: NodeState
  /**
   * As OpenStack's own client brings a server there, from ACTIVE: words after `openstack server`, NAME for its name.
   */
  commands: string[][]
  /** The same by Nova's API, for the servers on which the verbs are tried. */
  actions: object[]
  allowed: NodeAction[]
}

const rows: Row[] = [
  {
    status: 'ACTIVE',
    state: 'running',
    commands: [],
    actions: [],
    allowed: ['stop', 'reboot', 'pause', 'suspend', 'shelve', 'rescue', 'resize', 'rebuild', 'destroy']
  },
  {
    status: 'SHUTOFF',
    state: 'stopped',
    commands: [['stop', 'NAME']],
    actions: [{ 'os-stop': null }],
    allowed: ['start', 'reboot', 'shelve', 'rescue', 'resize', 'rebuild', 'destroy']
  },
  {
    status: 'PAUSED',
    state: 'paused',
    commands: [['pause', 'NAME']],
    actions: [{ pause: null }],
    allowed: ['reboot', 'resume', 'shelve', 'destroy']
  },
  {
    status: 'SUSPENDED',
    state: 'suspended',
    commands: [['suspend', 'NAME']],
    actions: [{ suspend: null }],
    allowed: ['reboot', 'resume', 'shelve', 'destroy']
  },
  {
    status: 'SHELVED_OFFLOADED',
    state: 'suspended',
    commands: [['shelve', 'NAME']],
    actions: [{ shelve: null }],
    allowed: ['resume', 'destroy']
  },
  {
    status: 'RESCUE',
    state: 'rescued',
    commands: [['rescue', 'NAME']],
    actions: [{ rescue: {} }],
    allowed: ['unrescue', 'destroy']
  },
  {
    status: 'VERIFY_RESIZE',
    state: 'running',
    commands: [['resize', '--flavor', '2', 'NAME']],
    actions: [{ resize: { flavorRef: '2' } }],
    allowed: ['confirm_resize', 'revert_resize', 'destroy']
  }
]

const bodies: Partial<Record<NodeAction, (image: string) => object>> = {
  reboot: () => ({ type: 'hard' }),
  resize: () => ({ size_id: '2' }),
  rebuild: (image) => ({ image_id: image })
}

t.test('every state that the lab can produce', async (t) => {
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

  const raw = async (id: string) => (await lab.nova('demo', 'GET', `/servers/${id}`)).server
  const until = async (id: string, done: (server: any) => boolean) => {
    for (let tries = 0; tries < 600; tries++) {
      const server = await raw(id)
      if (done(server)) return server
      await sleep(50)
    }
    throw new Error(`${id} is ${(await raw(id)).status}`)
  }
  const rests = (status: string) => (server: any) =>
    server.status === status && server['OS-EXT-STS:task_state'] === null
  let made = 0
  const boot = async (fields: object = {}) => {
    const server = {
      name: `${prefix}${++made}`,
      imageRef: image,
      flavorRef: '1',
      networks: [{ uuid: network }],
      ...fields
    }
    return String((await lab.nova('demo', 'POST', '/servers', { server })).server.id)
  }
  const bring = async ({ status, actions }: Row) => {
    const id = await boot()
    await until(id, rests('ACTIVE'))
    for (const action of actions) await lab.nova('demo', 'POST', `/servers/${id}/action`, action)
    await until(id, rests(status))
    return id
  }

  /** A node as the API shows it, beside the same node as OpenStack's own client shows it. */
  const compare = async (
    t: Test,
    id: string,
    { status, state, allowed }: Pick<Row, 'status' | 'state' | 'allowed'>,
    task: string | null
  ) => {
    const theirs = await lab.openstack('demo', ['server', 'show', id])
    t.equal(theirs.status, status, `their client shows ${status}`)
    t.equal(theirs['OS-EXT-STS:task_state'], task, `their client shows the task ${String(task)}`)
    const { body } = await api.get(`${nodes}/${id}`)
    t.match(body, { provider_state: status, provider_task_state: task, state, transitioning: task !== null })
    t.same([...body.allowed_actions].sort(), [...allowed].sort(), 'allowed_actions')
    const { items } = await api.walk(`${nodes}?name=${String(theirs.name)}`)
    t.match(items, [{ id, provider_state: status, provider_task_state: task, state }], 'a list shows the same')
  }

  /** How a verb is asked for; the proxy counts what of it reaches Nova. */
  const ask = async (id: string, verb: NodeAction) => {
    proxy.resetRequests()
    const { status, body } = verb === 'destroy'
      ? await api.delete(`${nodes}/${id}`)
      : await api.post(`${nodes}/${id}/actions/${verb}`, bodies[verb]?.(image))
    const changes = proxy.requests.filter(({ target, method }) => target === 'nova' && method !== 'GET')
    return { status, body, changes: changes.length }
  }

  for (const row of rows) {
    await t.test(`${row.status} is ${row.state}`, async (t) => {
      const id = await boot()
      await until(id, rests('ACTIVE'))
      const { name } = await raw(id)
      for (const words of row.commands) { await lab.openstack('demo', ['server', ...words.map((word) => (word === 'NAME' ? name : word))]) }
      await until(id, rests(row.status))
      await compare(t, id, row, null)

      for (const verb of nodeVerbs.filter((verb) => !row.allowed.includes(verb))) {
        const { status, body, changes } = await ask(id, verb)
        const settled = nodeActionDetails[verb].settledStates.includes(row.state)
        t.equal(status, settled ? 200 : 409, `${verb} is ${settled ? 'done already' : 'refused'}`, { body })
        if (!settled) t.match(body, { code: 'invalid_state', state: row.state })
        t.equal(changes, 0, `${verb} asks Nova for nothing`)
      }
      for (const verb of row.allowed) {
        const one = await bring(row)
        const { status, body, changes } = await ask(one, verb)
        t.equal(status, 202, `${verb} is accepted by Nova`, { body })
        t.ok(changes >= 1, `${verb} asks Nova`)
        t.equal((await api.ended(body)).status, 'succeeded', `${verb} succeeds`)
        await lab.nova('demo', 'DELETE', `/servers/${one}`).catch(() => {})
      }
      await lab.nova('demo', 'DELETE', `/servers/${id}`)
    })
  }

  await t.test('ERROR by NoValidHost is error, with its fault', async (t) => {
    const broken = async () => {
      const id = await boot({ flavorRef: '99' })
      await until(id, rests('ERROR'))
      return id
    }
    const name = `${prefix}no-valid-host`
    await lab.openstack('demo', ['server', 'create', '--flavor', '99', '--image', image, '--network', network, name])
    const { servers: [{ id }] } = await lab.nova('demo', 'GET', `/servers/detail?name=${name}`)
    await until(id, rests('ERROR'))
    await compare(t, id, { status: 'ERROR', state: 'error', allowed: ['destroy'] }, null)
    t.match((await api.get(`${nodes}/${id}`)).body.fault, { code: '500', message: /No valid host/ })
    for (const verb of nodeVerbs) {
      const { status, changes } = await ask(id, verb)
      t.same([status, changes], [409, 0], `${verb} is refused without a call`)
    }
    const { status, body } = await ask(await broken(), 'destroy')
    t.equal(status, 202)
    t.equal((await api.ended(body)).status, 'succeeded')
  })

  await t.test('BUILD is pending, and spawning is seen on the way', async (t) => {
    // How long a server spawns is the lab's own matter: it is looked for until it is seen.
    for (let tries = 0; tries < 40; tries++) {
      const id = await boot()
      await until(id, ({ 'OS-EXT-STS:task_state': task, status }) => task === 'spawning' || status === 'ACTIVE')
      const seen = await frozen('nova-compute1', async () => {
        if ((await raw(id))['OS-EXT-STS:task_state'] !== 'spawning') return false
        await compare(t, id, { status: 'BUILD', state: 'pending', allowed: ['destroy'] }, 'spawning')
        return true
      })
      await lab.nova('demo', 'DELETE', `/servers/${id}`)
      if (seen) return
    }
    t.fail('spawning was never seen')
  })

  await t.test('powering-off is stopping, deleting is terminating', async (t) => {
    const id = await bring(rows[0]!)
    await frozen('nova-compute1', async () => {
      await lab.openstack('demo', ['server', 'stop', id])
      await compare(t, id, { status: 'ACTIVE', state: 'stopping', allowed: ['destroy'] }, 'powering-off')
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
    await until(id, rests('SHUTOFF'))
    await frozen('nova-compute1', async () => {
      await lab.openstack('demo', ['server', 'delete', id])
      await compare(t, id, { status: 'SHUTOFF', state: 'terminating', allowed: [] }, 'deleting')
    })
  })
})
