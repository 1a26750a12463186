import { Type, type Static } from '#typebox'
import {
  inputObject,
  integer,
  map,
  nullableInteger,
  nullableRef,
  nullableString,
  openEnum,
  Timestamp
} from './common.ts'
import { model } from './model.ts'

/** The levels of permission, lowest first. Each includes those before it. */
export const levels = ['read', 'operate', 'manage', 'admin'] as const
export type Level = typeof levels[number]

const levelText =
  'read: every GET but the console; operate: also start, stop, reboot, pause, suspend, resume and ' +
  'the console as text; manage: also everything that creates, changes, attaches or destroys; admin: also refresh, ' +
  'and on `*` the keys of the server.'

export const Grant = model(
  'Grant',
  Type.Object({
    clouds: Type.Array(
      Type.String({
        pattern: '^[a-z0-9*][a-z0-9*-]{0,62}$',
        description: 'Name of a cloud; `*` matches any text.',
        examples: ['prod-*']
      }),
      { minItems: 1, maxItems: 1000, description: 'Patterns that match whole names.' }
    ),
    level: Type.Enum([...levels], { type: 'string', description: levelText })
  }, { additionalProperties: false, description: 'What a caller may do, and on which clouds.' })
)
/** `clouds` are patterns that match whole names of clouds. */
export interface Grant {
  clouds: string[]
  level: Level
}

export const callerKinds = ['local', 'key', 'oidc', 'user', 'anonymous'] as const
export type CallerKind = typeof callerKinds[number]

export type CallerRef = Static<typeof CallerRef>
export const CallerRef = model(
  'CallerRef',
  Type.Object({
    kind: openEnum(callerKinds, 'The kind of credential. local: the server checks no callers.'),
    issuer: nullableString('The issuer of an OpenID Connect token; otherwise null.'),
    id: Type.String({ description: 'Id of the key or the user, or the claim `sub` of a token.' }),
    name: Type.String({
      description: 'For people. Only kind, issuer and id together identify a caller.'
    })
  }, { description: 'A caller of this server.' })
)

export type CallerLimits = Static<typeof CallerLimits>
export const CallerLimits = model(
  'CallerLimits',
  Type.Object({
    window_seconds: integer({
      minimum: 1,
      description: 'Length of the window of time in which requests are counted.'
    }),
    requests: integer({ minimum: 1, description: 'Requests in one window.' }),
    cloud_requests: integer({ minimum: 1, description: 'Requests to one cloud in one window.' }),
    changes_at_once: integer({ minimum: 1, description: 'Changes that are under way at once.' })
  }, {
    description:
      'The limits of a caller. The headers RateLimit of each answer tell how much is left.',
    examples: [{ window_seconds: 60, requests: 6000, cloud_requests: 3000, changes_at_once: 50 }]
  })
)

export type Me = Static<typeof Me>
export const Me = model(
  'Me',
  Type.Object({
    kind: openEnum(callerKinds, 'The kind of credential. local: the server checks no callers.'),
    issuer: nullableString('The issuer of the OpenID Connect token; otherwise null.'),
    id: Type.String({ description: 'Id of the key or the user, or the claim `sub` of the token.' }),
    name: Type.String({
      description: 'For people. Only kind, issuer and id together identify a caller.'
    }),
    credential: nullableString('Id of the key or the token, which is no secret.'),
    expires_at: Timestamp('When the credential expires.'),
    grants: Type.Array(Grant, { description: 'All of them apply.' }),
    limits: nullableRef(
      CallerLimits,
      'The limits of the caller; null: the server checks no callers and has none.'
    )
  }, { description: 'The caller of the request.' })
)

export type MayAnswer = Static<typeof MayAnswer>
export const MayAnswer = model(
  'MayAnswer',
  Type.Object({
    action: Type.String(),
    cloud: nullableString('Name of the cloud; null: all clouds.'),
    level: openEnum(levels, 'The level that the action needs.'),
    allowed: Type.Boolean({
      description: 'Whether the caller may do the action. The state of a resource may forbid it.'
    })
  }, { description: 'Whether the caller may do an action.' })
)

export type ApiKey = Static<typeof ApiKey>
export const ApiKey = model(
  'ApiKey',
  Type.Object({
    id: Type.String(),
    name: Type.String(),
    grants: Type.Array(Grant),
    created_at: Timestamp('When the key was created.'),
    created_by: CallerRef,
    expires_at: Timestamp('From when on the key is not accepted; null: it does not expire.'),
    last_used_at: Timestamp('When the key was last used, to the minute; null: never.'),
    self: Type.String(),
    secrets: Type.Optional(map(Type.String(), {
      description: 'Only in the first response: the key itself, which the server does not store.',
      examples: [{ key: 'orch_…' }]
    }))
  }, { description: 'A key with which a program uses this server.' })
)

export const CallerName = Type.String({
  pattern: '^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$',
  examples: ['ci-team-a']
})

export type ApiKeyCreate = Static<typeof ApiKeyCreate>
export const ApiKeyCreate = model(
  'ApiKeyCreate',
  inputObject({
    name: CallerName,
    grants: Type.Array(Grant, { minItems: 1, maxItems: 100 })
  }, {
    expires_at: Type.String({
      format: 'date-time',
      description: 'In the future. Without it, the key does not expire.'
    })
  })
)

export const ApiKeyPage = model(
  'ApiKeyPage',
  Type.Object({
    items: Type.Array(ApiKey),
    next_cursor: nullableString('Cursor of the next page; null on the last page.'),
    total: nullableInteger()
  })
)
