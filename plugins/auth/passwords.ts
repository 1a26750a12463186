import { randomBytes, scrypt, timingSafeEqual, type ScryptOptions } from 'node:crypto'
import { promisify } from 'node:util'
import { createLimiter } from '../../drivers/common/limiter.ts'

/** OWASP's Password Storage Cheat Sheet: N=2^15, r=8, p=3. One hash needs 32 MiB and about 0.2 s. */
const parameters = { N: 2 ** 15, r: 8, p: 3 }
const keyLength = 32

/** More hashes at once would take the memory and the threads of the server. */
const limit = createLimiter(2)
const never = new AbortController().signal

const derive = promisify<string, Buffer, number, ScryptOptions, Buffer>(scrypt)

const hash = (password: string, salt: Buffer, { N, r, p }: typeof parameters) =>
  limit(
    () => derive(password.normalize('NFKC'), salt, keyLength, { N, r, p, maxmem: 256 * N * r }),
    never
  )

/** Returns the text that the store keeps: `scrypt$N$r$p$salt$hash`. */
export async function hashPassword (password: string): Promise<string> {
  const salt = randomBytes(16)
  const { N, r, p } = parameters
  const key = await hash(password, salt, parameters)
  return ['scrypt', N, r, p, salt.toString('base64url'), key.toString('base64url')].join('$')
}

/** Compares a password with the text that the store keeps, in constant time. */
export async function isPassword (password: string, stored: string): Promise<boolean> {
  const [, N, r, p, salt = '', expected = ''] = stored.split('$')
  const options = { N: Number(N), r: Number(r), p: Number(p) }
  const key = await hash(password, Buffer.from(salt, 'base64url'), options)
  return timingSafeEqual(key, Buffer.from(expected, 'base64url'))
}
