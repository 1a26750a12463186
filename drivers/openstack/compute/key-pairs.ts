import { ProblemError, type KeyPair, type KeyPairCreate } from '../../../openapi/model/index.ts'
import type { Call } from '../../call.ts'
import type { Identity, KeyPairService, ListQuery, ListResult, ReadOptions } from '../../driver.ts'
import { encodeId, malformed, type Client } from '../client/client.ts'
import { microversions } from '../client/microversions.ts'
import { readFrom } from '../client/paging.ts'
import { pointed, type RefusedField } from './refusals.ts'
import { resources } from '../client/resources.ts'
import { toTimestamp } from '../client/times.ts'

/** A key pair as Nova tells it; in lists without the last ones. */
export interface NovaKeyPair {
  name: string
  fingerprint?: string
  public_key?: string
  /** `ssh` or `x509`, from 2.2 on. */
  type?: string
  /** Only in the answer that makes a pair. */
  private_key?: string
  created_at?: string | null
  updated_at?: string | null
}

/** Refusals of a create, in Nova's words (each was provoked). */
const fields: readonly RefusedField[] = [
  { said: /'name' value|attribute name|keypair name/i, pointer: '/name' },
  { said: /fingerprint|public.key|keypair data/i, pointer: '/public_key' }
]

const upstream = { service: 'compute', version: microversions.typeKeyPairs } as const
const pages = { service: 'compute', version: microversions.pageKeyPairs } as const

/** Nova calls all kinds of SSH keys `ssh`; the key itself says more. */
function typeOf ({ type, public_key: key = '' }: NovaKeyPair) {
  if (type !== undefined && type !== 'ssh') return type
  const algorithm = /^ssh-(rsa|ed25519|dss)\s/.exec(key)?.[1]
  return algorithm ?? type ?? null
}

/** A key pair of Nova as a key pair, with the private key under `secrets` where it was just made. */
export function toKeyPair (raw: NovaKeyPair, identity: Identity, extra: boolean): KeyPair {
  const { private_key: secret, ...told } = raw
  return {
    // Not spread, see toNode.
    id: identity.id,
    cloud: identity.cloud,
    driver: identity.driver,
    location: identity.location,
    self: identity.self,
    name: raw.name,
    state: 'available',
    provider_state: null,
    created_at: toTimestamp(raw.created_at),
    updated_at: toTimestamp(raw.updated_at),
    tags: {},
    fingerprint: raw.fingerprint ?? null,
    type: typeOf(raw),
    public_key: raw.public_key ?? null,
    ...(secret === undefined ? {} : { secrets: { private_key: secret } }),
    ...(extra ? { extra: told } : {})
  }
}

/** Key pairs of Nova, which belong to the user and have their name for an id. */
export function createKeyPairs (client: Client, identify: (id: string) => Identity): KeyPairService {
  return {
    async list ({ limit, token, extra }: ListQuery, call: Call): Promise<ListResult<KeyPair>> {
      const { items, next } = await readFrom(token, async (marker) => {
        const page = await client.list<{ keypair: NovaKeyPair }>(pages, call, (access, region, headers) =>
          resources.keyPair.list(access, region, { limit, ...marker }, headers))
        return { items: page.items.map(({ keypair }) => ({ id: keypair.name, keypair })), next: page.next }
      })
      return { items: items.map(({ id, keypair }) => toKeyPair(keypair, identify(id), extra)), next, applied: [] }
    },
    async get (id: string, { extra }: ReadOptions, call: Call) {
      const raw = await client.show<NovaKeyPair>(upstream, call, (token, region, headers) =>
        resources.keyPair.show(token, region, encodeId(id), {}, headers))
      return toKeyPair(raw, identify(raw.name), extra)
    },
    async create (input: KeyPairCreate, call: Call) {
      mustBeMakeable(input)
      const { name, public_key: key } = input
      const body = { name, ...(key === undefined ? {} : { public_key: key }) }
      try {
        const made = await client.change(upstream, call, (token, region, headers) =>
          resources.keyPair.create(token, region, body, {}, headers))
        if (typeof (made as NovaKeyPair | undefined)?.name !== 'string') throw malformed('compute', false)
        const raw = made as NovaKeyPair
        return toKeyPair(raw, identify(raw.name), false)
      } catch (error) {
        throw error instanceof ProblemError && error.code === 'provider_rejected' ? pointed(error, fields) ?? error : error
      }
    },
    async destroy (id: string, call: Call) {
      await client.change({ service: 'compute' }, call, (token, region, headers) =>
        resources.keyPair.del(token, region, encodeId(id), undefined, {}, headers))
    }
  }
}

/** Nova makes RSA pairs only. */
function mustBeMakeable ({ type, public_key: key }: KeyPairCreate) {
  if (type === 'ed25519' && key === undefined) {
    throw new ProblemError('not_supported', 'This cloud makes RSA pairs only', {
      capability: 'key_pairs.create.type', hint: 'Make the pair yourself and import its public key.'
    })
  }
  if (type !== undefined && key !== undefined && !key.startsWith(`ssh-${type}`)) {
    const message = `is that of a pair to be made; the public key given is not of the type ${type}`
    throw new ProblemError('validation_failed', `/type ${message}`, { errors: [{ in: 'body', pointer: '/type', message }] })
  }
}
