import type { NodeVerb, NodeVerbInput } from '../../../openapi/model/index.ts'
import type { Until } from '../../driver.ts'
import { impossibleSize } from '../engine/catalog.ts'
import { scheduleSteps } from '../engine/collection.ts'
import { nodeStateOf } from '../engine/node-states.ts'
import type { NodeRecord, NodeStage, NodeStep } from '../engine/records.ts'
import { untilGone } from '../engine/repository.ts'

/** The course of a change: its stages, which share its duration evenly, and its end. */
export interface Plan {
  stages: NodeStage[]
  end: NodeStage
  until: Until
  /** A later stage, so many seconds after the end. */
  later?: { seconds: number, then: NodeStage }
}

/** Waits for the state of a status; with `exact`, for the status itself, because others have the same state. */
function untilStatus (status: string, exact = false): Until {
  const { state } = nodeStateOf({ status, task: null })
  return exact ? { states: [state], provider_states: [status] } : { states: [state] }
}

const ended = (status: string, more: NodeStage = {}): NodeStage => ({ status, task: null, progress: null, ...more })

const noValidHost = {
  code: 'NoValidHost', message: 'No valid host was found. There are not enough hosts available.'
}

/** The end of a change that needs a host, which does not exist for the impossible size. */
const endedOnHost = (sizeId: string, status: string, more: NodeStage = {}) => sizeId === impossibleSize
  ? ended('ERROR', { fault: noValidHost })
  : ended(status, { fault: null, ...more })

const tasks = (...names: string[]): NodeStage[] => names.map((task) => ({ task }))

const createPlan = (status: string, ...names: string[]): Plan =>
  ({ stages: tasks(...names), end: ended(status), until: untilStatus(status) })

const launchPlan = (...names: string[]): Plan =>
  ({ stages: tasks(...names), end: ended('ACTIVE', { launched: true }), until: untilStatus('ACTIVE') })

/** Plans a new node. With `fault`, the node ends in an error. */
export function planCreate (sizeId: string, hasRootVolume: boolean, fault?: NodeStage['fault']): Plan {
  const placed = hasRootVolume ? ['networking', 'block_device_mapping', 'spawning'] : ['networking', 'spawning']
  return {
    stages: tasks('scheduling', ...(sizeId === impossibleSize ? [] : placed)),
    end: fault ? ended('ERROR', { fault }) : endedOnHost(sizeId, 'ACTIVE', { launched: true }),
    until: untilStatus('ACTIVE')
  }
}

/** Plans the end of a node. It can be restored for `softSeconds`. */
export function planDestroy (softSeconds: number): Plan {
  if (softSeconds === 0) return { stages: tasks('deleting'), end: { gone: true }, until: untilGone }
  return {
    stages: tasks('soft-deleting'),
    end: ended('SOFT_DELETED'),
    until: untilGone,
    later: { seconds: softSeconds, then: { gone: true } }
  }
}

function planResume ({ status }: NodeRecord): Plan {
  if (status.startsWith('SHELVED')) return launchPlan('unshelving', 'spawning')
  return createPlan('ACTIVE', status === 'PAUSED' ? 'unpausing' : 'resuming')
}

/** The status after a resize or a rebuild: a stopped node stays stopped. */
const statusAfter = ({ status }: NodeRecord) => status === 'SHUTOFF' ? 'SHUTOFF' : 'ACTIVE'

/** The plan of each verb for a node that allows the verb. */
export const plans: { [V in NodeVerb]: (node: NodeRecord, input: NodeVerbInput[V]) => Plan } = {
  start: () => launchPlan('powering-on'),
  stop: () => createPlan('SHUTOFF', 'powering-off'),
  reboot: ({ size_id: sizeId }, { type }) => ({
    stages: [type === 'hard'
      ? { status: 'HARD_REBOOT', task: 'rebooting_hard' }
      : { status: 'REBOOT', task: 'rebooting' }],
    end: endedOnHost(sizeId, 'ACTIVE'),
    until: untilStatus('ACTIVE')
  }),
  pause: () => createPlan('PAUSED', 'pausing'),
  suspend: () => createPlan('SUSPENDED', 'suspending'),
  resume: planResume,
  shelve: () => ({
    stages: [...tasks('shelving', 'shelving_image_uploading'), { status: 'SHELVED', task: 'shelving_offloading' }],
    end: ended('SHELVED_OFFLOADED'),
    until: untilStatus('SHELVED_OFFLOADED', true)
  }),
  rescue: () => createPlan('RESCUE', 'rescuing'),
  unrescue: () => createPlan('ACTIVE', 'unrescuing'),
  resize: (node, { size_id: sizeId }) => ({
    stages: [{ status: 'RESIZE', task: 'resize_prep' }, ...tasks('resize_migrating', 'resize_finish')],
    end: endedOnHost(sizeId, 'VERIFY_RESIZE', {
      size_id: sizeId, before: { status: statusAfter(node), size_id: node.size_id }
    }),
    until: untilStatus('VERIFY_RESIZE', true)
  }),
  confirm_resize: ({ before }) => {
    const status = before?.status ?? 'ACTIVE'
    return {
      stages: tasks('resize_confirming'),
      end: ended(status, { before: null }),
      until: untilStatus(status, true)
    }
  },
  revert_resize: ({ before, size_id: sizeId }) => {
    const status = before?.status ?? 'ACTIVE'
    return {
      stages: [{ status: 'REVERT_RESIZE', task: 'resize_reverting' }],
      end: ended(status, { before: null, size_id: before?.size_id ?? sizeId }),
      until: untilStatus(status, true)
    }
  },
  rebuild: (node, { image_id: imageId }) => ({
    stages: [{ status: 'REBUILD', task: 'rebuilding' }, ...tasks('rebuild_spawning')],
    end: endedOnHost(node.size_id, statusAfter(node), { image_id: imageId }),
    until: untilStatus(statusAfter(node), true)
  }),
  restore: () => launchPlan('restoring')
}

/** Schedules a plan that starts now and takes so many seconds. */
export function schedulePlan ({ stages, end, later }: Plan, seconds: number): NodeStep[] {
  const progressing = stages.map((stage, i) => ({ ...stage, progress: Math.floor(100 * i / stages.length) }))
  const steps = scheduleSteps<NodeStage>(progressing, end, seconds)
  if (later === undefined) return steps
  return [...steps, { at: steps.at(-1)!.at + later.seconds * 1000, then: later.then }]
}
