import type { FastifyRequest } from 'fastify'
import type { ProblemError } from '../../openapi/model/index.ts'
import type { Caller } from './caller.ts'

/** A request that was refused for its credential, or for the permissions of its caller. */
export interface Refusal {
  request: FastifyRequest
  /** Undefined if the credential is missing or not valid. */
  caller: Caller | undefined
  /** `unauthenticated`, `permission_denied`, or `cloud_not_found` for a cloud that the caller may not read. */
  problem: ProblemError
}

export type RefusalListener = (refusal: Refusal) => void

/** Tells listeners about refusals, for the audit and the limits. A listener must not throw. */
export function createRefusals () {
  const listeners: RefusalListener[] = []
  return {
    on (listener: RefusalListener) {
      listeners.push(listener)
    },
    /** Tells the listeners, and returns the problem for the answer. */
    refuse (request: FastifyRequest, caller: Caller | undefined, problem: ProblemError) {
      for (const listener of listeners) listener({ request, caller, problem })
      return problem
    }
  }
}
