import type { NodeCreate } from '../../openapi/model/index.ts'
import type { Call } from '../call.ts'
import { impossibleSize } from './catalog.ts'
import { planCreate, stepsOf } from './changes.ts'
import { newNode, optionsOf } from './create.ts'
import type { Settings } from './settings.ts'
import { addRootVolume } from './storage/root-volume.ts'
import type { Entry, Store } from './store.ts'

/** The names of so many nodes: `web-1`, `web-2` … of several. */
const namesOf = ({ name, count = 1 }: NodeCreate) => count === 1 ? [name] : Array.from({ length: count }, (_, i) => `${name}-${i + 1}`)

/**
 * Adds the nodes of a create in which nothing is wrong, all or none: throws provider_capacity where there are not enough
 * addresses for all.
 */
export function addNodes (store: Store, input: NodeCreate, settings: Settings, call: Call) {
  const { location, delay, delays } = settings
  const seconds = delays.create ?? delay
  const fails = optionsOf(input).fail === true
  const plan = (id: string) => planCreate(
    input.size_id, input.root_volume !== undefined, fails ? { code: '500', message: `Build of ${id} aborted, as was asked for.` } : null)

  const made: Entry[] = []
  try {
    for (const name of namesOf(input)) {
      const node = newNode(store, { ...input, name }, location)
      made.push(store.nodes.add({ ...node, steps: stepsOf(plan(node.id), Date.now(), seconds) }))
    }
  } catch (error) {
    for (const entry of made) store.nodes.remove(entry)
    throw error
  }
  for (const entry of made) {
    // Only now: what is removed above was never created by anybody.
    store.nodes.set(entry, { operation: call.operation ?? null })
    // A node that finds no host has no disk either.
    if (input.root_volume !== undefined && input.size_id !== impossibleSize) addRootVolume(store, entry.data, input, seconds)
  }
  return { ids: made.map(({ data }) => data.id), until: plan('').until }
}
