import type { NodeVerb, NodeVerbInput } from '../../openapi/model/index.ts'
import type { Until } from '../driver.ts'
import { impossibleSize } from './catalog.ts'
import { mapState } from './states.ts'
import type { Stage, Step, StoredNode } from './stored.ts'

/** A change as it will go: its stages, spread evenly over the time it takes, and what stands at the end of that. */
export interface Plan {
  stages: Stage[]
  end: Stage
  until: Until
  /** What follows by itself, so many seconds after the end. */
  afterwards?: { seconds: number, then: Stage }
}

/** Where the node is to go: one status. `exact` where others with the same state would not be the end. */
function until (status: string, exact = false): Until {
  const { state } = mapState(status, null)
  return { states: [state], ...(exact ? { provider_states: [status] } : {}) }
}

const rest = (status: string, more: Stage = {}): Stage => ({ status, task: null, progress: null, ...more })

const noValidHost = { code: 'NoValidHost', message: 'No valid host was found. There are not enough hosts available.' }
const failed = (fault: NonNullable<Stage['fault']>) => rest('ERROR', { fault })

/** The end of what needs a host: there is none for the impossible size. */
const hosted = (sizeId: string, status: string, more: Stage = {}) =>
  sizeId === impossibleSize ? failed(noValidHost) : rest(status, { fault: null, ...more })

const tasks = (...names: string[]): Stage[] => names.map((task) => ({ task }))

const simple = (status: string, ...names: string[]) => (): Plan => ({ stages: tasks(...names), end: rest(status), until: until(status) })

/** The life of a node from its create on; `fault` is what it shall end with instead. */
export function planCreate (sizeId: string, fromVolume: boolean, fault?: Stage['fault']): Plan {
  const placed = ['networking', ...(fromVolume ? ['block_device_mapping'] : []), 'spawning']
  return {
    stages: tasks('scheduling', ...(sizeId === impossibleSize ? [] : placed)),
    end: fault ? failed(fault) : hosted(sizeId, 'ACTIVE', { launched: true }),
    until: until('ACTIVE')
  }
}

/** With `softSeconds` the node can be restored for as long. */
export function planDestroy (softSeconds: number): Plan {
  const gone = { states: [], gone: true }
  if (softSeconds === 0) return { stages: tasks('deleting'), end: { gone: true }, until: gone }
  return {
    stages: tasks('soft-deleting'),
    end: rest('SOFT_DELETED'),
    until: gone,
    afterwards: { seconds: softSeconds, then: { gone: true } }
  }
}

function planResume ({ status }: StoredNode): Plan {
  if (status === 'PAUSED') return simple('ACTIVE', 'unpausing')()
  if (!status.startsWith('SHELVED')) return simple('ACTIVE', 'resuming')()
  return { stages: tasks('unshelving', 'spawning'), end: rest('ACTIVE', { launched: true }), until: until('ACTIVE') }
}

/** A node keeps on running, or being stopped, over a resize and a rebuild. */
const kept = (status: string) => status === 'SHUTOFF' ? 'SHUTOFF' : 'ACTIVE'

/** What each verb does to a node that allows it. */
export const plans: { [V in NodeVerb]: (node: StoredNode, input: NodeVerbInput[V]) => Plan } = {
  start: () => ({ stages: tasks('powering-on'), end: rest('ACTIVE', { launched: true }), until: until('ACTIVE') }),
  stop: simple('SHUTOFF', 'powering-off'),
  reboot: ({ size_id: sizeId }, { type }) => ({
    stages: [type === 'hard' ? { status: 'HARD_REBOOT', task: 'rebooting_hard' } : { status: 'REBOOT', task: 'rebooting' }],
    end: hosted(sizeId, 'ACTIVE'),
    until: until('ACTIVE')
  }),
  pause: simple('PAUSED', 'pausing'),
  suspend: simple('SUSPENDED', 'suspending'),
  resume: planResume,
  shelve: () => ({
    stages: [...tasks('shelving', 'shelving_image_uploading'), { status: 'SHELVED', task: 'shelving_offloading' }],
    end: rest('SHELVED_OFFLOADED'),
    until: until('SHELVED_OFFLOADED', true)
  }),
  rescue: simple('RESCUE', 'rescuing'),
  unrescue: simple('ACTIVE', 'unrescuing'),
  resize: (node, { size_id: sizeId }) => ({
    stages: [{ status: 'RESIZE', task: 'resize_prep' }, ...tasks('resize_migrating', 'resize_finish')],
    end: hosted(sizeId, 'VERIFY_RESIZE', { size_id: sizeId, before: { status: kept(node.status), size_id: node.size_id } }),
    until: until('VERIFY_RESIZE', true)
  }),
  confirm_resize: ({ before }) => {
    const status = before?.status ?? 'ACTIVE'
    return { stages: tasks('resize_confirming'), end: rest(status, { before: null }), until: until(status, true) }
  },
  revert_resize: ({ before, size_id: sizeId }) => {
    const status = before?.status ?? 'ACTIVE'
    return {
      stages: [{ status: 'REVERT_RESIZE', task: 'resize_reverting' }],
      end: rest(status, { before: null, size_id: before?.size_id ?? sizeId }),
      until: until(status, true)
    }
  },
  rebuild: (node, { image_id: imageId }) => ({
    stages: [{ status: 'REBUILD', task: 'rebuilding' }, ...tasks('rebuild_spawning')],
    end: hosted(node.size_id, kept(node.status), { image_id: imageId }),
    until: until(kept(node.status), true)
  }),
  restore: () => ({ stages: tasks('restoring'), end: rest('ACTIVE', { launched: true }), until: until('ACTIVE') })
}

/** The moments of a plan that begins `now` (milliseconds) and takes so many seconds. */
export function stepsOf ({ stages, end, afterwards }: Plan, now: number, seconds: number): Step[] {
  const length = stages.length
  const done = now + seconds * 1000
  return [
    ...stages.map((stage, i) => ({
      at: now + Math.round(seconds * 1000 * i / length), then: { ...stage, progress: Math.floor(100 * i / length) }
    })),
    { at: done, then: end },
    ...(afterwards === undefined ? [] : [{ at: done + afterwards.seconds * 1000, then: afterwards.then }])
  ]
}
