import type { Hooks } from '../collection.ts'
import type { StoredVolume } from './stored.ts'

const none: readonly string[] = []

/** Which volumes hang on which node. `touch` is called with each node of whose volumes something is another from then on. */
export function createVolumeIndex (touch: (nodeId: string) => void) {
  const devices = new Map<string, Map<string, string>>()

  const hooks: Hooks<StoredVolume> = {
    enter ({ id, attachment }) {
      if (attachment === null) return
      const { node_id: nodeId, device } = attachment
      devices.set(nodeId, (devices.get(nodeId) ?? new Map<string, string>()).set(id, device))
      touch(nodeId)
    },
    leave ({ id, attachment }) {
      if (attachment === null) return
      const rest = devices.get(attachment.node_id)!
      rest.delete(id)
      if (rest.size === 0) devices.delete(attachment.node_id)
      touch(attachment.node_id)
    }
  }

  return {
    hooks,
    /** Ids of the volumes of a node, by their devices. */
    of (nodeId: string): readonly string[] {
      const found = devices.get(nodeId)
      if (found === undefined) return none
      return [...found].sort(([, a], [, b]) => a < b ? -1 : 1).map(([id]) => id)
    }
  }
}
