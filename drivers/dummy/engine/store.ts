import { createUsedAddresses } from './addresses.ts'
import { sizes } from './catalog.ts'
import { createCollection, type BaseRecord, type Collection, type Entry, type Hooks } from './collection.ts'
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
  /** The totals of all nodes. */
  usage: Readonly<{ nodes: number, vcpus: number, ram: number }>
  /** Returns the ids of the volumes attached to a node, in the order of their devices. */
  volumesOf (nodeId: string): readonly string[]
  /** Applies the steps of all records that are due. */
  settle (): void
  /** Returns the content of the state file. */
  toJson (): string
}

/** Runs after a node is removed, with its last record, to release what the node used. */
export type NodeGoneHandler = (store: Store, node: NodeRecord) => void

/** Creates the index of the volumes attached to each node. `onChange` runs with a node's id when its volumes change. */
function createAttachmentIndex (onChange: (nodeId: string) => void) {
  const devicesByNode = new Map<string, Map<string, string>>()

  const hooks: Hooks<VolumeRecord> = {
    enter ({ id, attachment }) {
      if (attachment === null) return
      const { node_id: nodeId, device } = attachment
      const devices = devicesByNode.get(nodeId) ?? new Map<string, string>()
      devicesByNode.set(nodeId, devices.set(id, device))
      onChange(nodeId)
    },
    leave ({ id, attachment }) {
      if (attachment === null) return
      const devices = devicesByNode.get(attachment.node_id)!
      devices.delete(id)
      if (devices.size === 0) devicesByNode.delete(attachment.node_id)
      onChange(attachment.node_id)
    }
  }

  const volumesOf = (nodeId: string): readonly string[] => {
    const devices = devicesByNode.get(nodeId)
    if (devices === undefined) return []
    return [...devices].sort(([, a], [, b]) => a < b ? -1 : 1).map(([id]) => id)
  }

  return { hooks, volumesOf }
}

/** Creates the store of a cloud from the content of its state file. */
export function createStore (state: StateFile, nodeGoneHandlers: readonly NodeGoneHandler[]): Store {
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
  const nodes = createCollection<NodeRecord>({ next_seq: nextSeq, departed, items }, {
    enter (node) {
      updateUsage(node, 1)
      for (const { subnet_id: subnetId, address } of node.nics) usedAddresses.add(subnetId, address)
    },
    leave (node) {
      updateUsage(node, -1)
      for (const { subnet_id: subnetId, address } of node.nics) usedAddresses.delete(subnetId, address)
    },
    gone: (node) => nodeGoneHandlers.forEach((handle) => handle(store, node))
  })

  const attachments = createAttachmentIndex((nodeId) => {
    const entry = nodes.find(nodeId)
    if (entry !== undefined) entry.view = undefined
  })
  const floatingIpHooks: Hooks<FloatingIpRecord> = {
    enter: ({ subnet_id: subnetId, address }) => usedAddresses.add(subnetId, address),
    leave: ({ subnet_id: subnetId, address }) => usedAddresses.delete(subnetId, address)
  }
  const hooks: { [name: string]: Hooks<never> } = { volumes: attachments.hooks, floating_ips: floatingIpHooks }

  const collections = Object.fromEntries(collectionNames.map((name) => {
    const items = firstRecords[name] ?? []
    const contents = state.collections?.[name] ?? { next_seq: items.length, departed: [], items }
    return [name, createCollection(contents as CollectionState<BaseRecord>, hooks[name] as Hooks<BaseRecord>)]
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
      const parts = collectionNames.map((name) => `"${name}":{${collections[name].toJson('items')}}`)
      return `{"version":1,${nodes.toJson('nodes')},"collections":{\n${parts.join(',\n')}\n}}\n`
    }
  }
  return store
}
