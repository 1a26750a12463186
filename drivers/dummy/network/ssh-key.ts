import { createHash, generateKeyPair, randomBytes } from 'node:crypto'
import { promisify } from 'node:util'

const generate = promisify(generateKeyPair)

/** A field as SSH writes it: its length, then its bytes. */
function packed (content: string | Uint8Array) {
  const bytes = Buffer.from(content as Uint8Array)
  const length = Buffer.alloc(4)
  length.writeUInt32BE(bytes.length)
  return Buffer.concat([length, bytes])
}

/** The fields of such a sequence; undefined where it does not end with the last of them. */
function unpacked (bytes: Buffer) {
  const fields: Buffer[] = []
  let at = 0
  while (at < bytes.length) {
    if (at + 4 > bytes.length) return undefined
    const end = at + 4 + bytes.readUInt32BE(at)
    if (end > bytes.length) return undefined
    fields.push(bytes.subarray(at + 4, end))
    at = end
  }
  return fields
}

/** As OpenSSH shows it. */
export const fingerprintOf = (key: Uint8Array) => `SHA256:${createHash('sha256').update(key).digest('base64').replace(/=+$/, '')}`

/** Whether the fields behind the name of each type are a key; the type as it is told. */
const types: Record<string, { type: string, isKey (fields: Buffer[]): boolean }> = {
  'ssh-ed25519': { type: 'ed25519', isKey: ([key, ...rest]) => key?.length === 32 && rest.length === 0 },
  'ssh-rsa': {
    type: 'rsa', isKey: ([exponent, modulus, ...rest]) => exponent !== undefined && exponent.length > 0 && (modulus?.length ?? 0) >= 128 && rest.length === 0
  },
  ...Object.fromEntries([['nistp256', 65], ['nistp384', 97], ['nistp521', 133]].map(([curve, length]) => [`ecdsa-sha2-${curve}`, {
    type: 'ecdsa', isKey: ([name, point, ...rest]: Buffer[]) => name?.toString() === curve && point?.length === length && rest.length === 0
  }]))
}

export interface PublicKey {
  type: string
  fingerprint: string
  public_key: string
}

/** Reads one line of OpenSSH's form, `ssh-ed25519 AAAA… comment`; undefined where it is no public key. */
export function parsePublicKey (text: string): PublicKey | undefined {
  const line = text.trim()
  const [, name = '', encoded = ''] = /^(\S+) +([A-Za-z0-9+/]+={0,2})(?: [^\r\n]*)?$/.exec(line) ?? []
  const known = Object.hasOwn(types, name) ? types[name] : undefined
  const key = Buffer.from(encoded, 'base64')
  const [inside, ...fields] = unpacked(key) ?? []
  if (known === undefined || inside?.toString() !== name || !known.isKey(fields)) return undefined
  return { type: known.type, fingerprint: fingerprintOf(key), public_key: line }
}

const fromBase64Url = (text: string | undefined) => Buffer.from(text ?? '', 'base64url')

/** A number as SSH writes it: a zero before a first bit that would be a sign. */
const number = (bytes: Buffer) => packed((bytes[0] ?? 0) & 128 ? Buffer.concat([Buffer.alloc(1), bytes]) : bytes)

const wrapped = (label: string, bytes: Buffer) =>
  `-----BEGIN ${label}-----\n${bytes.toString('base64').replace(/.{1,70}/g, '$&\n')}-----END ${label}-----\n`

/** OpenSSH's own form of a private key, in which alone it takes one of Ed25519; with no passphrase. */
function openSshPrivate (key: Buffer, open: Buffer, secret: Buffer, comment: string) {
  const check = randomBytes(4)
  const fields = [check, check, packed('ssh-ed25519'), packed(open), packed(Buffer.concat([secret, open])), packed(comment)]
  const length = fields.reduce((sum, { length }) => sum + length, 0)
  const padding = Buffer.from(Array.from({ length: (8 - length % 8) % 8 }, (_, i) => i + 1))
  const one = Buffer.from([0, 0, 0, 1])
  return wrapped('OPENSSH PRIVATE KEY', Buffer.concat([
    Buffer.from('openssh-key-v1\0'), packed('none'), packed('none'), packed(''), one, packed(key), packed(Buffer.concat([...fields, padding]))
  ]))
}

const line = (name: string, key: Buffer, comment: string) => `${name} ${key.toString('base64')} ${comment.replaceAll(/\s+/g, '-')}`

async function makeEd25519 (comment: string) {
  const { privateKey } = await generate('ed25519')
  const { x, d } = privateKey.export({ format: 'jwk' })
  const open = fromBase64Url(x)
  const key = Buffer.concat([packed('ssh-ed25519'), packed(open)])
  return { public_key: line('ssh-ed25519', key, comment), private_key: openSshPrivate(key, open, fromBase64Url(d), comment) }
}

async function makeRsa (comment: string) {
  const { privateKey } = await generate('rsa', { modulusLength: 2048 })
  const { n, e } = privateKey.export({ format: 'jwk' })
  const key = Buffer.concat([packed('ssh-rsa'), number(fromBase64Url(e)), number(fromBase64Url(n))])
  return { public_key: line('ssh-rsa', key, comment), private_key: privateKey.export({ format: 'pem', type: 'pkcs1' }).toString() }
}

/** Makes a pair; both halves as OpenSSH reads them. */
export const makePair = (type: 'rsa' | 'ed25519', comment: string) => type === 'rsa' ? makeRsa(comment) : makeEd25519(comment)
