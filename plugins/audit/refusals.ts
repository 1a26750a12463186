import { v7 as uuid } from '#uuid'
import type { AuditEntry } from '../../openapi/model/index.ts'

/** Addresses of one minute that are counted each; the others are counted together. */
const maxAddresses = 1000

const minute = 60_000

/** Counts refusals without a valid caller by address and minute, so that an attack makes few entries. */
export function createRefusalCounts () {
  let begin = 0
  const entries = new Map<string, AuditEntry>()
  const changed = new Set<AuditEntry>()

  const entryOf = (address: string): AuditEntry => {
    const counted = entries.has(address) || entries.size < maxAddresses ? address : 'others'
    const known = entries.get(counted)
    if (known !== undefined) return known
    const entry: AuditEntry = {
      id: uuid(),
      created_at: new Date(begin).toISOString(),
      caller: null,
      credential: null,
      address: counted,
      action: 'authenticate',
      cloud: null,
      resource: null,
      operation: null,
      request_id: null,
      provider_request_id: null,
      outcome: 'refused',
      code: 'unauthenticated',
      count: 0
    }
    entries.set(counted, entry)
    return entry
  }

  return {
    add (address: string) {
      const now = Math.floor(Date.now() / minute) * minute
      if (now !== begin) {
        begin = now
        entries.clear()
      }
      const entry = entryOf(address)
      entry.count++
      changed.add(entry)
    },
    /** Returns the entries that have changed since the last call. */
    take (): AuditEntry[] {
      const taken = [...changed]
      changed.clear()
      return taken.map((entry) => ({ ...entry }))
    }
  }
}
