import { Type, type Static } from '#typebox'
import { levels, type Level } from '../openapi/model/caller.ts'
import type { Report } from './report.ts'

/** The same as the model `Grant` of the API, without a reference, which settings cannot resolve. */
const grant = {
  clouds: Type.Array(Type.String({ pattern: '^[a-z0-9*][a-z0-9*-]{0,62}$' }), {
    minItems: 1,
    description: 'Names of clouds. `*` matches any text; a pattern must match the whole name.'
  }),
  level: Type.Enum([...levels], { type: 'string', description: `One of ${levels.join(', ')}.` })
}

const Issuer = Type.Object({
  issuer: Type.String({
    minLength: 1,
    description: 'URL of an OpenID Connect provider, as in the claim `iss` of its tokens.'
  }),
  audience: Type.String({
    minLength: 1,
    description: 'The claim `aud` that tokens for this server have.'
  }),
  client_id: Type.Optional(Type.String({
    minLength: 1,
    description:
      'The public client by which people sign in at /docs (authorization code with PKCE). The provider ' +
      'must know the redirect URI /docs/static/oauth2-redirect.html of this server.'
  })),
  scopes: Type.Array(Type.String({ minLength: 1 }), {
    default: ['openid'],
    description: 'The scopes that /docs asks for.'
  }),
  name_claim: Type.String({
    default: 'name',
    description: 'The claim with the name of the caller, for people. Default: name, otherwise sub.'
  }),
  grants: Type.Array(
    Type.Object({
      claim: Type.Optional(Type.String({
        minLength: 1,
        description:
          'A claim, such as groups, or the path of one, such as realm_access.roles. Without a claim, the ' +
          'grant is for every valid token.'
      })),
      value: Type.Optional(Type.String({
        minLength: 1,
        description: 'The value of the claim, or one of its values if it is a list.'
      })),
      ...grant
    }, { additionalProperties: false }),
    { default: [], description: 'All grants that match a token apply.' }
  )
}, { additionalProperties: false })

/** Even if these settings are empty, every request needs a credential. */
export const Auth = Type.Object({
  anonymous: Type.Array(Type.Object(grant, { additionalProperties: false }), {
    default: [],
    description: 'Grants of requests without a credential; at most the level operate.'
  }),
  issuers: Type.Array(Issuer, {
    default: [],
    description: 'OpenID Connect providers whose tokens are accepted.'
  })
}, { additionalProperties: false })

type AuthSettings = Static<typeof Auth>
export type IssuerSettings = Static<typeof Issuer>

const anonymousLevels: readonly Level[] = ['read', 'operate']

/** Whether the connection to a URL is protected from changes: https, or http to loopback. */
export const isSafeUrl = (text: string) => {
  if (!URL.canParse(text)) return false
  const { protocol, hostname } = new URL(text)
  return protocol === 'https:' ||
    (protocol === 'http:' && /^(localhost|127(\.\d+){3}|\[::1\])$/.test(hostname))
}

const isIssuer = (text: string) => isSafeUrl(text) && !/[?#]/.test(text)

/** Adds the errors of `auth` that its schema cannot express. */
export function checkAuth ({ anonymous, issuers }: AuthSettings, report: Report) {
  anonymous.forEach(({ level }, i) => {
    if (anonymousLevels.includes(level)) return
    report.add(
      `auth.anonymous.${i}.level`,
      `found "${level}"; anonymous callers can have at most operate: give keys ` +
        'to callers who change clouds'
    )
  })
  issuers.forEach(({ issuer, grants }, i) => {
    if (!isIssuer(issuer)) {
      report.add(
        `auth.issuers.${i}.issuer`,
        `found "${issuer}"; expected a URL such as https://id.example.org without ` +
          'a query; http is allowed for loopback addresses only'
      )
    }
    if (issuers.findIndex((other) => other.issuer === issuer) < i) {
      report.add(
        `auth.issuers.${i}.issuer`,
        `found "${issuer}" a second time; put its grants into one entry`
      )
    }
    grants.forEach(({ claim, value }, j) => {
      if ((claim === undefined) === (value === undefined)) return
      report.add(
        `auth.issuers.${i}.grants.${j}`,
        'needs both `claim` and `value`, or neither of them'
      )
    })
  })
}
