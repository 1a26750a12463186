import type { KeyPairInfo } from '@aws-sdk/client-ec2'
import type { KeyPair, KeyPairCreate } from '../../../openapi/model/index.ts'
import type { Call } from '../../call.ts'
import { describe, type Identity, type KeyPairService } from '../../driver.ts'
import { invalid } from '../../common/invalid.ts'
import {
  malformed,
  notFound,
  readPage,
  readTags,
  retryWhileMissing,
  type Cloud,
  type Dialect
} from '../client/index.ts'

export const describeKeyPairs = ({ keyTypes }: Dialect) =>
  describe<KeyPairService>({
    create: { parameters: ['name', 'public_key', ...(keyTypes ? ['type'] as const : [])] }
  })

const importRefusals = [
  { pattern: /^InvalidKey\.|^InvalidKeyPair\.Format|PublicKey/, pointer: '/public_key' }
]

export interface KeyPairMapping {
  /** The private key of a new pair. */
  secret?: string
  extra: boolean
}

/** Maps a key pair. */
export function toKeyPair (
  raw: KeyPairInfo,
  identity: Identity,
  { secret, extra }: KeyPairMapping
): KeyPair {
  return {
    ...identity,
    name: raw.KeyName ?? null,
    state: 'available',
    provider_state: null,
    created_at: raw.CreateTime?.toISOString() ?? null,
    updated_at: null,
    tags: readTags(raw.Tags).tags,
    fingerprint: raw.KeyFingerprint ?? null,
    type: raw.KeyType ?? null,
    public_key: raw.PublicKey?.trim() || null,
    secrets: secret === undefined ? undefined : { private_key: secret },
    extra: extra ? { ...raw } : undefined
  }
}

/** Key pairs of the account in the region. Their name is their id. */
export function createKeyPairs ({ client, dialect, identify: identifyIn }: Cloud): KeyPairService {
  const identify = identifyIn('key_pairs')
  const options = dialect.keyTypes ? { IncludePublicKey: true } : {}

  const read = async (name: string, call: Call): Promise<KeyPairInfo> => {
    const { KeyPairs: pairs = [] } = await client.read('DescribeKeyPairs', {
      ...options,
      KeyNames: [name]
    }, call)
    const found = pairs.find(({ KeyName: keyName }) => keyName === name)
    if (found === undefined) throw notFound('key pair', name)
    return found
  }

  const importKey = async (name: string, publicKey: string, call: Call) => {
    const input = { KeyName: name, PublicKeyMaterial: Buffer.from(publicKey) }
    await client.change('ImportKeyPair', input, call, { refusals: importRefusals })
    return toKeyPair(await retryWhileMissing(call, () => read(name, call)), identify(name), {
      extra: false
    })
  }

  /** The cloud shows the private key once, so a failure of a later call must not lose the key. */
  const createPair = async ({ name, type }: KeyPairCreate, call: Call) => {
    const created = await client.change('CreateKeyPair', { KeyName: name, KeyType: type }, call)
    const { KeyMaterial: secret, KeyName, KeyFingerprint } = created
    if (secret === undefined) throw malformed('The response of the cloud has no private key', false)
    const pair = await retryWhileMissing(call, () => read(name, call)).catch(() => ({
      KeyName,
      KeyFingerprint
    }))
    return toKeyPair(pair, identify(name), { secret, extra: false })
  }

  return {
    /** The cloud lists key pairs without pages. */
    async list ({ extra }, call) {
      const { items } = await readPage(client, 'DescribeKeyPairs', 'KeyPairs', options, call)
      return {
        items: items.map((raw) => toKeyPair(raw, identify(raw.KeyName ?? ''), { extra })),
        next: null
      }
    },

    get: async (id, { extra }, call) => toKeyPair(await read(id, call), identify(id), { extra }),

    async create (input, call) {
      const { name, type, public_key: publicKey } = input
      if (publicKey === undefined) return createPair(input, call)
      if (type !== undefined && !publicKey.startsWith(`ssh-${type}`)) {
        throw invalid('/type', `is ${type}, but the public key has another type; leave type out`)
      }
      return importKey(name, publicKey, call)
    },

    /** DeleteKeyPair succeeds for a missing pair, so the pair is read first. */
    async destroy (id, call) {
      await read(id, call)
      await client.change('DeleteKeyPair', { KeyName: id }, call, { idempotent: true })
    }
  }
}
