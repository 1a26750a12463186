import type {
  CallerKind,
  CallerRef,
  Grant,
  Level,
  ProblemError
} from '../../openapi/model/index.ts'
import { compileGrants, rankOf } from './grants.ts'

/** The claims of an accepted token. They may contain personal data, so no answer and no log has them. */
export interface AcceptedClaims {
  values: Readonly<Record<string, unknown>>
  /** Milliseconds since 1970. */
  acceptedAt: number
}

/** The origin of a request: who asks, and what they may do. The same credential gives the same object for a while. */
export interface Caller {
  readonly kind: CallerKind
  /** The issuer of an OpenID Connect token; otherwise null. */
  readonly issuer: string | null
  /** Id of the key or the user, or the claim `sub`. Only kind, issuer and id together identify a caller. */
  readonly id: string
  /** For people. Not unique, and it may change. */
  readonly name: string
  /** Id of the key or the token (`jti`), never the secret itself; null without a credential. */
  readonly credential: string | null
  /** When the credential expires, in milliseconds since 1970; null if it does not. */
  readonly expiresAt: number | null
  readonly grants: readonly Grant[]
  /** The claims of the token, of an OpenID Connect caller. */
  readonly claims?: AcceptedClaims
  /** Why the credential could not be confirmed. The caller may then only read what it could read before. */
  readonly unconfirmed?: ProblemError
  /** Kind, issuer and id in one text, as the store has it. */
  readonly identity: string
  /** The rank of the level on a cloud: 0 without permission, 1 for read, 4 for admin. */
  rankOn(cloud: string): number
  may(level: Level, cloud: string): boolean
  /** Whether the caller has a level on the pattern `*`. */
  mayEverywhere(level: Level): boolean
}

export type CallerFields = Pick<
  Caller,
  'kind' | 'issuer' | 'id' | 'name' | 'credential' | 'expiresAt' | 'grants' | 'claims'
>

export const identityOf = ({ kind, issuer, id }: Pick<CallerRef, 'kind' | 'issuer' | 'id'>) =>
  kind === 'local' || kind === 'anonymous' ? kind : `${kind} ${issuer ?? '-'} ${id}`

export function createCaller (fields: CallerFields): Caller {
  const { rankOn, rankEverywhere } = compileGrants(fields.grants)
  return {
    ...fields,
    identity: identityOf(fields),
    rankOn,
    may: (level, cloud) => rankOn(cloud) >= rankOf(level),
    mayEverywhere: (level) => rankEverywhere >= rankOf(level)
  }
}

/** The caller as the API and the store have it. */
export const toCallerRef = ({ kind, issuer, id, name }: Caller): CallerRef => ({
  kind,
  issuer,
  id,
  name
})

const withoutCredential = { issuer: null, credential: null, expiresAt: null }

/** The caller of every request if the settings have no `auth`: whoever reaches the server may do everything. */
export const localCaller: Caller = {
  ...createCaller({
    ...withoutCredential,
    kind: 'local',
    id: 'local',
    name: 'local',
    grants: [{ clouds: ['*'], level: 'admin' }]
  }),
  rankOn: () => rankOf('admin'),
  may: () => true,
  mayEverywhere: () => true
}

export const createAnonymous = (grants: readonly Grant[]) =>
  createCaller({
    ...withoutCredential,
    kind: 'anonymous',
    id: 'anonymous',
    name: 'anonymous',
    grants
  })
