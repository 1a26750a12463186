import type { NodeVerb, NodeVerbInput } from '../../../openapi/model/index.ts'
import type { Until } from '../../driver.ts'
import {
  impossibleSize,
  nodeStateOf,
  scheduleSteps,
  untilGone,
  type NodeRecord,
  type NodeStage,
  type NodeStep
} from '../engine/index.ts'

/** The course of a change: its stages, which share its duration evenly, and its end. */
export interface Plan {
  stages: NodeStage[]
  end: NodeStage
  until: Until
  /** A later stage, so many seconds after the end. */
  later?: { seconds: number, then: NodeStage }
}

interface PlanOptions {
  /** Fields of the end beside its status. */
  fields?: NodeStage
  /** Whether only this status is the end, because others have the same state. */
  isExact?: boolean
  /** The size for which a host is sought. There is none for the impossible size. */
  sizeId?: string
}

const endOf = (status: string, fields?: NodeStage): NodeStage => ({
  status,
  task: null,
  progress: null,
  ...fields
})

const noValidHost = {
  code: 'NoValidHost',
  message: 'No valid host was found. There are not enough hosts available.'
}

function createPlan (
  stages: Array<NodeStage | string>,
  status: string,
  { fields, isExact, sizeId }: PlanOptions = {}
): Plan {
  const { state } = nodeStateOf({ status, task: null })
  const end = sizeId === impossibleSize
    ? endOf('ERROR', { fault: noValidHost })
    : endOf(status, { fault: null, ...fields })
  return {
    stages: stages.map((stage) => typeof stage === 'string' ? { task: stage } : stage),
    end,
    until: isExact ? { states: [state], provider_states: [status] } : { states: [state] }
  }
}

const launched = { fields: { launched: true } }

/** Plans a new node. With `fault`, the node ends in an error. */
export function planCreate (
  sizeId: string,
  hasRootVolume: boolean,
  fault?: NodeStage['fault']
): Plan {
  const placing = hasRootVolume
    ? ['networking', 'block_device_mapping', 'spawning']
    : ['networking', 'spawning']
  const tasks = sizeId === impossibleSize ? ['scheduling'] : ['scheduling', ...placing]
  const plan = createPlan(tasks, 'ACTIVE', { ...launched, sizeId })
  return fault ? { ...plan, end: endOf('ERROR', { fault }) } : plan
}

/** Plans the end of a node. It can be restored for `softSeconds`. */
export function planDestroy (softSeconds: number): Plan {
  const end = { gone: true }
  if (softSeconds === 0) return { stages: [{ task: 'deleting' }], end, until: untilGone }
  return {
    ...createPlan(['soft-deleting'], 'SOFT_DELETED'),
    until: untilGone,
    later: { seconds: softSeconds, then: end }
  }
}

function planResume ({ status }: NodeRecord): Plan {
  if (status.startsWith('SHELVED')) {
    return createPlan(['unshelving', 'spawning'], 'ACTIVE', launched)
  }
  return createPlan([status === 'PAUSED' ? 'unpausing' : 'resuming'], 'ACTIVE')
}

/** The status after a resize or a rebuild: a stopped node stays stopped. */
const statusAfter = ({ status }: NodeRecord) => status === 'SHUTOFF' ? 'SHUTOFF' : 'ACTIVE'

/** The plan of each verb for a node that allows the verb. */
export const plans: { [V in NodeVerb]: (node: NodeRecord, input: NodeVerbInput[V]) => Plan } = {
  start: () => createPlan(['powering-on'], 'ACTIVE', launched),
  stop: () => createPlan(['powering-off'], 'SHUTOFF'),
  reboot: (_, { type }) => {
    const hard = { status: 'HARD_REBOOT', task: 'rebooting_hard' }
    const soft = { status: 'REBOOT', task: 'rebooting' }
    return createPlan([type === 'hard' ? hard : soft], 'ACTIVE')
  },
  pause: () => createPlan(['pausing'], 'PAUSED'),
  suspend: () => createPlan(['suspending'], 'SUSPENDED'),
  resume: planResume,
  shelve: () => {
    const offloading = { status: 'SHELVED', task: 'shelving_offloading' }
    const stages = ['shelving', 'shelving_image_uploading', offloading]
    return createPlan(stages, 'SHELVED_OFFLOADED', { isExact: true })
  },
  rescue: () => createPlan(['rescuing'], 'RESCUE'),
  unrescue: () => createPlan(['unrescuing'], 'ACTIVE'),
  resize: (node, { size_id: sizeId }) => {
    const stages = [{ status: 'RESIZE', task: 'resize_prep' }, 'resize_migrating', 'resize_finish']
    const before = { status: statusAfter(node), size_id: node.size_id }
    return createPlan(stages, 'VERIFY_RESIZE', {
      fields: { size_id: sizeId, before },
      isExact: true,
      sizeId
    })
  },
  confirm_resize: ({ before }) =>
    createPlan(['resize_confirming'], before?.status ?? 'ACTIVE', {
      fields: { before: null },
      isExact: true
    }),
  revert_resize: ({ before, size_id: sizeId }) => {
    const stages = [{ status: 'REVERT_RESIZE', task: 'resize_reverting' }]
    const fields = { before: null, size_id: before?.size_id ?? sizeId }
    return createPlan(stages, before?.status ?? 'ACTIVE', { fields, isExact: true })
  },
  rebuild: (node, { image_id: imageId }) => {
    const stages = [{ status: 'REBUILD', task: 'rebuilding' }, 'rebuild_spawning']
    const fields = { image_id: imageId }
    return createPlan(stages, statusAfter(node), { fields, isExact: true })
  },
  restore: () => createPlan(['restoring'], 'ACTIVE', launched)
}

/** Schedules a plan that starts now and takes so many seconds. */
export function schedulePlan ({ stages, end, later }: Plan, seconds: number): NodeStep[] {
  const progressing = stages.map(
    (stage, i) => ({ ...stage, progress: Math.floor(100 * i / stages.length) })
  )
  const steps = scheduleSteps<NodeStage>(progressing, end, seconds)
  if (later === undefined) return steps
  return [...steps, { at: steps.at(-1)!.at + later.seconds * 1000, then: later.then }]
}
