import {
  ProblemError,
  type WebhookFilter
} from '../../openapi/model/index.ts'
import type { Caller } from '../auth/caller.ts'
import type { DeliveryRow, WebhookRow } from './rows.ts'

/** Whether a caller may have a webhook with this filter. */
export const mayManage = (caller: Caller, { clouds }: WebhookFilter) =>
  clouds === undefined
    ? caller.mayEverywhere('manage')
    : clouds.every((cloud) => caller.may('manage', cloud))

/** Throws permission_denied if a caller may not have a webhook with this filter. */
export function requireManage (caller: Caller, { clouds }: WebhookFilter) {
  if (mayManage(caller, { clouds }) && caller.kind !== 'anonymous') return
  const place = clouds === undefined
    ? '* (all clouds), or a filter with clouds,'
    : `the clouds ${clouds.join(', ')}`
  throw new ProblemError('permission_denied', `${caller.name} needs the level manage on ${place} for this`, {
    hint: 'Ask the administrator of this server for a grant. GET /api/v2/me lists your grants.'
  })
}

/** Whether a caller may see a webhook: its own, or as an administrator. Those of the settings belong to the server. */
export const maySee = (caller: Caller, { origin, owner }: WebhookRow) =>
  (origin === 'api' && owner === caller.identity) || caller.mayEverywhere('admin')

/** Whether a caller may still read the event of a delivery. */
export const maySeeDelivery = (caller: Caller, { event: { cloud } }: DeliveryRow) =>
  cloud === null || caller.may('read', cloud)
