import type { FastifyBaseLogger } from 'fastify'
import { ProblemError } from '../../openapi/model/index.ts'
import type { Store, Tables } from '../store/tables.ts'
import { createCaller, type Caller } from './caller.ts'
import { grantsOf, hashKey, isKey } from './keys.ts'

const second = 1000
/** Milliseconds for which a key is known without another look into the store, as long as revocations are seen. */
const freshMs = 10 * second
/** Milliseconds for which a known key may still read while the store fails. */
const graceMs = 300 * second
/** Milliseconds between two notes of the last use. */
const noteMs = 60 * second
/** Number of keys to remember. Only keys that exist are remembered. */
const maxRemembered = 20_000

type Row = Tables['api_keys']

interface Known {
  row: Row
  caller: Caller
  /** Times in milliseconds since 1970. */
  checkedAt: number
  notedAt: number
}

const invalid = () =>
  new ProblemError('unauthenticated', 'The key is not valid: it is unknown, revoked or expired', {
    hint:
      'Create a key with `orchestrator keys create`, or ask the administrator of this server for one.'
  })

export const toKeyCaller = (row: Row) =>
  createCaller({
    kind: 'key',
    issuer: null,
    id: row.id,
    name: row.name,
    credential: row.id,
    expiresAt: row.expires_at === null ? null : Date.parse(row.expires_at),
    grants: grantsOf(row)
  })

export const isExpired = ({ expiresAt }: Caller) => expiresAt !== null && expiresAt <= Date.now()

/** Returns a caller who may only read: whether the key was revoked meanwhile is not known. */
const withoutStore = (caller: Caller, failure: ProblemError): Caller => ({
  ...createCaller({
    ...caller,
    grants: caller.grants.map(({ clouds }) => ({ clouds, level: 'read' }))
  }),
  unconfirmed: failure
})

export interface KeyCheck {
  /**
   * Returns the caller of a key, at once if the key is known. Throws unauthenticated, or store_unavailable if the store
   * fails and the key was not checked within five minutes.
   */
  find(key: string): Caller | Promise<Caller>
  /** Accepts a key no more. */
  revoke(id: string): void
}

/**
 * Checks keys by the hashes in the store. The look-up is by hash, so its time tells nothing about other keys.
 * `isCurrent` tells whether the revocations of other servers are seen.
 */
export function createKeyCheck (
  store: Store,
  log: FastifyBaseLogger,
  isCurrent = () => true
): KeyCheck {
  const known = new Map<string, Known>()
  const hashes = new Map<string, string>()
  /** Keys whose row may have been read before it was deleted. */
  const revoked = new Set<string>()

  const forget = (id: string) => {
    const hash = hashes.get(id)
    if (hash !== undefined) known.delete(hash)
    hashes.delete(id)
  }

  const remember = (hash: string, entry: Known) => {
    if (revoked.has(entry.row.id)) throw invalid()
    known.delete(hash)
    known.set(hash, entry)
    hashes.set(entry.row.id, hash)
    const [oldest] = known.values()
    if (known.size > maxRemembered) forget(oldest!.row.id)
  }

  /** Writes the time of the last use in the background, at most once a minute. */
  const noteUse = (entry: Known) => {
    const now = Date.now()
    if (now - entry.notedAt < noteMs) return
    entry.notedAt = now
    const time = new Date(now).toISOString()
    store.updateTable('api_keys').set({ last_used_at: time }).where('id', '=', entry.row.id)
      .execute()
      .catch((err: unknown) =>
        log.warn({ err, key: entry.row.id }, 'the last use of a key could not be written')
      )
  }

  const accept = (entry: Known) => {
    if (isExpired(entry.caller)) throw invalid()
    noteUse(entry)
    return entry.caller
  }

  const read = async (hash: string): Promise<Row | undefined> =>
    store.selectFrom('api_keys').selectAll().where('hash', '=', hash).executeTakeFirst()

  const check = async (hash: string): Promise<Caller> => {
    const before = known.get(hash)
    let row: Row | undefined
    try {
      row = await read(hash)
    } catch (error) {
      if (!(error instanceof ProblemError)) throw error
      const isKnown = before !== undefined && Date.now() - before.checkedAt < graceMs &&
        !isExpired(before.caller)
      if (isKnown) return withoutStore(before.caller, error)
      throw error.with({ detail: `The key cannot be checked: ${error.message}` })
    }
    if (row === undefined) {
      if (before !== undefined) forget(before.row.id)
      throw invalid()
    }
    const noted = before?.notedAt ?? Date.parse(row.last_used_at ?? '1970-01-01')
    const entry = {
      row,
      caller: before?.caller ?? toKeyCaller(row),
      checkedAt: Date.now(),
      notedAt: noted
    }
    remember(hash, entry)
    return accept(entry)
  }

  return {
    revoke (id) {
      revoked.add(id)
      forget(id)
    },
    find (key) {
      if (!isKey(key)) throw invalid()
      const hash = hashKey(key)
      const entry = known.get(hash)
      return entry !== undefined && Date.now() - entry.checkedAt < freshMs && isCurrent()
        ? accept(entry)
        : check(hash)
    }
  }
}
