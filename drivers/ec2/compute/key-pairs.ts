import type { KeyPairInfo } from '@aws-sdk/client-ec2'
import { ProblemError, type KeyPair, type KeyPairCreate } from '../../../openapi/model/index.ts'
import type { Call } from '../../call.ts'
import type { Identity, KeyPairService, ListQuery, ListResult, ReadOptions } from '../../driver.ts'
import { invalid } from '../../invalid.ts'
import type { Cloud } from '../client/cloud.ts'
import { malformed } from '../client/errors.ts'
import { eventually } from '../client/consistency.ts'
import { explainFields, type RefusedField } from '../client/refusals.ts'
import { readTags } from '../client/tags.ts'

const importFields: readonly RefusedField[] = [{ code: /^InvalidKey\.|^InvalidKeyPair\.Format|PublicKey/, pointer: '/public_key' }]

/** A key pair of EC2 as a key pair, with the private key under `secrets` where it was just made. */
export function toKeyPair (
  raw: KeyPairInfo, identity: Identity, { secret, extra }: { secret?: string | undefined, extra: boolean }
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
    public_key: raw.PublicKey === undefined || raw.PublicKey === '' ? null : raw.PublicKey.trim(),
    ...(secret === undefined ? {} : { secrets: { private_key: secret } }),
    ...(extra ? { extra: { ...raw } } : {})
  }
}

/** Key pairs of the account in the region, which have their name for an id. */
export function createKeyPairs ({ client, dialect, identify: identifyIn }: Cloud): KeyPairService {
  const identify = identifyIn('key_pairs')
  const told = dialect.keyTypes ? { IncludePublicKey: true } : {}

  const read = async (name: string, call: Call): Promise<KeyPairInfo> => {
    const { KeyPairs: pairs = [] } = await client.read((sdk) => new sdk.DescribeKeyPairsCommand({ ...told, KeyNames: [name] }), call)
    const found = pairs.find(({ KeyName: own }) => own === name)
    if (found === undefined) throw new ProblemError('resource_not_found', `There is no key pair ${name}`)
    return found
  }

  const importKey = async ({ name, public_key: key = '' }: KeyPairCreate, call: Call) => {
    const input = { KeyName: name, PublicKeyMaterial: Buffer.from(key) }
    try {
      await client.change((sdk) => new sdk.ImportKeyPairCommand(input), call)
    } catch (error) {
      throw explainFields(error, importFields)
    }
    return toKeyPair(await eventually(call, () => read(name, call)), identify(name), { extra: false })
  }

  /** The key is told once: whatever else is not known is no reason to lose it. */
  const makePair = async ({ name, type }: KeyPairCreate, call: Call) => {
    const input = { KeyName: name, ...(type === undefined ? {} : { KeyType: type }) }
    const { KeyMaterial: secret, ...made } = await client.change((sdk) => new sdk.CreateKeyPairCommand(input), call)
    if (secret === undefined) throw malformed('The cloud answered without a private key', false)
    const { KeyName: own, KeyFingerprint: fingerprint } = made
    const seen = await eventually(call, () => read(name, call)).catch(() => ({ KeyName: own, KeyFingerprint: fingerprint }))
    return toKeyPair(seen, identify(name), { secret, extra: false })
  }

  return {
    /** The cloud has no pages of them. */
    async list ({ extra }: ListQuery, call: Call): Promise<ListResult<KeyPair>> {
      const { KeyPairs: pairs } = await client.read((sdk) => new sdk.DescribeKeyPairsCommand(told), call)
      if (pairs === undefined) throw malformed('The cloud answered without a list of key pairs')
      return { items: pairs.map((raw) => toKeyPair(raw, identify(raw.KeyName ?? ''), { extra })), next: null, applied: [] }
    },
    async get (id: string, { extra }: ReadOptions, call: Call) {
      return toKeyPair(await read(id, call), identify(id), { extra })
    },
    async create (input: KeyPairCreate, call: Call) {
      const { type, public_key: key } = input
      if (key === undefined) return makePair(input, call)
      if (type !== undefined && !key.startsWith(`ssh-${type}`)) {
        throw invalid('/type', `is that of a pair to be made; the public key given is not of the type ${type}`)
      }
      return importKey(input, call)
    },
    /** The cloud says nothing of one that is not there. */
    async destroy (id: string, call: Call) {
      await read(id, call)
      await client.change((sdk) => new sdk.DeleteKeyPairCommand({ KeyName: id }), call, { token: true })
    }
  }
}
