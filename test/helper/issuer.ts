import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { exportJWK, generateKeyPair, SignJWT, type JWTPayload } from 'jose'
import type { Test } from 'tap'

export interface Issuer {
  url: string
  /** How often its keys were fetched. */
  fetches: () => number
  /** Signs a token that is valid for five minutes, with the present key. */
  sign (claims?: JWTPayload, options?: SignOptions): Promise<string>
  /** Signs with a new key from now on. The old one stays published. */
  rotate (): Promise<void>
  /** Answers nothing but 503 while it is down. */
  setDown (isDown: boolean): void
  /** The public key in PEM. */
  publicPem: () => string
}

export interface SignOptions {
  kid?: string
  /** Seconds from now. */
  expires?: number
  notBefore?: number
  audience?: string
  issuer?: string
}

export const audience = 'orchestrator'

async function createKey (id: number) {
  const { privateKey, publicKey } = await generateKeyPair('RS256', { extractable: true })
  const kid = `key-${id}`
  return { kid, privateKey, publicKey, jwk: { ...await exportJWK(publicKey), kid, alg: 'RS256', use: 'sig' } }
}

/** Starts an issuer of OpenID Connect with discovery and keys, and without a page to sign in. */
export async function startIssuer (t: Test): Promise<Issuer> {
  const { KeyObject } = await import('node:crypto')
  const keys = [await createKey(1)]
  let fetches = 0
  let isDown = false
  const server = createServer((request, response) => {
    const send = (body: object) => response.setHeader('content-type', 'application/json').end(JSON.stringify(body))
    if (isDown) return response.writeHead(503).end()
    if (request.url === '/.well-known/openid-configuration') return send({ issuer: url, jwks_uri: `${url}/keys` })
    if (request.url !== '/keys') return response.writeHead(404).end()
    fetches++
    send({ keys: keys.map(({ jwk }) => jwk) })
  })
  await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve) })
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const present = () => keys.at(-1)!

  return {
    url,
    fetches: () => fetches,
    async sign (claims = {}, options = {}) {
      const { kid = present().kid, expires = 300, notBefore, audience: aud = audience, issuer = url } = options
      const now = Math.floor(Date.now() / 1000)
      const token = new SignJWT({ sub: 'ada', name: 'Ada', ...claims }).setProtectedHeader({ alg: 'RS256', kid })
        .setIssuer(issuer).setAudience(aud).setIssuedAt(now).setExpirationTime(now + expires)
      if (notBefore !== undefined) token.setNotBefore(now + notBefore)
      return token.sign(present().privateKey)
    },
    async rotate () { keys.push(await createKey(keys.length + 1)) },
    setDown (down) { isDown = down },
    publicPem: () => KeyObject.from(present().publicKey).export({ type: 'spki', format: 'pem' }) as string
  }
}
