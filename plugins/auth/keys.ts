import { randomBytes } from 'node:crypto'
import { v7 as uuid } from '#uuid'
import { fieldError, rejectFields } from '../../drivers/common/invalid.ts'
import {
  ProblemError,
  type ApiKey,
  type ApiKeyCreate,
  type CallerRef,
  type Grant
} from '../../openapi/model/index.ts'
import { hashText } from '../fingerprint.ts'
import type { Store, Tables } from '../store/tables.ts'
import { createCredentialChanges } from './changed.ts'

/** The keys in the store. A store that the server does not use may be changed by commands as well. */
export interface Keys {
  /** Creates a key. `secrets.key` is in this result only. Throws already_exists, validation_failed. */
  create(input: ApiKeyCreate, createdBy: CallerRef): Promise<ApiKey>
  /** A page of keys by their names. */
  list(limit: number, afterName?: string): Promise<ApiKey[]>
  /** Throws resource_not_found. */
  get(id: string): Promise<ApiKey>
  /** Deletes a key. From now on no request with it is accepted. Throws resource_not_found. */
  revoke(idOrName: string): Promise<ApiKey>
}

type Row = Tables['api_keys']

/** Recognizes keys in logs and repositories. */
const prefix = 'orch_'
const pattern = /^orch_[0-9a-f]{64}$/

/** Whether a token has the form of a key. */
export const isKey = (token: string) => pattern.test(token)
export const looksLikeKey = (token: string) => token.startsWith(prefix)

/** 256 random bits cannot be guessed, so that a fast hash without a salt suffices. */
const createSecret = () => prefix + randomBytes(32).toString('hex')

export const hashKey = (key: string) => hashText(key)

export const grantsOf = ({ grants }: Pick<Row, 'grants'>) => JSON.parse(grants) as Grant[]

function toKey (row: Row): ApiKey {
  const { id, name, created_at, created_by, expires_at, last_used_at } = row
  return {
    id,
    name,
    grants: grantsOf(row),
    created_at,
    created_by: JSON.parse(created_by) as CallerRef,
    expires_at,
    last_used_at,
    self: `/api/v2/keys/${id}`
  }
}

function toExpiry (time: string | undefined) {
  if (time === undefined) return null
  const expiry = Date.parse(time)
  const isFuture = expiry > Date.now()
  rejectFields(isFuture ? [] : [fieldError('/expires_at', 'must be a time in the future')])
  return new Date(expiry).toISOString()
}

/** Reads and writes the keys of a store. `onRevoked` gets the id of a key after it was deleted. */
export function createKeys (store: Store, onRevoked: (id: string) => void = () => {}): Keys {
  const credentialChanges = createCredentialChanges(store)
  const select = () => store.selectFrom('api_keys').selectAll()
  const notFound = (key: string) =>
    new ProblemError('resource_not_found', `No key has the id or name "${key}"`, {
      hint: 'GET /api/v2/keys, or `orchestrator keys list`, lists the keys.'
    })

  return {
    async create ({ name, grants, expires_at: expiry }, createdBy) {
      const secret = createSecret()
      const row: Row = {
        id: uuid(),
        name,
        hash: hashKey(secret),
        grants: JSON.stringify(grants),
        created_at: new Date().toISOString(),
        created_by: JSON.stringify(createdBy),
        expires_at: toExpiry(expiry),
        last_used_at: null
      }
      const { numInsertedOrUpdatedRows: inserted } = await store.insertInto('api_keys').values(row)
        .onConflict((conflict) => conflict.column('name').doNothing()).executeTakeFirst()
      if (inserted === 0n) {
        throw new ProblemError('already_exists', `A key with the name "${name}" exists already`, {
          hint: 'Choose another name, or revoke that key first.'
        })
      }
      return { ...toKey(row), secrets: { key: secret } }
    },

    async list (limit, afterName) {
      let query = select().orderBy('name').limit(limit)
      if (afterName !== undefined) query = query.where('name', '>', afterName)
      return (await query.execute()).map(toKey)
    },

    async get (id) {
      const row = await select().where('id', '=', id).executeTakeFirst()
      if (row === undefined) throw notFound(id.slice(0, 64))
      return toKey(row)
    },

    async revoke (idOrName) {
      const row = await select().where(({ or, eb }) =>
        or([eb('id', '=', idOrName), eb('name', '=', idOrName)])
      )
        .executeTakeFirst()
      if (row === undefined) throw notFound(idOrName.slice(0, 64))
      await store.commit([
        store.deleteFrom('api_keys').where('id', '=', row.id),
        ...credentialChanges({ key: row.id })
      ])
      onRevoked(row.id)
      return toKey(row)
    }
  }
}
