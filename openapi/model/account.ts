import { Type, type Static } from 'typebox'
import { model } from './model.ts'
import { map, Name, nullable, openEnum, resource } from './common.ts'

export type KeyPair = Static<typeof KeyPair>
export const KeyPair = model('KeyPair', Type.Object({
  ...resource,
  state: openEnum(['available', 'unknown'], 'Whether it can be used.'),
  fingerprint: nullable(Type.String()),
  type: nullable(Type.String({ examples: ['ssh', 'rsa', 'ed25519'] })),
  public_key: nullable(Type.String()),
  secrets: Type.Optional(map(Type.String(), {
    description: 'The `private_key`, only in the answer that creates the pair: it is kept nowhere.', examples: [{ private_key: '…' }]
  }))
}, { description: 'A key with which one may sign in to nodes. Its name is its id.' }))

export type KeyPairCreate = Static<typeof KeyPairCreate>
export const KeyPairCreate = model('KeyPairCreate', Type.Object({
  name: Name,
  type: Type.Optional(Type.Enum(['rsa', 'ed25519'], { type: 'string', description: 'Of a pair that is made.' })),
  public_key: Type.Optional(Type.String({
    minLength: 20, maxLength: 16_384, description: 'Imports this public key; otherwise a pair is made.', examples: ['ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI… me@example.test']
  }))
}, { additionalProperties: false }))

export type Quota = Static<typeof Quota>
export const Quota = model('Quota', Type.Object({
  resource: Type.String({ examples: ['nodes', 'vcpus', 'ram', 'networks', 'floating_ips', 'volumes', 'volume_storage'] }),
  limit: nullable(Type.Integer({ description: 'null is unlimited.' })),
  used: nullable(Type.Integer()),
  unit: Type.Enum(['count', 'MiB', 'GiB'], { type: 'string' })
}, { description: 'How much of something the account may have, and has.' }))

export const QuotaList = model('QuotaList', Type.Object({ items: Type.Array(Quota) }))

export type Console = Static<typeof Console>
export const Console = model('Console', Type.Object({
  kind: Type.Enum(['text', 'url'], { type: 'string' }),
  text: nullable(Type.String({ description: 'What the node has written.' })),
  url: nullable(Type.String({ description: 'Where its screen can be seen.' })),
  expires_at: nullable(Type.String({ format: 'date-time' }))
}))
