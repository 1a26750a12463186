import { randomBytes } from 'node:crypto'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { Settings } from '../../config/index.ts'
import { ProblemError, type Level } from '../../openapi/model/index.ts'
import { createSignIns } from '../../plugins/auth/sign-ins.ts'
import { cloudNotFound } from '../../plugins/clouds/farm.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /**
     * The level that a route of v1 needs on its cloud; `open` for a route without a token. These routes check their
     * tokens themselves, because the token may be in the body, and because their errors have another form.
     */
    v1?: Level | 'open'
  }
}

const forbidden = (detail: string, hint?: string) => new ProblemError('permission_denied', detail, { hint })

const textOf = (value: unknown) => typeof value === 'string' && value !== '' ? value : undefined

/** Creates the sign-in of v1, and the check of its tokens. */
export function createCredentials ({ auth, store }: FastifyInstance, { v1 }: Settings) {
  const signIns = createSignIns(store, v1.token_minutes)

  const readToken = ({ headers, body, query }: FastifyRequest) => {
    const inQuery = textOf((query as { auth_token?: unknown } | undefined)?.auth_token)
    if (inQuery !== undefined && !v1.query_token) {
      throw forbidden('auth_token in the query is not accepted', 'Send it as the header X-Auth-Token, or in the body.')
    }
    return textOf(headers['x-auth-token']) ?? textOf((body as { auth_token?: unknown } | null)?.auth_token) ?? inQuery
  }

  return {
    /** Returns a token. Throws permission_denied if the name or the password is wrong. */
    async signIn (request: FastifyRequest, name: string, password: string): Promise<string> {
      if (!auth.enabled) return randomBytes(32).toString('hex')
      try {
        return await signIns.create(name, password)
      } catch (error) {
        if ((error as ProblemError).code !== 'unauthenticated') throw error
        auth.refuse(request, undefined, error as ProblemError)
        throw forbidden('Forbidden')
      }
    },

    /** Sets the caller of a request, and checks the level on the cloud of its path. */
    async authorize (request: FastifyRequest) {
      const { v1: level = 'admin' } = request.routeOptions.config
      if (level === 'open') return
      const { cloud = 'default' } = request.params as { cloud?: string }
      if (auth.enabled) {
        try {
          const token = readToken(request)
          if (token === undefined) throw new ProblemError('unauthenticated', 'The request has no token')
          request.caller = await signIns.find(token)
        } catch (error) {
          const { code, message } = error as ProblemError
          if (code !== 'unauthenticated' && code !== 'permission_denied') throw error
          auth.refuse(request, undefined, error as ProblemError)
          throw forbidden(message, 'Sign in with POST /api/v1/auth and send the token as X-Auth-Token.')
        }
      }
      const { caller } = request
      if (!caller.may('read', cloud) && request.routeOptions.url !== '/api/v1/cloud') {
        throw auth.refuse(request, caller, cloudNotFound(cloud))
      }
      if (level === 'read' || caller.may(level, cloud)) return
      throw auth.refuse(request, caller, forbidden(`${caller.name} needs the level ${level} on the cloud ${cloud}`))
    }
  }
}
