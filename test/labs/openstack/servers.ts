import { setTimeout as sleep } from 'node:timers/promises'
import type { LabUserName, OpenstackLab } from './lab.ts'

/** A server as Nova shows it. */
export interface LabServer {
  id: string
  name: string
  status: string
  'OS-EXT-STS:task_state': string | null
}

/** A status of a server, and how it gets there. */
export interface Situation {
  name: string
  status: string
  /** The actions of Nova that bring an ACTIVE server there. Default user: demo. */
  actions: Array<{ body: object, user?: LabUserName }>
  /** Boots from a volume. */
  isVolumeBacked?: boolean
  /** No host takes the server, so it never becomes ACTIVE. */
  isImpossible?: boolean
  /** The user who asks for the actions. Default: demo. */
  user?: LabUserName
}

const toError = { body: { 'os-resetState': { state: 'error' } }, user: 'admin' as const }
const stop = { body: { 'os-stop': null } }
const shelve = { body: { shelve: null } }
const lock = { body: { lock: null } }
const rescue = { body: { rescue: {} } }
const resize = { body: { resize: { flavorRef: '2' } } }

/** The statuses in which a server of the lab can rest, and what changes the actions of some. */
export const situations: readonly Situation[] = [
  { name: 'ACTIVE', status: 'ACTIVE', actions: [] },
  { name: 'SHUTOFF', status: 'SHUTOFF', actions: [stop] },
  { name: 'PAUSED', status: 'PAUSED', actions: [{ body: { pause: null } }] },
  { name: 'SUSPENDED', status: 'SUSPENDED', actions: [{ body: { suspend: null } }] },
  { name: 'SHELVED', status: 'SHELVED', actions: [shelve] },
  {
    name: 'SHELVED_OFFLOADED',
    status: 'SHELVED_OFFLOADED',
    actions: [shelve, { body: { shelveOffload: null }, user: 'admin' }]
  },
  { name: 'RESCUE', status: 'RESCUE', actions: [rescue] },
  { name: 'VERIFY_RESIZE', status: 'VERIFY_RESIZE', actions: [resize] },
  { name: 'ERROR', status: 'ERROR', actions: [toError] },
  { name: 'ERROR without a host', status: 'ERROR', actions: [], isImpossible: true },
  { name: 'ACTIVE from a volume', status: 'ACTIVE', actions: [], isVolumeBacked: true },
  { name: 'SHUTOFF from a volume', status: 'SHUTOFF', actions: [stop], isVolumeBacked: true },
  { name: 'ERROR from a volume', status: 'ERROR', actions: [toError], isVolumeBacked: true },
  { name: 'locked ACTIVE', status: 'ACTIVE', actions: [lock] },
  { name: 'locked SHUTOFF', status: 'SHUTOFF', actions: [stop, lock] },
  { name: 'locked ACTIVE, to an administrator', status: 'ACTIVE', actions: [lock], user: 'admin' },
  { name: 'locked SHUTOFF, to an administrator', status: 'SHUTOFF', actions: [stop, lock], user: 'admin' }
]

export const situationOf = (name: string) => situations.find((situation) => situation.name === name)!

/** A status with a task, during which the compute service is held still. */
export interface TaskSituation {
  from: Situation
  task: string
  /** The body of the action that starts the task; undefined for a deletion. */
  body: object | undefined
}

const during = (from: string, task: string, body?: object): TaskSituation => ({ from: situationOf(from), task, body })

/** The tasks that Nova's API itself sets. */
export const taskSituations: readonly TaskSituation[] = [
  during('ACTIVE', 'powering-off', stop.body),
  during('SHUTOFF', 'powering-on', { 'os-start': null }),
  during('ACTIVE', 'pausing', { pause: null }),
  during('PAUSED', 'unpausing', { unpause: null }),
  during('ACTIVE', 'suspending', { suspend: null }),
  during('SUSPENDED', 'resuming', { resume: null }),
  during('ACTIVE', 'rebooting', { reboot: { type: 'SOFT' } }),
  during('ACTIVE', 'rebooting_hard', { reboot: { type: 'HARD' } }),
  during('ACTIVE', 'rescuing', rescue.body),
  during('RESCUE', 'unrescuing', { unrescue: null }),
  during('ACTIVE', 'shelving', shelve.body),
  during('ACTIVE', 'resize_prep', resize.body),
  during('VERIFY_RESIZE', 'resize_reverting', { revertResize: null }),
  during('ACTIVE', 'deleting')
]

export interface LabServersOptions {
  lab: OpenstackLab
  /** The names of all servers begin with it. */
  prefix: string
  image: string
}

/** Makes servers of the user demo by Nova's API. They have no network, because that takes most of the time. */
export function createLabServers ({ lab, prefix, image }: LabServersOptions) {
  const show = async (id: string) => (await lab.nova('demo', 'GET', `/servers/${id}`)).server as LabServer

  /** Waits until a server has no task, and one of these statuses if there are any. */
  const rest = (id: string, ...statuses: string[]) => until(async () => {
    const { status, 'OS-EXT-STS:task_state': task } = await show(id)
    return task === null && (statuses.length === 0 || statuses.includes(status))
  })

  const act = (id: string, body: object, user: LabUserName = 'demo', version?: string) =>
    lab.nova(user, 'POST', `/servers/${id}/action`, body, version)

  let made = 0
  const boot = async (fields: object = {}) => {
    const server = { name: `${prefix}${++made}`, imageRef: image, flavorRef: '1', networks: 'none', ...fields }
    return String((await lab.nova('demo', 'POST', '/servers', { server }, '2.37')).server.id)
  }

  const volume = {
    boot_index: 0,
    uuid: image,
    source_type: 'image',
    destination_type: 'volume',
    volume_size: 1,
    delete_on_termination: true
  }

  /** Brings a new server into a situation. `prepare` changes it while it is ACTIVE. */
  const bring = async (
    { status, actions, isVolumeBacked, isImpossible }: Situation, prepare?: (id: string) => Promise<void>
  ) => {
    const id = await boot({
      ...(isVolumeBacked && { imageRef: '', block_device_mapping_v2: [volume] }),
      ...(isImpossible && { flavorRef: '99' })
    })
    if (isImpossible !== true) await rest(id, 'ACTIVE')
    await prepare?.(id)
    for (const { body, user } of actions) {
      await act(id, body, user)
      await rest(id)
    }
    await rest(id, status)
    return id
  }

  /** Deletes a server, locked or not. If Nova refuses it now, `purge` deletes it. */
  const remove = (id: string) => lab.nova('admin', 'DELETE', `/servers/${id}`).catch(() => {})

  /** Deletes all servers that were made here. */
  const purge = async () => {
    const { servers } = await lab.nova('demo', 'GET', '/servers/detail')
    const own = (servers as LabServer[]).filter(({ name }) => name.startsWith(prefix))
    await Promise.all(own.map(({ id }) => remove(id)))
    await lab.purge('demo', prefix)
  }

  return { show, rest, act, boot, bring, remove, purge }
}

/** Waits for the lab, at most so many seconds. */
export async function until (isDone: () => Promise<boolean>, seconds = 180) {
  const deadline = Date.now() + seconds * 1000
  while (!await isDone()) {
    if (Date.now() > deadline) throw new Error(`The lab has not done it in ${seconds} seconds`)
    await sleep(100)
  }
}

/** Whether the lab accepts a request. Throws if it fails. */
export async function isAccepted (request: Promise<unknown>) {
  try {
    await request
    return true
  } catch (error) {
    const { status } = error as { status?: number }
    if (status === undefined || status >= 500) throw error
    return false
  }
}
