import type { SnapshotService } from '../../driver.ts'
import { field, refuse } from '../refusal.ts'
import { checkQuotas } from '../quota.ts'
import { createReadsOf } from '../records.ts'
import type { Settings } from '../settings.ts'
import type { State } from '../state.ts'
import type { Store } from '../store.ts'
import { mergeTags } from '../tags.ts'
import { born, createChanges, invalidState, stepsOf, untilGone } from './common.ts'
import { snapshotState, volumeState } from './states.ts'
import type { StoredVolume } from './stored.ts'
import type { StorageViews } from './view.ts'

/** The volume to take a snapshot of. Throws validation_failed where there is none, invalid_state where it is not at rest. */
function sourceOf ({ volumes }: Store, id: string): StoredVolume {
  const volume = volumes.find(id)?.data
  refuse(volume === undefined ? [field('/volume_id', 'must be the id of a volume of this cloud')] : [])
  const state = volumeState(volume!.status)
  if (state === 'available' || state === 'in_use') return volume!
  throw invalidState(`Volume ${id} is ${state}`, state, 'Wait until it is available or in use.')
}

/** The snapshots of the dummy cloud, as Cinder's: also of volumes that are attached. */
export function createSnapshots (settings: Settings, state: State, views: StorageViews): SnapshotService {
  const { quotas, delay, delays, page_size: pageSize } = settings
  const seconds = delays.snapshot ?? delay
  const { open, save } = state
  const { reads, find, view } = createReadsOf(state, 'snapshot', ({ snapshots }) => snapshots, pageSize, views.snapshot)
  const { changed, findCreated } = createChanges(state, 'snapshot', ({ snapshots }) => snapshots)

  return {
    ...reads,
    async create ({ volume_id: volumeId, name, description, tags }, call) {
      const store = await open()
      const { size } = sourceOf(store, volumeId)
      checkQuotas(quotas, store, { snapshots: 1 })
      const fields = born(store.snapshots, 'snap', call.operation)
      store.snapshots.add({
        ...fields,
        name: name ?? null,
        status: 'creating',
        tags: { ...tags },
        volume_id: volumeId,
        size,
        progress: 0,
        description: description ?? null,
        steps: stepsOf([{ progress: 0 }, { progress: 50 }], { status: 'available', progress: 100 }, seconds)
      })
      return changed(fields.id, { states: ['available'] })
    },
    findCreated,
    async update (id, { name, tags }) {
      const store = await open()
      const entry = find(store, id)
      store.snapshots.set(entry, { ...(name === undefined ? {} : { name }), tags: mergeTags(entry.data.tags, tags) })
      await save()
      return view(entry)
    },
    async destroy (id) {
      const store = await open()
      const entry = find(store, id)
      const state = snapshotState(entry.data.status)
      if (state === 'creating') throw invalidState(`Snapshot ${id} is ${state}`, state, 'Wait until it is available.')
      if (state !== 'deleting') store.snapshots.move(entry, stepsOf([{ status: 'deleting' }], { gone: true }, seconds))
      return changed(id, untilGone)
    }
  }
}
