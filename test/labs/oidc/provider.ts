import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { exportJWK, generateKeyPair, type JWK } from 'jose'
import Provider from 'oidc-provider'
import { request } from 'undici'

/** The audience of its access tokens. */
export const audience = 'https://orchestrator.example.test'

/** The client of a program, and the group that its tokens have. */
const program = { client_id: 'ci', client_secret: 'secret-of-the-lab' }

/** The public client by which people sign in. */
export const publicClient = 'docs'

/** The groups of people, by the names with which they sign in. */
const groups: Readonly<Record<string, string>> = { ada: 'team-a', ci: 'team-a' }

/** Seconds for which an access token is valid. */
const tokenSeconds = 3600

/** An OpenID provider of the package oidc-provider, a real server on loopback. */
export interface OpenIdProvider {
  url: string
  /** How often its keys were fetched. */
  fetches (): number
  /** Gets an access token by the client credentials of a program. */
  token (): Promise<string>
  /** Signs with a new key from now on. The keys before it stay published. */
  rotate (): Promise<void>
  /** Publishes only the key that signs. */
  removeOldKeys (): void
  /** Closes every connection unanswered while it is down. */
  setDown (isDown: boolean): void
  /** Redirect URIs of the public client. */
  setRedirectUris (uris: readonly string[]): void
  close (): Promise<void>
}

let keys = 0

async function createKey (): Promise<JWK> {
  const { privateKey } = await generateKeyPair('RS256', { extractable: true })
  return { ...await exportJWK(privateKey), kid: `lab-${++keys}`, alg: 'RS256', use: 'sig' }
}

const configurationOf = (jwks: readonly JWK[], redirectUris: readonly string[]) => ({
  jwks: { keys: jwks },
  clients: [
    { ...program, grant_types: ['client_credentials'], redirect_uris: [], response_types: [] },
    {
      client_id: publicClient,
      token_endpoint_auth_method: 'none',
      application_type: 'native',
      grant_types: ['authorization_code'],
      response_types: ['code'],
      redirect_uris: redirectUris
    }
  ],
  pkce: { required: () => true },
  // The page of another origin that signs in is the documentation of the server.
  clientBasedCORS: () => true,
  findAccount: (_ctx: unknown, sub: string) => ({ accountId: sub, claims: () => ({ sub }) }),
  extraTokenClaims: (_ctx: unknown, { accountId, clientId }: { accountId?: string, clientId: string }) => {
    const name = accountId ?? clientId
    return { name, groups: [groups[name] ?? 'none'] }
  },
  cookies: { keys: ['cookies-of-the-lab'] },
  ttl: {
    AccessToken: tokenSeconds,
    ClientCredentials: tokenSeconds,
    Grant: 3600,
    IdToken: 600,
    Interaction: 600,
    Session: 3600
  },
  features: {
    clientCredentials: { enabled: true },
    // Its own pages to sign in and to consent.
    devInteractions: { enabled: true },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => audience,
      // An access token for the server also where `openid` is asked for.
      useGrantedResource: () => true,
      getResourceServerInfo: () => ({
        scope: 'openid clouds',
        audience,
        accessTokenTTL: tokenSeconds,
        accessTokenFormat: 'jwt',
        jwt: { sign: { alg: 'RS256' } }
      })
    }
  }
})

/**
 * Starts the provider. As it reads its keys and clients at its start, a rotation makes a new one at the same address;
 * sessions and codes stay, as in a restart behind a store.
 */
export async function startOpenIdProvider (): Promise<OpenIdProvider> {
  let jwks = [await createKey()]
  let redirectUris: readonly string[] = []
  let fetches = 0
  let isDown = false
  const server = createServer((incoming, answer) => {
    if (isDown) return incoming.socket.destroy()
    if (incoming.url === '/jwks') fetches++
    return handle(incoming, answer)
  })
  await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve) })
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const create = () => new Provider(url, configurationOf(jwks, redirectUris)).callback()
  let handle = create()

  return {
    url,
    fetches: () => fetches,
    async token () {
      const { client_id: id, client_secret: secret } = program
      const { statusCode, body } = await request(`${url}/token`, {
        method: 'POST',
        headers: {
          authorization: `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}`,
          'content-type': 'application/x-www-form-urlencoded'
        },
        body: new URLSearchParams({ grant_type: 'client_credentials', resource: audience }).toString()
      })
      const answer = await body.json() as { access_token?: string }
      if (answer.access_token === undefined) {
        throw new Error(`The provider answered ${statusCode}: ${JSON.stringify(answer)}`)
      }
      return answer.access_token
    },
    async rotate () {
      jwks = [await createKey(), ...jwks]
      handle = create()
    },
    removeOldKeys () {
      jwks = jwks.slice(0, 1)
      handle = create()
    },
    setDown (down) { isDown = down },
    setRedirectUris (uris) {
      redirectUris = uris
      handle = create()
    },
    close: async () => new Promise<void>((resolve) => {
      server.close(() => { resolve() })
      server.closeAllConnections()
    })
  }
}
