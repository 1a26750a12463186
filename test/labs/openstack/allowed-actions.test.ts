import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { nodeActions, type NodeAction } from '../../../openapi/model/index.ts'
import { buildOnLab, labCloud } from './app.ts'
import { frozen, type LabUserName } from './lab.ts'
import { createLabServers, isAccepted, situationOf, situations, taskSituations, until } from './servers.ts'

t.setTimeout(1_800_000)

const prefix = `allowed-${process.pid}-`

/** Differences between this server and Nova, with their reason: `situation action`. */
const knownDifferences: Readonly<Record<string, string>> = {
  'deleting destroy': 'Nova accepts it and does nothing; this server answers success without a call'
}

/** A server of this project whose clouds are the lab, as demo and as admin, and what asks Nova for the same. */
async function start (t: Test) {
  const served = await buildOnLab(t, (lab) => ({ demo: labCloud(lab), admin: labCloud(lab, 'admin') }))
  const { api, lab, image_id: image } = served
  const { version } = await lab.nova('demo', 'GET', '/')
  const highest = String(version.version)
  const servers = createLabServers({ lab, prefix, image })
  const rescueImage = await createRescueImage(t)

  /** Nova's actions by our names. A reboot is accepted if Nova accepts a soft or a hard one. */
  const requests: Record<NodeAction, object[]> = {
    start: [{ 'os-start': null }],
    stop: [{ 'os-stop': null }],
    reboot: [{ reboot: { type: 'SOFT' } }, { reboot: { type: 'HARD' } }],
    pause: [{ pause: null }],
    suspend: [{ suspend: null }],
    resume: [{ unpause: null }, { resume: null }, { unshelve: null }],
    shelve: [{ shelve: null }],
    rescue: [{ rescue: { rescue_image_ref: rescueImage } }],
    unrescue: [{ unrescue: null }],
    resize: [{ resize: { flavorRef: '2' } }],
    confirm_resize: [{ confirmResize: null }],
    revert_resize: [{ revertResize: null }],
    rebuild: [{ rebuild: { imageRef: image } }],
    restore: [{ restore: null }],
    destroy: []
  }

  /** Only such an image rescues a server that boots from a volume. */
  async function createRescueImage (t: Test) {
    const file = join(t.testdir(), 'image')
    writeFileSync(file, 'rescue')
    const { id } = await lab.openstack('demo', [
      'image', 'create', `${prefix}rescue`, '--file', file, '--disk-format', 'raw', '--container-format', 'bare',
      '--property', 'hw_rescue_bus=virtio', '--property', 'hw_rescue_device=disk'
    ])
    t.teardown(() => lab.api('demo', 'image', 'DELETE', `/v2/images/${id}`))
    return String(id)
  }

  /** Asks Nova for an action at its highest version, which changes the server if Nova accepts. */
  const accepts = async (id: string, action: NodeAction, user: LabUserName) => {
    if (action === 'destroy') return isAccepted(lab.nova(user, 'DELETE', `/servers/${id}`, undefined, highest))
    for (const body of requests[action]) {
      if (await isAccepted(servers.act(id, body, user, highest))) return true
    }
    return false
  }

  const readNode = async (id: string, user: LabUserName) => {
    const { status, body } = await api.get(`/api/v2/clouds/${user}/nodes/${id}`)
    if (status !== 200) throw new Error(JSON.stringify(body))
    return body
  }

  /** Compares an action that Nova has accepted or refused with the actions of the node. */
  const compare = (t: Test, name: string, action: NodeAction, isAllowed: boolean, isDone: boolean) => {
    const reason = knownDifferences[`${name} ${action}`]
    if (reason === undefined) t.equal(isAllowed, isDone, `${action}: Nova ${isDone ? 'accepts' : 'refuses'}`)
    else t.not(isAllowed, isDone, `${action}: ${reason}`)
  }

  /** Some servers cannot be deleted now; they are at the end of the test. */
  const remove = (id: string) => lab.nova('admin', 'DELETE', `/servers/${id}`).catch(() => {})
  t.teardown(async () => {
    // A locked server is unlocked before its owner can delete it.
    const { servers: all } = await lab.nova('demo', 'GET', '/servers/detail')
    const own = (all as Array<{ id: string, name: string }>).filter(({ name }) => name.startsWith(prefix))
    await Promise.all(own.map(({ id }) => remove(id)))
    await lab.purge('demo', prefix)
  })
  return { ...served, ...servers, highest, requests, accepts, readNode, compare, remove }
}

t.test('allowed_actions are those that Nova accepts in each status', async (t) => {
  const { bring, act, requests, accepts, readNode, compare, remove } = await start(t)

  // Most of the time is waiting for the lab.
  t.jobs = 6
  await Promise.all(situations.map((situation) => t.test(situation.name, { buffered: true }, async (t) => {
    const { name, status, user = 'demo' } = situation
    let id = await bring(situation)
    const node = await readNode(id, user)
    t.equal(node.provider_state, status)
    for (const action of nodeActions) {
      const isDone = await accepts(id, action, user)
      compare(t, name, action, node.allowed_actions.includes(action), isDone)
      if (!isDone) continue
      await remove(id)
      id = await bring(situation)
    }
    const isSoft = await isAccepted(act(id, requests.reboot[0]!, user))
    t.equal(node.reboot_types.includes('soft'), isSoft, 'soft reboot')
    await remove(id)
  })))
})

t.test('allowed_actions are those that Nova accepts during each task', async (t) => {
  const { lab, bring, act, show, accepts, readNode, compare, remove } = await start(t)
  // Nova must not notice that its compute service does not report, so it is held for a few seconds only.
  for (let first = 0; first < taskSituations.length; first += 4) {
    const some = taskSituations.slice(first, first + 4)
    const ids = await Promise.all(some.map(({ from }) => bring(from)))
    await frozen('nova-compute1', () => Promise.all(some.map(async ({ task, body }, i) => {
      const id = ids[i]!
      await (body === undefined ? lab.nova('demo', 'DELETE', `/servers/${id}`) : act(id, body))
      const node = await readNode(id, 'demo')
      t.equal((await show(id))['OS-EXT-STS:task_state'], task)
      t.equal(node.provider_task_state, task)
      // What is refused comes first, because what is accepted changes the task. A deletion ends all.
      const refused = nodeActions.filter((action) => !node.allowed_actions.includes(action))
      for (const action of [...refused, ...node.allowed_actions as NodeAction[]]) {
        compare(t, task, action, node.allowed_actions.includes(action), await accepts(id, action, 'demo'))
      }
    })))
    await Promise.all(ids.map((id) => remove(id)))
  }
})

t.test('volumes are attached and detached in the states in which Nova does it', async (t) => {
  const { api, lab, bring, highest, remove } = await start(t)
  const volumes = '/api/v2/clouds/demo/volumes'
  const readVolume = async (id: string) => (await lab.api('demo', 'volumev3', 'GET', `/volumes/${id}`)).volume
  const createVolume = async (fields: object = {}) => {
    const { body } = await api.post(volumes, { name: `${prefix}volume`, size: 1, ...fields }, { prefer: 'wait=60' })
    t.match(body, { status: 'succeeded' })
    return body.resource.id as string
  }
  const created: string[] = []
  t.teardown(async () => {
    for (const id of created) {
      await lab.api('admin', 'volumev3', 'POST', `/volumes/${id}/action`, { 'os-reset_status': { status: 'error' } })
        .catch(() => {})
      await lab.api('admin', 'volumev3', 'POST', `/volumes/${id}/action`, { 'os-force_delete': {} }).catch(() => {})
    }
  })
  const attachRaw = (node: string, volumeId: string) => isAccepted(lab.nova(
    'demo', 'POST', `/servers/${node}/os-volume_attachments`, { volumeAttachment: { volumeId } }, highest))
  const detachRaw = (node: string, id: string) =>
    isAccepted(lab.nova('demo', 'DELETE', `/servers/${node}/os-volume_attachments/${id}`, undefined, highest))

  /** Runs an action of a volume by this server. Returns whether it was accepted; then it must also succeed. */
  const act = async (t: Test, id: string, action: string, input: object) => {
    const { status, body } = await api.post(`${volumes}/${id}/actions/${action}`, input)
    if (status === 409) return false
    t.equal(status, 202, action, { body })
    t.equal((await api.ended(body)).status, 'succeeded', action)
    return true
  }

  const states = situations.filter(({ isImpossible, user }) => isImpossible !== true && user === undefined)
  t.jobs = 4
  await Promise.all(states.map((situation) => t.test(situation.name, { buffered: true }, async (t) => {
    const ids = [await createVolume(), await createVolume(), await createVolume(), await createVolume()] as const
    created.push(...ids)
    const [one, other, free, otherFree] = ids
    const node = await bring(situation, async (id) => {
      t.ok(await attachRaw(id, one))
      t.ok(await attachRaw(id, other))
      for (const volume of [one, other]) await until(async () => (await readVolume(volume)).status === 'in-use')
    })
    const detached = await detachRaw(node, one)
    t.equal(await act(t, other, 'detach', {}), detached, `Nova ${detached ? 'detaches' : 'refuses to detach'}`)
    const attached = await attachRaw(node, free)
    t.equal(
      await act(t, otherFree, 'attach', { node_id: node }), attached,
      `Nova ${attached ? 'attaches' : 'refuses to attach'}`
    )
    await remove(node)
  })))

  await t.test('a volume of a type with multi-attach is attached to two nodes', async (t) => {
    const { volume_type: { id: type } } = await lab.api('admin', 'volumev3', 'POST', '/types', {
      volume_type: { name: `${prefix}multi`, extra_specs: { multiattach: '<is> True' } }
    })
    const volume = await createVolume({ type: `${prefix}multi` })
    t.teardown(async () => {
      await lab.api('admin', 'volumev3', 'POST', `/volumes/${volume}/action`, { 'os-force_delete': {} })
      await until(() => readVolume(volume).then(() => false, () => true))
      await lab.api('admin', 'volumev3', 'DELETE', `/types/${type}`)
    })
    const [first, second, shelved] = await Promise.all([
      bring(situationOf('ACTIVE')), bring(situationOf('SHUTOFF')), bring(situationOf('SHELVED_OFFLOADED'))
    ])
    t.ok(await act(t, volume, 'attach', { node_id: first }))
    t.ok(await act(t, volume, 'attach', { node_id: second }))
    const { body } = await api.get(`${volumes}/${volume}`)
    t.same(body.attachments.map((one: { node_id: string }) => one.node_id).sort(), [first, second].sort())
    const isAttached = await attachRaw(shelved, volume)
    const { status } = await api.post(`${volumes}/${volume}/actions/attach`, { node_id: shelved })
    t.equal(status < 300, isAttached, 'a shelved node')
    t.equal((await api.post(`${volumes}/${volume}/actions/detach`, {})).status, 422, 'from which node?')
    t.ok(await act(t, volume, 'detach', { node_id: first }))
    t.match((await api.get(`${volumes}/${volume}`)).body, { state: 'in_use', attachments: [{ node_id: second }] })
    t.ok(await act(t, volume, 'detach', { node_id: second }))
    t.match((await api.get(`${volumes}/${volume}`)).body, { state: 'available', attachments: [] })
    await Promise.all([first, second, shelved].map((id) => remove(id)))
  })
})
