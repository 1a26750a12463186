import type { FastifyInstance } from 'fastify'
import type { Grant, Level } from '../../openapi/model/index.ts'
import { localCaller, toCallerRef } from '../../plugins/auth/caller.ts'

export const bearer = (token: string) => ({ authorization: `Bearer ${token}` })

export const grant = (level: Level, ...clouds: string[]): Grant => ({ level, clouds })

let created = 0

/** Creates a key with these grants. Returns its id, the key and the header that sends it. */
export async function createKey (app: FastifyInstance, ...grants: Grant[]) {
  const input = { name: `key-${++created}`, grants }
  const { id, secrets } = await app.auth.keys.create(input, toCallerRef(localCaller))
  const key = secrets!['key']!
  return { id, key, headers: bearer(key) }
}
