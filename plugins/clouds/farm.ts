import { LRUCache } from 'lru-cache'
import type { CloudSettings } from '../../config/index.ts'
import type { Connection } from '../../drivers/driver.ts'
import { ProblemError } from '../../openapi/model/index.ts'
import type { Caller } from '../auth/caller.ts'
import { createCloud, type Cloud } from './cloud.ts'
import type { CallContext, CloudHandle } from './handle.ts'
import type { KeptAnswers } from './shared-reads.ts'

/** The clouds of the settings, or those of them that a caller may read. */
export interface Farm {
  /** All clouds, in the order in which lists go through them. */
  readonly clouds: readonly Cloud[]
  /** Throws cloud_not_found. */
  get(name: string): Cloud
  /** Throws cloud_not_found, cloud_disabled, or the failure of the driver to connect. */
  handle(name: string, context: CallContext): CloudHandle
  /**
   * Returns the farm as a caller sees it: a cloud that the caller may not read does not exist, and the actions of
   * resources are only those that the caller may do.
   */
  seenBy(caller: Caller): Farm
  /** Ends all calls under way, and all later ones, with this reason. */
  abort(reason: ProblemError): void
  /** Ends the changes under way with this reason. */
  abortChanges(reason: ProblemError): void
}

/** The error for a name that is not that of a cloud, and for a cloud that the caller may not read. */
export const cloudNotFound = (name: string) =>
  new ProblemError('cloud_not_found', `No cloud is named "${name.slice(0, 63)}"`)

/** Creates the view of a caller on a farm. */
function createView (farm: Farm, caller: Caller): Farm {
  const get = (name: string) => {
    if (!caller.may('read', name)) throw cloudNotFound(name)
    return farm.get(name)
  }
  return {
    ...farm,
    clouds: farm.clouds.filter(({ name }) => caller.may('read', name)),
    get,
    // A literal that begins with a spread is slow, and this one is made for each request.
    handle: (name, context) => get(name).handle({ onBehalfOf: caller, ...context })
  }
}

/** Bytes in memory of one resource, roughly: the mean of nodes of OpenStack. */
const resourceSize = 2000

const sizeOf = (value: object) =>
  resourceSize * (1 + ((value as { items?: readonly object[] }).items?.length ?? 0))

/**
 * Creates the farm from the connection of each enabled cloud, or the error with which its driver failed to connect.
 * `cacheBytes` limits the answers of the clouds that are kept. `assertActive` throws if the server may change nothing.
 */
export function createFarm (
  settings: readonly CloudSettings[],
  links: ReadonlyMap<string, Connection | ProblemError>,
  cacheBytes: number,
  assertActive: () => void = () => {}
): Farm {
  const kept: KeptAnswers = new LRUCache({
    maxSize: cacheBytes,
    sizeCalculation: ({ value }) => sizeOf(value)
  })
  const clouds = settings.map((entry) =>
    createCloud(entry, links.get(entry.name), { kept, assertActive })
  )
  const byName = new Map(clouds.map((cloud) => [cloud.name, cloud]))

  const get = (name: string) => {
    const cloud = byName.get(name)
    if (cloud === undefined) throw cloudNotFound(name)
    return cloud
  }

  const views = new WeakMap<Caller, Farm>()
  const farm: Farm = {
    clouds,
    get,
    handle: (name, context) => get(name).handle(context),
    seenBy (caller) {
      if (caller.kind === 'local') return farm
      const view = views.get(caller) ?? createView(farm, caller)
      views.set(caller, view)
      return view
    },
    abort (reason) {
      for (const cloud of clouds) cloud.abort(reason)
    },
    abortChanges (reason) {
      for (const cloud of clouds) cloud.abortChanges(reason)
    }
  }
  return farm
}
