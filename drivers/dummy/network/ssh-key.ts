import { createHash, generateKeyPair, randomBytes } from 'node:crypto'
import { promisify } from 'node:util'

const generate = promisify(generateKeyPair)

/** Encodes a string of the SSH protocol (RFC 4251): its length, then its bytes. */
function encode (content: string | Uint8Array) {
  const bytes = Buffer.from(content as Uint8Array)
  const length = Buffer.alloc(4)
  length.writeUInt32BE(bytes.length)
  return Buffer.concat([length, bytes])
}

/** Decodes a sequence of such strings. Returns undefined if the last one is incomplete. */
function decode (bytes: Buffer) {
  const fields: Buffer[] = []
  let position = 0
  while (position < bytes.length) {
    const start = position + 4
    if (start > bytes.length) return undefined
    const end = start + bytes.readUInt32BE(position)
    if (end > bytes.length) return undefined
    fields.push(bytes.subarray(start, end))
    position = end
  }
  return fields
}

const fingerprintOf = (key: Uint8Array) =>
  `SHA256:${createHash('sha256').update(key).digest('base64').replace(/=+$/, '')}`

interface KeyFormat {
  type: string
  fields: number
  /** Checks the fields after the name of the format. */
  isKey(first: Buffer, second: Buffer): boolean
}

const ecdsa = (curve: string, length: number): KeyFormat => ({
  type: 'ecdsa',
  fields: 2,
  isKey: (name, point) => name.toString() === curve && point.length === length
})

const formats = new Map<string, KeyFormat>([
  ['ssh-ed25519', { type: 'ed25519', fields: 1, isKey: (key) => key.length === 32 }],
  ['ssh-rsa', {
    type: 'rsa',
    fields: 2,
    isKey: (exponent, modulus) => exponent.length > 0 && modulus.length >= 128
  }],
  ['ecdsa-sha2-nistp256', ecdsa('nistp256', 65)],
  ['ecdsa-sha2-nistp384', ecdsa('nistp384', 97)],
  ['ecdsa-sha2-nistp521', ecdsa('nistp521', 133)]
])

const linePattern = /^(\S+) +([A-Za-z0-9+/]+={0,2})(?: [^\r\n]*)?$/

/** Parses a line of OpenSSH, `ssh-ed25519 AAAA… comment`. Returns undefined if it is not a public key. */
export function parsePublicKey (text: string) {
  const line = text.trim()
  const [, name = '', encoded = ''] = linePattern.exec(line) ?? []
  const format = formats.get(name)
  const key = Buffer.from(encoded, 'base64')
  const [innerName, ...fields] = decode(key) ?? []
  if (format === undefined || innerName?.toString() !== name || fields.length !== format.fields) {
    return undefined
  }
  if (!format.isKey(fields[0]!, fields[1]!)) return undefined
  return { type: format.type, fingerprint: fingerprintOf(key), public_key: line }
}

const fromBase64Url = (text: string | undefined) => Buffer.from(text ?? '', 'base64url')

/** Encodes a positive number. A zero byte precedes a first bit that would be the sign. */
const encodeNumber = (bytes: Buffer) =>
  encode((bytes[0] ?? 0) & 128 ? Buffer.concat([Buffer.alloc(1), bytes]) : bytes)

/** Formats a private key without a passphrase in OpenSSH's own format, the only one it reads for Ed25519. */
function formatPrivateKey (
  key: Buffer,
  publicBytes: Buffer,
  privateBytes: Buffer,
  comment: string
) {
  const check = randomBytes(4)
  const secret = Buffer.concat([
    check,
    check,
    encode('ssh-ed25519'),
    encode(publicBytes),
    encode(Buffer.concat([privateBytes, publicBytes])),
    encode(comment)
  ])
  const padding = Buffer.from(Array.from({ length: (8 - secret.length % 8) % 8 }, (_, i) => i + 1))
  const bytes = Buffer.concat([
    Buffer.from('openssh-key-v1\0'),
    // No cipher, no key derivation and its options, one key.
    encode('none'),
    encode('none'),
    encode(''),
    Buffer.from([0, 0, 0, 1]),
    encode(key),
    encode(Buffer.concat([secret, padding]))
  ])
  const label = 'OPENSSH PRIVATE KEY'
  return `-----BEGIN ${label}-----\n${
    bytes.toString('base64').replace(/.{1,70}/g, '$&\n')
  }-----END ${label}-----\n`
}

const formatPublicKey = (name: string, key: Buffer, comment: string) =>
  `${name} ${key.toString('base64')} ${comment.replaceAll(/\s+/g, '-')}`

async function createEd25519Key (comment: string) {
  const { privateKey } = await generate('ed25519')
  const { x, d } = privateKey.export({ format: 'jwk' })
  const publicBytes = fromBase64Url(x)
  const key = Buffer.concat([encode('ssh-ed25519'), encode(publicBytes)])
  return {
    public_key: formatPublicKey('ssh-ed25519', key, comment),
    private_key: formatPrivateKey(key, publicBytes, fromBase64Url(d), comment)
  }
}

async function createRsaKey (comment: string) {
  const { privateKey } = await generate('rsa', { modulusLength: 2048 })
  const { n, e } = privateKey.export({ format: 'jwk' })
  const key = Buffer.concat([
    encode('ssh-rsa'),
    encodeNumber(fromBase64Url(e)),
    encodeNumber(fromBase64Url(n))
  ])
  return {
    public_key: formatPublicKey('ssh-rsa', key, comment),
    private_key: privateKey.export({ format: 'pem', type: 'pkcs1' }).toString()
  }
}

/** Generates a key pair in the formats of OpenSSH. */
export const createSshKey = (type: 'rsa' | 'ed25519', comment: string) =>
  type === 'rsa' ? createRsaKey(comment) : createEd25519Key(comment)
