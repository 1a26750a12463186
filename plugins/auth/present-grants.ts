import type { IssuerSettings } from '../../config/index.ts'
import type { CallerRef } from '../../openapi/model/index.ts'
import type { Store } from '../store/tables.ts'
import { createCaller, localCaller, type AcceptedClaims, type Caller } from './caller.ts'
import { grantsFor } from './claims.ts'
import { isExpired, toKeyCaller } from './key-check.ts'
import { grantsOf } from './keys.ts'

/**
 * Returns a caller with the grants that it has now; undefined if it has none any more: its key or user was removed or
 * has expired, its issuer is no longer in the settings, or it is anonymous. The grants of an OpenID Connect caller are
 * those that the present settings give to `claims`. Throws store_unavailable.
 */
export type FindPresent = (
  ref: CallerRef,
  claims: AcceptedClaims | undefined
) => Promise<Caller | undefined>

export function createFindPresent (store: Store, issuers: readonly IssuerSettings[]): FindPresent {
  const findKey = async (id: string) => {
    const row = await store.selectFrom('api_keys').selectAll().where('id', '=', id)
      .executeTakeFirst()
    const caller = row && toKeyCaller(row)
    return caller === undefined || isExpired(caller) ? undefined : caller
  }

  const findUser = async (ref: CallerRef) => {
    const row = await store.selectFrom('users').selectAll().where('id', '=', ref.id)
      .executeTakeFirst()
    return row &&
      createCaller({
        ...ref,
        name: row.name,
        credential: null,
        expiresAt: null,
        grants: grantsOf(row)
      })
  }

  const mapClaims = (ref: CallerRef, claims: AcceptedClaims | undefined) => {
    const settings = issuers.find(({ issuer }) => issuer === ref.issuer)
    if (settings === undefined || claims === undefined) return undefined
    return createCaller({
      ...ref,
      credential: null,
      expiresAt: null,
      grants: grantsFor(claims.values, settings)
    })
  }

  return async (ref, claims) => {
    switch (ref.kind) {
      case 'local':
        return localCaller
      case 'key':
        return findKey(ref.id)
      case 'user':
        return findUser(ref)
      case 'oidc':
        return mapClaims(ref, claims)
      default:
        return undefined
    }
  }
}
