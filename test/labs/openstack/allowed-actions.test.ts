import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { nodeActions, type NodeAction } from '../../../openapi/model/index.ts'
import { buildOnLab } from './app.ts'

t.setTimeout(1_800_000)

const prefix = `allowed-${process.pid}-`
const nodes = '/api/v2/clouds/default/nodes'

interface LabServer { id: string, status: string, 'OS-EXT-STS:task_state': string | null, [field: string]: unknown }

interface Situation {
  name: string
  status: string
  /** Brings a server from ACTIVE into the status, as the demo user or, for reset-state, the administrator. */
  actions: Array<{ body: object, user?: 'admin' }>
  /** Boots from a volume. */
  isVolumeBacked?: boolean
}

const toError = { body: { 'os-resetState': { state: 'error' } }, user: 'admin' as const }
const toShutoff = { body: { 'os-stop': null } }

const situations: Situation[] = [
  { name: 'ACTIVE', status: 'ACTIVE', actions: [] },
  { name: 'SHUTOFF', status: 'SHUTOFF', actions: [toShutoff] },
  { name: 'PAUSED', status: 'PAUSED', actions: [{ body: { pause: null } }] },
  { name: 'SUSPENDED', status: 'SUSPENDED', actions: [{ body: { suspend: null } }] },
  { name: 'SHELVED_OFFLOADED', status: 'SHELVED_OFFLOADED', actions: [{ body: { shelve: null } }] },
  { name: 'RESCUE', status: 'RESCUE', actions: [{ body: { rescue: {} } }] },
  { name: 'VERIFY_RESIZE', status: 'VERIFY_RESIZE', actions: [{ body: { resize: { flavorRef: '2' } } }] },
  { name: 'ERROR', status: 'ERROR', actions: [toError] },
  { name: 'ACTIVE from a volume', status: 'ACTIVE', actions: [], isVolumeBacked: true },
  { name: 'SHUTOFF from a volume', status: 'SHUTOFF', actions: [toShutoff], isVolumeBacked: true },
  { name: 'ERROR from a volume', status: 'ERROR', actions: [toError], isVolumeBacked: true }
]

/** Differences between this server and Nova, with their reason: `situation action`. */
const knownDifferences: Readonly<Record<string, string>> = {}

t.test('allowed_actions are those that Nova accepts', async (t) => {
  const { api, lab, image_id: image, network_id: network } = await buildOnLab(t)
  t.teardown(() => lab.purge('demo', prefix))
  const { version } = await lab.nova('demo', 'GET', '/')
  const highest = String(version.version)

  /** Nova's actions by our names, in its own terms. A `reboot` is accepted if Nova accepts a soft or a hard one. */
  const requests: Record<NodeAction, object[]> = {
    start: [{ 'os-start': null }],
    stop: [{ 'os-stop': null }],
    reboot: [{ reboot: { type: 'SOFT' } }, { reboot: { type: 'HARD' } }],
    pause: [{ pause: null }],
    suspend: [{ suspend: null }],
    resume: [{ unpause: null }, { resume: null }, { unshelve: null }],
    shelve: [{ shelve: null }],
    rescue: [{ rescue: {} }],
    unrescue: [{ unrescue: null }],
    resize: [{ resize: { flavorRef: '2' } }],
    confirm_resize: [{ confirmResize: null }],
    revert_resize: [{ revertResize: null }],
    rebuild: [{ rebuild: { imageRef: image } }],
    restore: [{ restore: null }],
    destroy: []
  }

  const raw = async (id: string): Promise<LabServer> => (await lab.nova('demo', 'GET', `/servers/${id}`)).server
  const until = async (id: string, status: string) => {
    for (let tries = 0; tries < 1200; tries++) {
      const server = await raw(id)
      if (server.status === status && server['OS-EXT-STS:task_state'] === null) return
      await sleep(100)
    }
    throw new Error(`${id} is ${JSON.stringify(await raw(id))}`)
  }
  let made = 0
  const bring = async ({ status, actions, isVolumeBacked = false }: Situation) => {
    const volume = {
      boot_index: 0,
      uuid: image,
      source_type: 'image',
      destination_type: 'volume',
      volume_size: 1,
      delete_on_termination: true
    }
    const disk = isVolumeBacked ? { imageRef: '', block_device_mapping_v2: [volume] } : { imageRef: image }
    const server = { name: `${prefix}${++made}`, flavorRef: '1', networks: [{ uuid: network }], ...disk }
    const id = String((await lab.nova('demo', 'POST', '/servers', { server })).server.id)
    await until(id, 'ACTIVE')
    for (const { body, user = 'demo' } of actions) await lab.nova(user, 'POST', `/servers/${id}/action`, body)
    await until(id, status)
    return id
  }

  const errorStatus = (error: unknown) => {
    const { status } = error as { status?: number }
    if (status === undefined || status >= 500) throw error
    return status
  }

  /** Asks Nova for an action at its highest version. Returns whether it has accepted, that is, changed the server. */
  const accepts = async (id: string, action: NodeAction) => {
    if (action === 'destroy') {
      return lab.nova('demo', 'DELETE', `/servers/${id}`, undefined, highest).then(() => true, (error: unknown) =>
        errorStatus(error) < 400)
    }
    for (const body of requests[action]) {
      const isAccepted = await lab.nova('demo', 'POST', `/servers/${id}/action`, body, highest)
        .then(() => true, (error: unknown) => errorStatus(error) < 400)
      if (isAccepted) return true
    }
    return false
  }

  // Most of the time is waiting for the lab.
  t.jobs = 6
  await Promise.all(situations.map((situation) =>
    t.test(situation.name, { buffered: true }, async (t) => {
      let id = await bring(situation)
      const { body } = await api.get(`${nodes}/${id}`)
      t.equal(body.provider_state, situation.status)
      for (const action of nodeActions) {
        const isAccepted = await accepts(id, action)
        const isAllowed = body.allowed_actions.includes(action) as boolean
        const reason = knownDifferences[`${situation.name} ${action}`]
        if (reason === undefined) t.equal(isAllowed, isAccepted, `${action}: Nova ${isAccepted ? 'accepts' : 'refuses'}`)
        else t.not(isAllowed, isAccepted, `${action}: ${reason}`)
        if (!isAccepted) continue
        await lab.nova('demo', 'DELETE', `/servers/${id}`).catch(() => {})
        if (action !== nodeActions.at(-1)) id = await bring(situation)
      }
      const types = body.reboot_types as string[]
      const soft = await lab.nova('demo', 'POST', `/servers/${await bring(situation)}/action`, requests.reboot[0])
        .then(() => true, (error: unknown) => errorStatus(error) < 400)
      t.equal(types.includes('soft'), soft, 'soft reboot')
    })))
})
