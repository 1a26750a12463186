import { Type, type Static } from 'typebox'
import { nullableString, openEnum, Timestamp } from './common.ts'
import { model } from './model.ts'

/** The levels of permission, lowest first. Each includes those before it. */
export const levels = ['read', 'operate', 'manage', 'admin'] as const
export type Level = typeof levels[number]

const levelText = 'read: every GET but the console; operate: also start, stop, reboot, pause, suspend, resume and ' +
  'the console as text; manage: also everything that creates, changes, attaches or destroys; admin: also refresh, ' +
  'and on `*` the keys of the server.'

export const Grant = model('Grant', Type.Object({
  clouds: Type.Array(Type.String({
    pattern: '^[a-z0-9*][a-z0-9*-]{0,62}$', description: 'Name of a cloud; `*` matches any text.', examples: ['prod-*']
  }), { minItems: 1, maxItems: 1000, description: 'Patterns that match whole names.' }),
  level: Type.Enum([...levels], { type: 'string', description: levelText })
}, { additionalProperties: false, description: 'What a caller may do, and on which clouds.' }))
/** `clouds` are patterns that match whole names of clouds. */
export interface Grant { clouds: string[], level: Level }

export const callerKinds = ['local', 'key', 'oidc', 'user', 'anonymous'] as const
export type CallerKind = typeof callerKinds[number]

export type CallerRef = Static<typeof CallerRef>
export const CallerRef = model('CallerRef', Type.Object({
  kind: openEnum(callerKinds, 'The kind of credential. local: the server checks no callers.'),
  issuer: nullableString('The issuer of an OpenID Connect token; otherwise null.'),
  id: Type.String({ description: 'Id of the key or the user, or the claim `sub` of a token.' }),
  name: Type.String({ description: 'For people. Only kind, issuer and id together identify a caller.' })
}, { description: 'A caller of this server.' }))

export type Me = Static<typeof Me>
export const Me = model('Me', Type.Object({
  kind: openEnum(callerKinds, 'The kind of credential. local: the server checks no callers.'),
  issuer: nullableString('The issuer of the OpenID Connect token; otherwise null.'),
  id: Type.String({ description: 'Id of the key or the user, or the claim `sub` of the token.' }),
  name: Type.String({ description: 'For people. Only kind, issuer and id together identify a caller.' }),
  credential: nullableString('Id of the key or the token, which is no secret.'),
  expires_at: Timestamp('When the credential expires.'),
  grants: Type.Array(Grant, { description: 'All of them apply.' })
}, { description: 'The caller of the request.' }))

export type MayAnswer = Static<typeof MayAnswer>
export const MayAnswer = model('MayAnswer', Type.Object({
  action: Type.String(),
  cloud: nullableString('Name of the cloud; null: all clouds.'),
  level: openEnum(levels, 'The level that the action needs.'),
  allowed: Type.Boolean({ description: 'Whether the caller may do the action. The state of a resource may forbid it.' })
}, { description: 'Whether the caller may do an action.' }))
