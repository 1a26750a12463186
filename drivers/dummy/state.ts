import { createWriter, readState } from './file.ts'
import { seedState } from './seed.ts'
import type { Settings } from './settings.ts'
import { createStore, type Store } from './store.ts'

/**
 * The store of one cloud, opened at its first use: from the state file, or anew where there is none. A file that cannot
 * be read is tried again at the next use. `open` and `save` throw provider_error naming the file.
 */
export function createState (settings: Settings) {
  const file = settings.state_file ?? null
  let store: Store | undefined
  let opening: Promise<Store> | undefined
  let writer: ReturnType<typeof createWriter> | undefined

  const load = async () => {
    const state = file === null ? undefined : await readState(file)
    // Set here, before anybody who waits goes on: two stores would lose each other's changes.
    store = createStore(state ?? seedState(settings), settings)
    if (file !== null) writer = createWriter(file, store.toJson)
    return store
  }

  return {
    /** The store with everything as it is now. */
    async open () {
      const opened = store ?? await (opening ??= load().finally(() => { opening = undefined }))
      opened.settle()
      return opened
    },
    /** Ids of the volumes that hang on a node, once it is open. */
    volumesOf: (nodeId: string) => store!.volumesOf(nodeId),
    /** Resolves when all changes up to now are in the state file, at once where there is none. */
    save: async () => writer?.save(),
    /** Resolves when nothing is left to write. */
    close: async () => writer?.flush()
  }
}

export type State = ReturnType<typeof createState>
