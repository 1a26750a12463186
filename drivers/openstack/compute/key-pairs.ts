import { ProblemError, type KeyPair, type KeyPairCreate } from '../../../openapi/model/index.ts'
import { describe, type Identity, type KeyPairService } from '../../driver.ts'
import { invalid } from '../../common/invalid.ts'
import type { FieldRefusal } from '../../common/refusals.ts'
import { bind } from '../client/bind.ts'
import type { Client } from '../client/client.ts'
import { microversions } from '../client/microversions.ts'
import { createReadService } from '../client/read-service.ts'
import { resources } from '../client/resources.ts'
import { toTimestamp } from '../client/metadata.ts'

export const capabilities = describe<KeyPairService>({
  create: { parameters: ['name', 'type', 'public_key'] }
})

/** A key pair of Nova. Lists omit the last four fields. */
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

/** Nova's wording of refused fields; each was observed. */
const fields: readonly FieldRefusal[] = [
  { pattern: /'name' value|attribute name|keypair name/i, pointer: '/name' },
  { pattern: /fingerprint|public.key|keypair data/i, pointer: '/public_key' }
]

/** Nova calls all SSH keys `ssh`. The public key names its algorithm. */
function typeOf ({ type, public_key: key = '' }: NovaKeyPair) {
  if (type !== undefined && type !== 'ssh') return type
  const algorithm = /^ssh-(rsa|ed25519|dss)\s/.exec(key)?.[1]
  return algorithm ?? type ?? null
}

/** Converts a key pair of Nova. The answer of a create has the private key under `secrets`. */
export function toKeyPair (raw: NovaKeyPair, identity: Identity, extra: boolean): KeyPair {
  const { private_key: secret, ...published } = raw
  return {
    name: raw.name,
    state: 'available',
    provider_state: null,
    created_at: toTimestamp(raw.created_at),
    updated_at: toTimestamp(raw.updated_at),
    tags: {},
    fingerprint: raw.fingerprint ?? null,
    type: typeOf(raw),
    public_key: raw.public_key ?? null,
    secrets: secret === undefined ? undefined : { private_key: secret },
    extra: extra ? published : undefined,
    ...identity
  }
}

/** Key pairs of Nova, which belong to the user. Their name is their id. */
export function createKeyPairs (
  client: Client,
  identify: (id: string) => Identity
): KeyPairService {
  const keyPairs = bind<NovaKeyPair>(client, resources.keyPair, {
    service: 'compute',
    version: microversions.typeKeyPairs,
    key: 'name'
  })
  const lists = bind<NovaKeyPair>(client, resources.keyPair, {
    service: 'compute',
    version: microversions.pageKeyPairs,
    key: 'name',
    item: 'keypair'
  })

  const convert = (raw: NovaKeyPair, extra: boolean) => toKeyPair(raw, identify(raw.name), extra)

  return {
    ...createReadService({ page: lists.page, show: keyPairs.show }, convert),

    async create (input, call) {
      checkType(input)
      const { name, public_key: publicKey } = input
      return convert(
        await keyPairs.create({ name, public_key: publicKey }, call, { fields }),
        false
      )
    },

    destroy: (id, call) => keyPairs.remove(id, call)
  }
}

/** Nova generates RSA keys only. */
function checkType ({ type, public_key: publicKey }: KeyPairCreate) {
  if (type === 'ed25519' && publicKey === undefined) {
    throw new ProblemError('not_supported', 'This cloud generates RSA key pairs only', {
      capability: 'key_pairs.create.type',
      hint: 'Generate the key pair yourself and import its public key.'
    })
  }
  if (type !== undefined && publicKey !== undefined && !publicKey.startsWith(`ssh-${type}`)) {
    throw invalid(
      '/type',
      `is ${type}, but the public key is of another type; omit type to import it`
    )
  }
}
