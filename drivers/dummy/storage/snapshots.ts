import { ProblemError, type Snapshot, type SnapshotState } from '../../../openapi/model/index.ts'
import { describe, type SnapshotService } from '../../driver.ts'
import {
  checkQuotas,
  commonFieldsOf,
  createRepository,
  findReferenced,
  mergeLabels,
  scheduleSteps,
  tagLimits,
  untilGone,
  type Engine
} from '../engine/index.ts'
import { assertVolumeState } from './volumes.ts'

export const snapshotCapabilities = describe<SnapshotService>({
  create: { parameters: ['volume_id', 'name', 'description', 'tags'], limits: tagLimits },
  update: { parameters: ['name', 'tags'], limits: tagLimits }
})

/** The statuses of Cinder that snapshots have here; each is also the name of the state. */
const states: readonly string[] = [
  'creating',
  'available',
  'deleting',
  'error'
] satisfies SnapshotState[]

const snapshotStateOf = (status: string) =>
  states.includes(status) ? status as SnapshotState : 'unknown'

/** As in Cinder, a volume can be attached while a snapshot is taken. */
export function createSnapshots (engine: Engine): SnapshotService {
  const { quotas, delay, delays } = engine.settings
  const seconds = delays.snapshot ?? delay
  const { reads, update, createAsync, changeAsync, findCreated } = createRepository(
    engine,
    'snapshot',
    ({ snapshots }) => snapshots,
    (data): Snapshot => ({
      ...commonFieldsOf(engine, 'snapshots', data),
      provider_state: data.status,
      state: snapshotStateOf(data.status),
      volume_id: data.volume_id,
      size: data.size,
      progress: data.progress,
      description: data.description
    })
  )

  return {
    ...reads,
    create: (input, { operation }) =>
      createAsync('available', (store) => {
        const { data: volume } = findReferenced(
          store.volumes,
          input.volume_id,
          '/volume_id',
          'a volume'
        )
        assertVolumeState(volume, ['available', 'in_use'])
        checkQuotas(quotas, store, { snapshots: 1 })
        return {
          ...store.snapshots.newRecord('snap', operation),
          steps: scheduleSteps(
            [{ progress: 0 }, { progress: 50 }],
            { status: 'available', progress: 100 },
            seconds
          ),
          name: input.name ?? null,
          status: 'creating',
          tags: { ...input.tags },
          volume_id: volume.id,
          size: volume.size,
          progress: 0,
          description: input.description ?? null
        }
      }),
    findCreated,
    update: (id, patch) => update(id, (snapshot) => mergeLabels(snapshot, patch)),
    destroy: (id) =>
      changeAsync(id, ({ status }) => {
        if (status === 'deleting') return { until: untilGone }
        if (status === 'creating') {
          const hint = 'Wait until it is available.'
          throw new ProblemError('invalid_state', `Snapshot ${id} is ${status}`, {
            state: status,
            hint
          })
        }
        return {
          steps: scheduleSteps([{ status: 'deleting' }], { gone: true }, seconds),
          until: untilGone
        }
      })
  }
}
