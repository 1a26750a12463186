import { releaseFloatingIpsOf } from './network/association.ts'
import { releaseVolumes } from './storage/attachments.ts'
import type { Store } from './store.ts'
import type { StoredNode } from './stored.ts'

/** What follows when a node has gone, each with the node as it was last: what it had is free again. */
export const afterNode: ReadonlyArray<(store: Store, node: StoredNode) => void> = [releaseVolumes, releaseFloatingIpsOf]
