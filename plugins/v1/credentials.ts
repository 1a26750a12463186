import { randomBytes } from 'node:crypto'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { Settings } from '../../config/index.ts'
import { ProblemError } from '../../openapi/model/index.ts'
import { createSignIns } from '../auth/sign-ins.ts'

export interface V1Options {
  settings: Settings
}

const unauthenticated = (detail: string, hint: string) =>
  new ProblemError('unauthenticated', detail, { hint })

const textOf = (value: unknown) => typeof value === 'string' && value !== '' ? value : undefined

const signInHint = 'Sign in with POST /api/v1/auth and send the token as X-Auth-Token.'

/** Creates the sign-in of v1, and adds its tokens as the source of credentials `v1`. */
export function createSignIn (
  { auth, events, failures, store }: FastifyInstance,
  { v1 }: Settings
) {
  const signIns = createSignIns(store, v1.token_minutes, events)

  const readToken = ({ headers, body, query }: FastifyRequest) => {
    const inQuery = textOf((query as { auth_token?: unknown } | undefined)?.auth_token)
    if (inQuery !== undefined && !v1.query_token) {
      throw unauthenticated('auth_token in the query is not accepted', signInHint)
    }
    return textOf(headers['x-auth-token']) ??
      textOf((body as { auth_token?: unknown } | null)?.auth_token) ?? inQuery
  }

  auth.addSource('v1', {
    // The token may be in the body.
    stage: 'preValidation',
    async find (request) {
      const token = readToken(request)
      if (token === undefined) throw unauthenticated('The request has no token', signInHint)
      try {
        return await signIns.find(token)
      } catch (error) {
        const { code } = error as ProblemError
        throw code === 'unauthenticated'
          ? (error as ProblemError).with({ hint: signInHint })
          : error
      }
    }
  })

  /** Returns a token. Throws permission_denied if the name or the password is wrong, and rate_limited. */
  return async (request: FastifyRequest, name: string, password: string): Promise<string> => {
    if (!auth.enabled) return randomBytes(32).toString('hex')
    failures.admit(request)
    try {
      return await signIns.create(name, password)
    } catch (error) {
      if ((error as ProblemError).code !== 'unauthenticated') throw error
      failures.note(request)
      auth.refuse(request, undefined, error as ProblemError)
      throw new ProblemError('permission_denied', 'Forbidden')
    }
  }
}
