import type { ResourceKind } from '../../openapi/model/index.ts'
import type { Change, Until } from '../services.ts'

/** Makes the result of a change of one resource. */
export const toChange = (kind: ResourceKind, id: string, until: Until): Change => ({
  resources: [{ kind, id }],
  until
})

/** The end of a deletion. */
export const untilGone: Until = { states: [], gone: true }
