import type { IssuerSettings } from '../../config/index.ts'
import type { Grant } from '../../openapi/model/index.ts'

type Claims = Readonly<Record<string, unknown>>

const isMap = (value: unknown): value is Claims => typeof value === 'object' && value !== null

/** Reads a claim by its name, or by a path of names: `realm_access.roles`. Names of claims may contain dots. */
function readClaim (claims: Claims, path: string): unknown {
  if (Object.hasOwn(claims, path)) return claims[path]
  return path.split('.').reduce<unknown>(
    (value, name) => isMap(value) && Object.hasOwn(value, name) ? value[name] : undefined,
    claims
  )
}

/** RFC 8693, section 4.2: the scopes of a token are one text with blanks between them. Entra ID names them scp. */
const isScope = (path: string) => path === 'scope' || path === 'scp'

const scalarTypes = new Set(['string', 'number', 'boolean'])

/** Returns the texts of a claim. Numbers and booleans count as their texts. */
function valuesOf (claims: Claims, path: string): string[] {
  const scalars = [readClaim(claims, path)].flat().filter((value) => scalarTypes.has(typeof value))
  return scalars.map(String).flatMap((text) => isScope(path) ? text.split(' ') : [text])
}

/** Returns the grants that the settings of an issuer give to a token with these claims. */
export const grantsFor = (claims: Claims, { grants }: IssuerSettings): Grant[] =>
  grants
    .filter(({ claim, value }) => claim === undefined || valuesOf(claims, claim).includes(value!))
    .map(({ clouds, level }) => ({ clouds, level }))

/** Returns the name of a caller for people. */
export function nameFor (claims: Claims, { name_claim: claim }: IssuerSettings): string {
  const name = readClaim(claims, claim)
  return typeof name === 'string' && name !== '' ? name.slice(0, 255) : String(claims['sub'])
}
