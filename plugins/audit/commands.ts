import { v7 as uuid } from '#uuid'
import type { AuditEntry } from '../../openapi/model/index.ts'
import { localCaller, toCallerRef } from '../auth/caller.ts'
import { asProblemError } from '../errors.ts'
import type { Store } from '../store/tables.ts'
import { createAuditRows } from './rows.ts'

/** A change of the keys or the users by a command on the machine of the server. */
export interface CallerCommand<T> {
  action: 'keys.create' | 'keys.revoke' | 'users.create' | 'users.password' | 'users.remove'
  /** The key or the user, as the command names it. */
  name: string
  run(): Promise<T>
}

const resourceOf = (action: string, name: string) => `/${action.split('.')[0]}/${name}`

/**
 * Runs a command and records it, whether the settings have an audit or not: in the store before the change, and again
 * with its outcome. `publish` gets the entry with the outcome. If the store fails, nothing is changed.
 */
export async function recordCommand<T extends { id: string }> (
  store: Store,
  { action, name, run }: CallerCommand<T>,
  publish: (entry: AuditEntry) => void
): Promise<T> {
  const rows = createAuditRows(store)
  const entry: AuditEntry = {
    id: uuid(),
    created_at: new Date().toISOString(),
    caller: toCallerRef(localCaller),
    credential: null,
    address: 'local',
    action,
    cloud: null,
    resource: resourceOf(action, name).slice(0, 255),
    operation: null,
    request_id: null,
    provider_request_id: null,
    outcome: 'started',
    code: null,
    count: 1
  }
  const end = async (changes: Partial<AuditEntry>) => {
    const ended = { ...entry, ...changes }
    await rows.write([ended])
    publish(ended)
  }
  await rows.write([entry])
  let result: T
  try {
    result = await run()
  } catch (error) {
    const { code, status } = asProblemError(error)
    await end({ code, outcome: status < 500 ? 'refused' : 'failed' }).catch(() => {})
    throw error
  }
  const self = action === 'keys.create' || action === 'keys.revoke'
    ? { resource: `/api/v2/keys/${result.id}` }
    : {}
  // The change is made: a store that fails now leaves the entry as it was started.
  await end({ outcome: 'succeeded', ...self }).catch(() => {})
  return result
}
