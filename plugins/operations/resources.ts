import type { ReadService, ResourceRef, ServiceName, Until } from '../../drivers/driver.ts'
import type { OperationResource, OperationTarget, ResourceKind } from '../../openapi/model/index.ts'
import type { CloudHandle } from '../clouds/handle.ts'
import type { ResourceView } from './outcome.ts'

/** The service that has the resources of a kind. */
export const serviceOfKind = {
  node: 'nodes',
  volume: 'volumes',
  snapshot: 'snapshots',
  image: 'images'
} as const satisfies Record<ResourceKind, ServiceName>

/** The service that an operation changes: `nodes` of `nodes.stop`. */
export const serviceOf = ({ kind }: { kind: string }) => kind.split('.', 1)[0] as ServiceName

/** When a create has ended whose answer, which would have said so, was lost. */
export const untilCreated: Record<ResourceKind, Until> = {
  node: { states: ['running'] },
  volume: { states: ['available'] },
  snapshot: { states: ['available'] },
  image: { states: ['available'] }
}

export const toTarget = (cloud: string, { kind, id }: ResourceRef): OperationTarget => ({
  kind,
  id,
  self: `/api/v2/clouds/${cloud}/${serviceOfKind[kind]}/${encodeURIComponent(id)}`
})

export const toResource = (
  cloud: string,
  ref: ResourceRef,
  state: string | null = null
): OperationResource => ({ ...toTarget(cloud, ref), state, error: null })

/** The reads of a kind, by its fields that tell how far a change is. */
export const readerOf = ({ connection }: CloudHandle, kind: ResourceKind) =>
  connection[serviceOfKind[kind]] as ReadService<ResourceView>
