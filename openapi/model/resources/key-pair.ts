import { Type, type Static } from '#typebox'
import {
  inputObject,
  map,
  Name,
  nullable,
  nullableString,
  openEnum,
  resourceModel
} from '../common.ts'
import { model } from '../model.ts'
import { pageOf } from '../page.ts'

export type KeyPair = Static<typeof KeyPair>
export const KeyPair = resourceModel(
  'KeyPair',
  'An SSH key for signing in to nodes. Its name is its id.',
  {
    state: openEnum(['available', 'unknown'], 'Whether the key pair can be used.'),
    fingerprint: nullableString(),
    type: nullable(Type.String({ examples: ['ssh', 'rsa', 'ed25519'] })),
    public_key: nullableString(),
    secrets: Type.Optional(map(Type.String(), {
      description:
        'The `private_key`. Only the response that creates the key pair has it; the server does not store it.',
      examples: [{ private_key: '…' }]
    }))
  }
)

export const KeyPairPage = pageOf('KeyPairPage', KeyPair)

export type KeyPairCreate = Static<typeof KeyPairCreate>
export const KeyPairCreate = model(
  'KeyPairCreate',
  inputObject({ name: Name }, {
    type: Type.Enum(['rsa', 'ed25519'], {
      type: 'string',
      description: 'Type of a generated key pair.'
    }),
    public_key: Type.String({
      minLength: 20,
      maxLength: 16_384,
      description: 'The public key to import. Without it, the cloud generates a key pair.',
      examples: ['ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI… me@example.test']
    })
  })
)
