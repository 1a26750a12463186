import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { nodeActions, type NodeAction } from '../../../openapi/model/index.ts'
import { buildOnLab, labCloud } from './app.ts'
import { frozen, type LabUserName } from './lab.ts'
import { createLabServers, isAccepted, situations, taskSituations } from './servers.ts'

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

  t.teardown(servers.purge)
  return { ...served, ...servers, requests, accepts, readNode, compare }
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
