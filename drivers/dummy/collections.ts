import type { Static, TSchema } from 'typebox'
import type { Collection, Stored } from './collection.ts'
import { firstGroups, firstKeyPairs, firstNetworks, firstSubnets } from './network/builtin.ts'
import {
  StoredFloatingIp, StoredGroup, StoredKeyPair, StoredNetwork, StoredRouter, StoredSubnet
} from './network/stored.ts'
import type { Settings } from './settings.ts'
import { StoredImage, StoredSnapshot, StoredVolume } from './storage/stored.ts'

interface Definition<Schema extends TSchema = TSchema> {
  schema: Schema
  /** What is there on the first day, the `seq` of each being its place; also where an older state file lacks the collection. */
  first (settings: Settings): Static<Schema>[]
}

const define = <Schema extends TSchema>(schema: Schema, first: Definition<Schema>['first'] = () => []): Definition<Schema> => ({ schema, first })

/**
 * What the cloud keeps beside nodes. To add a collection: write the schema of its records with `record` (those that
 * change by the clock) or `stillRecord`, and name it here. It is then `store.<name>`, with all that a Collection can do,
 * and in the state file; state files without it stay readable. What must happen when a node has gone is in `relations.ts`.
 */
export const collections = {
  volumes: define(StoredVolume),
  snapshots: define(StoredSnapshot),
  images: define(StoredImage),
  key_pairs: define(StoredKeyPair, firstKeyPairs),
  networks: define(StoredNetwork, firstNetworks),
  subnets: define(StoredSubnet, firstSubnets),
  routers: define(StoredRouter),
  security_groups: define(StoredGroup, firstGroups),
  floating_ips: define(StoredFloatingIp)
}

export type CollectionName = keyof typeof collections
type RecordOf<Name extends CollectionName> = Static<typeof collections[Name]['schema']>
export type Collections = { [Name in CollectionName]: RecordOf<Name> extends Stored ? Collection<RecordOf<Name>> : never }
export const collectionNames = Object.keys(collections) as CollectionName[]
