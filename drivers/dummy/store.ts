import { sizes } from './catalog.ts'
import { createCollection, type Contents, type Entry as EntryOf, type Hooks, type Stored } from './collection.ts'
import { collectionNames, collections, type Collections } from './collections.ts'
import { createTaken, type Taken } from './network/addresses.ts'
import type { StoredFloatingIp } from './network/stored.ts'
import { afterNode } from './relations.ts'
import type { Settings } from './settings.ts'
import { createVolumeIndex } from './storage/by-node.ts'
import { upgradeNode, type StoredNode, type StoredState } from './stored.ts'

export type Entry = EntryOf<StoredNode>

export interface Usage {
  nodes: number
  vcpus: number
  ram: number
}

/** All that one cloud keeps: its nodes, and each collection of collections.ts under its name. */
export interface Store extends Collections {
  nodes: ReturnType<typeof createCollection<StoredNode>>
  /** Addresses that nodes and floating IPs have. */
  taken: Taken
  usage: Readonly<Usage>
  /** Ids of the volumes that hang on a node. */
  volumesOf (nodeId: string): readonly string[]
  /** Takes the steps of all records that are due by now. */
  settle (): void
  /** The content of the state file. */
  toJson (): string
}

/** The store of a cloud in this state. */
export function createStore (state: StoredState, settings: Settings): Store {
  const taken = createTaken()
  const usage: Usage = { nodes: 0, vcpus: 0, ram: 0 }

  const count = ({ size_id: sizeId }: StoredNode, sign: 1 | -1) => {
    const size = sizes.get(sizeId)
    usage.nodes += sign
    usage.vcpus += sign * (size?.vcpus ?? 0)
    usage.ram += sign * (size?.ram ?? 0)
  }

  const { next_seq: nextSeq, departed } = state
  const items = state.nodes.map(upgradeNode)
  const nodes = createCollection<StoredNode>({ next_seq: nextSeq, departed, items }, {
    enter (node) {
      count(node, 1)
      for (const { subnet_id: subnetId, address } of node.nics) taken.add(subnetId, address)
    },
    leave (node) {
      count(node, -1)
      for (const { subnet_id: subnetId, address } of node.nics) taken.delete(subnetId, address)
    },
    gone (node) { for (const follow of afterNode) follow(store, node) }
  })

  const volumes = createVolumeIndex((nodeId) => {
    const entry = nodes.find(nodeId)
    if (entry !== undefined) entry.view = undefined
  })
  const hooks: { [name: string]: Hooks<never> } = {
    volumes: volumes.hooks,
    floating_ips: {
      enter ({ subnet_id: subnetId, address }) { taken.add(subnetId, address) },
      leave ({ subnet_id: subnetId, address }) { taken.delete(subnetId, address) }
    } satisfies Hooks<StoredFloatingIp>
  }

  const others = Object.fromEntries(collectionNames.map((name) => {
    const items = collections[name].first(settings)
    const contents = state.collections?.[name] ?? { next_seq: items.length, departed: [], items }
    return [name, createCollection<Stored>(contents as Contents<Stored>, hooks[name] as Hooks<Stored> | undefined)]
  })) as unknown as Collections

  const all = [nodes, ...Object.values(others)]
  const store: Store = {
    nodes,
    ...others,
    taken,
    usage,
    volumesOf: volumes.of,
    settle () {
      const now = Date.now()
      for (const collection of all) collection.settle(now)
    },
    toJson () {
      const more = collectionNames.map((name) => `"${name}":{${others[name].toJson('items')}}`)
      return `{"version":1,${nodes.toJson('nodes')},"collections":{\n${more.join(',\n')}\n}}\n`
    }
  }
  return store
}
