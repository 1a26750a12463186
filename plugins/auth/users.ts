import { v7 as uuid } from '#uuid'
import { ProblemError, type Grant } from '../../openapi/model/index.ts'
import type { Store, Tables } from '../store/tables.ts'
import { createCaller, type Caller } from './caller.ts'
import { createCredentialChanges } from './changed.ts'
import { grantsOf } from './keys.ts'
import { hashPassword, isPassword } from './passwords.ts'

/** A user with a password, without the password. */
export interface User {
  id: string
  name: string
  grants: Grant[]
  created_at: string
}

export interface Users {
  /** Throws already_exists. */
  create(input: { name: string, password: string, grants: Grant[] }): Promise<User>
  list(): Promise<User[]>
  /** Throws resource_not_found. */
  setPassword(name: string, password: string): Promise<User>
  /** Throws resource_not_found. */
  remove(name: string): Promise<User>
  /** Returns the caller with this name and password. Throws unauthenticated, the same for both being wrong. */
  check(name: string, password: string): Promise<Caller>
}

const toUser = (row: Tables['users']): User => ({
  id: row.id,
  name: row.name,
  grants: grantsOf(row),
  created_at: row.created_at
})

/** Reads and writes the users of a store. */
export function createUsers (store: Store): Users {
  const credentialChanges = createCredentialChanges(store)
  const find = async (name: string) =>
    store.selectFrom('users').selectAll().where('name', '=', name).executeTakeFirst()

  const get = async (name: string) => {
    const row = await find(name)
    if (row !== undefined) return row
    throw new ProblemError('resource_not_found', `No user has the name "${name.slice(0, 64)}"`, {
      hint: '`orchestrator users list` lists the users.'
    })
  }

  /** The check of an unknown name takes as long as that of a known one, so that its time tells nothing. */
  let unknown: Promise<string> | undefined

  return {
    async create ({ name, password, grants }) {
      const row = {
        id: uuid(),
        name,
        password: await hashPassword(password),
        grants: JSON.stringify(grants),
        created_at: new Date().toISOString()
      }
      const { numInsertedOrUpdatedRows: inserted } = await store.insertInto('users').values(row)
        .onConflict((conflict) => conflict.column('name').doNothing()).executeTakeFirst()
      if (inserted === 0n) {
        throw new ProblemError('already_exists', `A user with the name "${name}" exists already`)
      }
      return toUser(row)
    },

    async list () {
      const rows = await store.selectFrom('users').selectAll().orderBy('name').execute()
      return rows.map(toUser)
    },

    async setPassword (name, password) {
      const row = await get(name)
      const hashed = await hashPassword(password)
      await store.commit([
        store.updateTable('users').set({ password: hashed }).where('id', '=', row.id),
        ...credentialChanges({ user: row.id })
      ])
      return toUser(row)
    },

    async remove (name) {
      const row = await get(name)
      await store.commit([
        store.deleteFrom('users').where('id', '=', row.id),
        ...credentialChanges({ user: row.id })
      ])
      return toUser(row)
    },

    async check (name, password) {
      const row = await find(name)
      unknown ??= hashPassword('')
      const isRight = await isPassword(password, row?.password ?? await unknown)
      if (row === undefined || !isRight) {
        throw new ProblemError('unauthenticated', 'The name or the password is wrong')
      }
      const { id, grants } = toUser(row)
      return createCaller({
        kind: 'user',
        issuer: null,
        id,
        name,
        credential: null,
        expiresAt: null,
        grants
      })
    }
  }
}
