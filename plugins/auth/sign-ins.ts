import { randomBytes } from 'node:crypto'
import { v7 as uuid } from '#uuid'
import { ProblemError } from '../../openapi/model/index.ts'
import { hashText } from '../fingerprint.ts'
import type { Events } from '../events/index.ts'
import type { Store } from '../store/tables.ts'
import { createCaller, type Caller } from './caller.ts'
import { changedCredential } from './changed.ts'
import { grantsOf } from './keys.ts'
import { createUsers } from './users.ts'

/** Users who signed in with their password, by the tokens that they got. The tokens are valid for /api/v1 only. */
export interface SignIns {
  /** Returns a new token. Throws unauthenticated if the name or the password is wrong. */
  create(name: string, password: string): Promise<string>
  /** Returns the user of a token. Throws unauthenticated. */
  find(token: string): Promise<Caller>
}

/** Milliseconds for which a token is known without another look into the store. */
const freshMs = 10_000

/** Number of tokens to remember. Only valid ones are remembered. */
const maxRemembered = 10_000

const pattern = /^v1_[0-9a-f]{64}$/

const invalid = () =>
  new ProblemError('unauthenticated', 'The token is not valid: it is unknown or expired', {
    hint: 'Sign in again: POST /api/v1/auth.'
  })

/** Reads and writes the sign-ins of a store. A sign-in ends with its time, with its user, or with its password. */
export function createSignIns (
  store: Store,
  minutes: number,
  { isCurrent, onSeen }: Pick<Events, 'isCurrent' | 'onSeen'>
): SignIns {
  const users = createUsers(store)
  const known = new Map<string, { caller: Caller, checkedAt: number }>()

  onSeen((event) => {
    const { user } = changedCredential(event) ?? {}
    if (user === undefined) return
    for (const [hash, { caller }] of known) if (caller.id === user) known.delete(hash)
  })

  const read = async (hash: string): Promise<Caller> => {
    const row = await store.selectFrom('sign_ins').innerJoin(
      'users',
      'users.id',
      'sign_ins.user_id'
    )
      .select([
        'sign_ins.id',
        'sign_ins.expires_at',
        'sign_ins.password_hash',
        'users.name',
        'users.grants'
      ])
      .select(['users.id as user_id', 'users.password'])
      .where('sign_ins.hash', '=', hash).executeTakeFirst()
    const expiresAt = Date.parse(row?.expires_at ?? '')
    if (
      row === undefined || !(expiresAt > Date.now()) || row.password_hash !== hashText(row.password)
    ) throw invalid()
    const { user_id: id, name } = row
    return createCaller({
      kind: 'user',
      issuer: null,
      id,
      name,
      credential: row.id,
      expiresAt,
      grants: grantsOf(row)
    })
  }

  return {
    async create (name, password) {
      const { id: user } = await users.check(name, password)
      const { password: hashed } = await store.selectFrom('users').select('password').where(
        'id',
        '=',
        user
      )
        .executeTakeFirstOrThrow(invalid)
      const token = `v1_${randomBytes(32).toString('hex')}`
      const now = Date.now()
      await store.insertInto('sign_ins').values({
        id: uuid(),
        hash: hashText(token),
        user_id: user,
        password_hash: hashText(hashed),
        created_at: new Date(now).toISOString(),
        expires_at: new Date(now + minutes * 60_000).toISOString()
      }).execute()
      return token
    },

    async find (token) {
      if (!pattern.test(token)) throw invalid()
      const hash = hashText(token)
      const entry = known.get(hash)
      const isFresh = entry !== undefined && Date.now() - entry.checkedAt < freshMs &&
        isCurrent()
      if (isFresh && entry.caller.expiresAt! > Date.now()) return entry.caller
      known.delete(hash)
      const caller = await read(hash)
      known.set(hash, { caller, checkedAt: Date.now() })
      const [oldest] = known.keys()
      if (known.size > maxRemembered) known.delete(oldest!)
      return caller
    }
  }
}
