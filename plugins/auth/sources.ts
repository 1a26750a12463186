import type { FastifyReply, FastifyRequest } from 'fastify'
import { ProblemError } from '../../openapi/model/index.ts'
import type { Caller } from './caller.ts'

/** Where the credential of a request comes from. A route names its source in `config.credential`. */
export interface CredentialSource {
  /**
   * When the credential is read: with the headers, or after the body was parsed and before it is validated, because it
   * may be in the body.
   */
  stage: 'onRequest' | 'preValidation'
  /** Returns the caller of a request. Throws unauthenticated. */
  find(request: FastifyRequest): Caller | Promise<Caller>
  /** Adds to a 401 what tells the client how to authenticate. */
  challenge?(request: FastifyRequest, reply: FastifyReply): void
}

/** RFC 6750, section 3: a request without a credential gets no error code. */
const challenge = (isGiven: boolean) =>
  `Bearer realm="Cloud Orchestrator"${isGiven ? ', error="invalid_token"' : ''}`

const bearer = /^bearer +(\S+) *$/i

/** Longer than any token of a usual provider. */
const maxTokenLength = 8192

/** Reads the token of a request; undefined without the header. Throws unauthenticated. */
function readToken ({ raw: { headers: { authorization } } }: FastifyRequest): string | undefined {
  if (authorization === undefined) return undefined
  const [, token] = authorization.length > maxTokenLength ? [] : bearer.exec(authorization) ?? []
  if (token === undefined) {
    throw new ProblemError(
      'unauthenticated',
      'The header Authorization is not valid; expected: Bearer TOKEN'
    )
  }
  return token
}

/** The source of most routes: `Authorization: Bearer`. `anonymous` is the caller without it, if there is one. */
export const createBearerSource = (
  anonymous: Caller | undefined,
  check: (token: string) => Caller | Promise<Caller>
): CredentialSource => ({
  stage: 'onRequest',
  find (request) {
    const token = readToken(request)
    if (token !== undefined) return check(token)
    if (anonymous !== undefined) return anonymous
    throw new ProblemError('unauthenticated', 'The request has no credential')
  },
  challenge (request, reply) {
    reply.header('www-authenticate', challenge(request.raw.headers.authorization !== undefined))
  }
})

/** The sources by the names that routes use. */
export function createSources (usual: CredentialSource) {
  const named = new Map<string, CredentialSource>()
  return {
    add (name: string, source: CredentialSource) {
      named.set(name, source)
    },
    /** Throws an Error if no plugin has added the source. */
    of (name: string | undefined): CredentialSource {
      const source = name === undefined ? usual : named.get(name)
      if (source === undefined) {
        throw new Error(`No plugin has added the source of credentials "${name}"`)
      }
      return source
    }
  }
}
