import { ProblemError, type KeyPair } from '../../../openapi/model/index.ts'
import { describe, type KeyPairService } from '../../driver.ts'
import { assertField, commonFieldsOf, createRepository, type Engine } from '../engine/index.ts'
import { createSshKey, parsePublicKey } from './ssh-key.ts'

export const keyPairCapabilities = describe<KeyPairService>({
  create: { parameters: ['name', 'type', 'public_key'] }
})

/** Only the answer to a create contains the generated private key. */
export function createKeyPairs (engine: Engine): KeyPairService {
  const { reads, create, remove } = createRepository(
    engine,
    'key pair',
    ({ key_pairs: keyPairs }) => keyPairs,
    (data): KeyPair => ({
      ...commonFieldsOf(engine, 'key_pairs', { ...data, name: data.id }),
      state: 'available',
      type: data.type,
      fingerprint: data.fingerprint,
      public_key: data.public_key
    })
  )

  return {
    ...reads,
    async create ({ name, type = 'ed25519', public_key: imported }) {
      const generated = imported === undefined ? await createSshKey(type, name) : undefined
      const key = parsePublicKey(imported ?? generated!.public_key)
      assertField(
        key !== undefined,
        '/public_key',
        'must be a public key of OpenSSH: ssh-ed25519 AAAA…'
      )
      const keyPair = await create(({ key_pairs: keyPairs }) => {
        if (keyPairs.has(name)) {
          throw new ProblemError('already_exists', `A key pair ${name} exists already`)
        }
        return { ...keyPairs.newRecord('key'), id: name, ...key }
      })
      return generated === undefined
        ? keyPair
        : { ...keyPair, secrets: { private_key: generated.private_key } }
    },
    destroy: (id) => remove(id)
  }
}
