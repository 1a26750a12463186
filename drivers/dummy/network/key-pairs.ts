import { ProblemError, type KeyPair } from '../../../openapi/model/index.ts'
import type { Context, KeyPairService } from '../../driver.ts'
import { newRecord } from '../record.ts'
import { commonOf, createReadsOf } from '../records.ts'
import { field, must, refuse } from '../refusal.ts'
import type { Settings } from '../settings.ts'
import type { State } from '../state.ts'
import { makePair, parsePublicKey } from './ssh-key.ts'
import type { StoredKeyPair } from './stored.ts'

/** Key pairs: the private half of one that is made is in the answer alone. */
export function createKeyPairs ({ location, page_size: pageSize }: Settings, state: State, context: Context): KeyPairService {
  const { open, save } = state
  const { view, find, reads } = createReadsOf(state, 'key pair', (store) => store.key_pairs, pageSize, (data: StoredKeyPair): KeyPair => ({
    ...commonOf(context, 'key_pairs', location, { ...data, name: data.id }),
    state: 'available',
    type: data.type,
    fingerprint: data.fingerprint,
    public_key: data.public_key
  }))

  return {
    ...reads,
    async create ({ name, type = 'ed25519', public_key: given }) {
      const imported = given === undefined ? undefined : parsePublicKey(given)
      if (given !== undefined && imported === undefined) refuse([field('/public_key', 'must be a public key as OpenSSH writes it: ssh-ed25519 AAAA…')])
      const made = imported === undefined ? await makePair(type, name) : undefined
      const key = imported ?? parsePublicKey(made!.public_key)
      must(key !== undefined, '/public_key', 'must be a public key')
      const store = await open()
      if (store.key_pairs.has(name)) throw new ProblemError('already_exists', `A key pair ${name} exists already`)
      const entry = store.key_pairs.add({ ...newRecord(store.key_pairs.newSeq(), name), ...key })
      await save()
      return made === undefined ? view(entry) : { ...view(entry), secrets: { private_key: made.private_key } }
    },
    async destroy (id) {
      const store = await open()
      store.key_pairs.remove(find(store, id))
      await save()
    }
  }
}
