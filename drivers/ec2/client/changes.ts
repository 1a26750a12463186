import type { ResourceKind } from '../../../openapi/model/index.ts'
import type { Call } from '../../call.ts'
import type { Change, ResourceRef } from '../../driver.ts'
import type { Cloud } from './cloud.ts'
import type { RecentIds } from './consistency.ts'
import { malformed } from './errors.ts'
import { tagCreated, type Labels } from './tags.ts'

/** A change that ends in one of these states. Without states, it ends with its acceptance. */
export const toChange = (kind: ResourceKind, id: string, states: string[]): Change => ({
  resources: [{ kind, id }],
  until: { states }
})

export const toDeletion = (kind: ResourceKind, id: string): Change => ({
  resources: [{ kind, id }],
  until: { states: [], gone: true }
})

/** References the resources that have an id. */
export const toRefs = (kind: ResourceKind, ids: readonly (string | undefined)[]): ResourceRef[] =>
  ids.flatMap((id) => id === undefined ? [] : [{ kind, id }])

interface Creation {
  kind: ResourceKind
  id: string | undefined
  labels: Labels
}

/** Records and tags a new resource, which will be available later. */
export async function acceptCreation (
  cloud: Cloud,
  recent: RecentIds,
  { kind, id, labels }: Creation,
  call: Call
): Promise<Change> {
  if (id === undefined) throw malformed(`The response of the cloud has no ${kind}`, false)
  recent.add([id])
  await tagCreated(cloud, [id], labels, call)
  return toChange(kind, id, ['available'])
}
