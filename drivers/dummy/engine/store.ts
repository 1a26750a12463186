import { createUsedAddresses } from './addresses.ts'
import {
  createCollection,
  type BaseRecord,
  type ChangeListener,
  type Collection,
  type Entry
} from './collection.ts'
import {
  collectionNames,
  upgradeNode,
  type CollectionName,
  type CollectionState,
  type FloatingIpRecord,
  type NodeRecord,
  type RecordOf,
  type StateFile,
  type VolumeRecord
} from './records.ts'
import { firstRecords } from './seed.ts'

export type NodeEntry = Entry<NodeRecord>

type Collections = { [Name in CollectionName]: Collection<RecordOf<Name>> }

/** All records of one cloud: its nodes, and each collection of records.ts. */
export interface Store extends Collections {
  nodes: Collection<NodeRecord>
  usedAddresses: ReturnType<typeof createUsedAddresses>
  /** Returns the volumes attached to a node, in the order of their devices. */
  volumesOf(nodeId: string): Array<Entry<VolumeRecord>>
  settle(): void
  /** Returns the JSON of the changes since the last time, by collection; undefined if there are none. */
  takeChanges(): string | undefined
  /** Yields the JSON of the whole state in parts. `generation` is its number. */
  toJson(generation: number): Generator<string>
}

/** Runs after a node is removed, with its last record, to release what the node used. */
export type NodeGoneHandler = (store: Store, node: NodeRecord) => void

/** Creates the store of a cloud from the content of its state file. */
export function createStore (
  state: StateFile,
  nodeGoneHandlers: readonly NodeGoneHandler[]
): Store {
  const usedAddresses = createUsedAddresses()

  const updateNode: ChangeListener<NodeRecord> = (before, after) => {
    usedAddresses.replace(before?.nics ?? [], after?.nics ?? [])
    if (before && !after) { for (const handle of nodeGoneHandlers) handle(store, before) }
  }
  const { next_seq: nextSeq, departed } = state
  const items = state.nodes.map(upgradeNode)
  const nodes = createCollection({ next_seq: nextSeq, departed, items }, updateNode)

  /** The ids of the volumes that are attached to each node. */
  const attached = new Map<string, Set<string>>()

  const attach = ({ id, attachment }: VolumeRecord) => {
    if (attachment === null) return
    const ids = attached.get(attachment.node_id) ?? new Set()
    attached.set(attachment.node_id, ids.add(id))
  }

  const detach = ({ id, attachment }: VolumeRecord) => {
    const ids = attached.get(attachment?.node_id ?? '')
    if (ids?.delete(id) === true && ids.size === 0) attached.delete(attachment!.node_id)
  }

  /** A node shows its volumes, so a change of these clears its cached view. */
  const updateVolume: ChangeListener<VolumeRecord> = (before, after) => {
    if (before !== undefined) detach(before)
    if (after !== undefined) attach(after)
    for (const volume of [before, after]) {
      const node = nodes.find(volume?.attachment?.node_id ?? '')
      if (node !== undefined) node.view = undefined
    }
  }
  const updateFloatingIp: ChangeListener<FloatingIpRecord> = (before, after) =>
    usedAddresses.replace(before ? [before] : [], after ? [after] : [])
  const listeners: { [name: string]: ChangeListener<never> } = {
    volumes: updateVolume,
    floating_ips: updateFloatingIp
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
    volumesOf: (nodeId) =>
      [...attached.get(nodeId) ?? []].map((id) => collections.volumes.find(id)!)
        .sort((a, b) => a.data.attachment!.device < b.data.attachment!.device ? -1 : 1),
    settle () {
      const now = Date.now()
      for (const collection of all) collection.settle(now)
    },
    takeChanges () {
      const parts = [
        ['nodes', nodes] as const,
        ...collectionNames.map((name) => [name, collections[name]] as const)
      ]
        .flatMap(([name, collection]) => {
          const changes = collection.takeChanges()
          return changes === undefined ? [] : [`"${name}":${changes}`]
        })
      return parts.length === 0 ? undefined : parts.join()
    },
    * toJson (generation) {
      yield `{"version":1,"generation":${generation},`
      yield * nodes.toJson('nodes')
      yield ',"collections":{\n'
      for (const [i, name] of collectionNames.entries()) {
        yield `${i === 0 ? '' : ',\n'}"${name}":{`
        yield * collections[name].toJson('items')
        yield '}'
      }
      yield '\n}}\n'
    }
  }
  return store
}
