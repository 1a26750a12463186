import { createUsedAddresses } from './addresses.ts'
import { sizes } from './catalog.ts'
import { createCollection, type BaseRecord, type ChangeListener, type Collection, type Entry } from './collection.ts'
import {
  collectionNames, upgradeNode, type CollectionName, type CollectionState, type FloatingIpRecord, type NodeRecord,
  type RecordOf, type StateFile, type VolumeRecord
} from './records.ts'
import { firstRecords } from './seed.ts'

export type NodeEntry = Entry<NodeRecord>

type Collections = { [Name in CollectionName]: Collection<RecordOf<Name>> }

/** All records of one cloud: its nodes, and each collection of records.ts. */
export interface Store extends Collections {
  nodes: Collection<NodeRecord>
  usedAddresses: ReturnType<typeof createUsedAddresses>
  usage: Readonly<{ nodes: number, vcpus: number, ram: number }>
  /** Returns the ids of the volumes attached to a node, in the order of their devices. */
  volumesOf (nodeId: string): readonly string[]
  settle (): void
  toJson (): string
}

/** Runs after a node is removed, with its last record, to release what the node used. */
export type NodeGoneHandler = (store: Store, node: NodeRecord) => void

/** Creates the index of the volumes attached to each node. `onChange` runs with a node's id when its volumes change. */
function createAttachmentIndex (onChange: (nodeId: string) => void) {
  const devicesByNode = new Map<string, Map<string, string>>()

  const update: ChangeListener<VolumeRecord> = (before, after) => {
    if (before?.attachment) {
      const { node_id: nodeId } = before.attachment
      const devices = devicesByNode.get(nodeId)!
      devices.delete(before.id)
      if (devices.size === 0) devicesByNode.delete(nodeId)
      onChange(nodeId)
    }
    if (after?.attachment) {
      const { node_id: nodeId, device } = after.attachment
      const devices = devicesByNode.get(nodeId) ?? new Map<string, string>()
      devicesByNode.set(nodeId, devices.set(after.id, device))
      onChange(nodeId)
    }
  }

  const volumesOf = (nodeId: string): readonly string[] => {
    const devices = devicesByNode.get(nodeId)
    if (devices === undefined) return []
    return [...devices].sort(([, a], [, b]) => a < b ? -1 : 1).map(([id]) => id)
  }

  return { update, volumesOf }
}

/** Creates the store of a cloud from the content of its state file. */
export function createStore (
  state: StateFile, nodeGoneHandlers: readonly NodeGoneHandler[]
): Store {
  const usedAddresses = createUsedAddresses()
  const usage = { nodes: 0, vcpus: 0, ram: 0 }

  const updateUsage = ({ size_id: sizeId }: NodeRecord, sign: 1 | -1) => {
    const size = sizes.get(sizeId)
    usage.nodes += sign
    usage.vcpus += sign * (size?.vcpus ?? 0)
    usage.ram += sign * (size?.ram ?? 0)
  }

  const { next_seq: nextSeq, departed } = state
  const items = state.nodes.map(upgradeNode)
  const updateNode: ChangeListener<NodeRecord> = (before, after) => {
    if (before) updateUsage(before, -1)
    if (after) updateUsage(after, 1)
    usedAddresses.replace(before?.nics ?? [], after?.nics ?? [])
    if (before && !after) for (const handle of nodeGoneHandlers) handle(store, before)
  }
  const nodes = createCollection({ next_seq: nextSeq, departed, items }, updateNode)

  const attachments = createAttachmentIndex((nodeId) => {
    const entry = nodes.find(nodeId)
    if (entry !== undefined) entry.view = undefined
  })
  const updateAddresses: ChangeListener<FloatingIpRecord> = (before, after) =>
    usedAddresses.replace(before ? [before] : [], after ? [after] : [])
  const listeners: { [name: string]: ChangeListener<never> } = {
    volumes: attachments.update, floating_ips: updateAddresses
  }

  const collections = Object.fromEntries(collectionNames.map((name) => {
    const items = firstRecords[name] ?? []
    const contents = state.collections?.[name] ?? { next_seq: items.length, departed: [], items }
    const listener = listeners[name] as ChangeListener<BaseRecord> | undefined
    return [name, createCollection(contents as CollectionState<BaseRecord>, listener)]
  })) as { [name: string]: unknown } as Collections

  const all = [nodes, ...Object.values(collections)]
  const store: Store = {
    nodes,
    ...collections,
    usedAddresses,
    usage,
    volumesOf: attachments.volumesOf,
    settle () {
      const now = Date.now()
      for (const collection of all) collection.settle(now)
    },
    toJson () {
      const parts = collectionNames.map((name) =>
        `"${name}":{${collections[name].toJson('items')}}`)
      return `{"version":1,${nodes.toJson('nodes')},"collections":{\n${parts.join(',\n')}\n}}\n`
    }
  }
  return store
}
