import { LRUCache } from 'lru-cache'
import type { CloudSettings } from '../../config/index.ts'
import type { Connection } from '../../drivers/driver.ts'
import { ProblemError } from '../../openapi/model/index.ts'
import { createCloud, type CallContext, type Cloud, type CloudHandle } from './cloud.ts'
import type { KeptAnswers } from './shared-reads.ts'

/** The clouds of the settings. */
export interface Farm {
  /** All clouds, in the order in which lists go through them. */
  readonly clouds: readonly Cloud[]
  /** Throws cloud_not_found. */
  get (name: string): Cloud
  /** Throws cloud_not_found, cloud_disabled, or the failure of the driver to connect. */
  handle (name: string, context: CallContext): CloudHandle
  /** Ends all calls under way, and all later ones, with this reason. */
  abort (reason: ProblemError): void
}

/** Bytes in memory of one resource, roughly: the mean of nodes of OpenStack. */
const resourceSize = 2000

const sizeOf = (value: object) =>
  resourceSize * (1 + ((value as { items?: readonly object[] }).items?.length ?? 0))

/**
 * Creates the farm from the connection of each enabled cloud, or the error with which its driver failed to connect.
 * `cacheBytes` limits the answers of the clouds that are kept.
 */
export function createFarm (
  settings: readonly CloudSettings[], links: ReadonlyMap<string, Connection | ProblemError>, cacheBytes: number
): Farm {
  const kept: KeptAnswers = new LRUCache({ maxSize: cacheBytes, sizeCalculation: ({ value }) => sizeOf(value) })
  const clouds = settings.map((entry) => createCloud(entry, links.get(entry.name), kept))
  const byName = new Map(clouds.map((cloud) => [cloud.name, cloud]))

  const get = (name: string) => {
    const cloud = byName.get(name)
    if (cloud === undefined) throw new ProblemError('cloud_not_found', `No cloud is named "${name.slice(0, 63)}"`)
    return cloud
  }

  return {
    clouds,
    get,
    handle: (name, context) => get(name).handle(context),
    abort (reason) {
      for (const cloud of clouds) cloud.abort(reason)
    }
  }
}
