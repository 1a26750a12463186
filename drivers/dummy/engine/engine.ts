import type { Context } from '../../driver.ts'
import { createSampleState } from './sample.ts'
import { createSeedState } from './seed.ts'
import type { Settings } from './settings.ts'
import { createStateWriter, readStateFile } from './state-file.ts'
import { createStore, type NodeGoneHandler, type Store } from './store.ts'

/**
 * Creates the engine that all services of one cloud share. The first use opens the store: from the state file, or new
 * if there is no file. After a failed read, the next use tries again. `open` and `save` throw provider_error.
 */
export function createEngine (
  settings: Settings,
  context: Context,
  nodeGoneHandlers: readonly NodeGoneHandler[]
) {
  const file = settings.state_file ?? null
  let store: Store | undefined
  let opening: Promise<Store> | undefined
  let writer: ReturnType<typeof createStateWriter> | undefined

  const createState = settings.sample ? createSampleState : createSeedState

  const load = async () => {
    const state = file === null ? undefined : await readStateFile(file)
    // Set the store before any caller continues: with two stores, changes would be lost.
    store = createStore(state ?? createState(settings), nodeGoneHandlers)
    if (file !== null) writer = createStateWriter(file, store, state?.generation ?? 0)
    return store
  }

  return {
    settings,
    context,
    /** Returns the store after applying all steps that are due. */
    async open () {
      const opened = store ?? await (opening ??= load().finally(() => {
        opening = undefined
      }))
      opened.settle()
      return opened
    },
    volumesOf: (nodeId: string) => store!.volumesOf(nodeId),
    /** Resolves when the state file, if any, holds all changes up to now. */
    save: async () => writer?.save(),
    close: async () => writer?.close()
  }
}

export type Engine = ReturnType<typeof createEngine>
