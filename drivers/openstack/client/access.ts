import type { Token } from 'openstack-client'
import type { Call } from '../../call.ts'
import type { Service } from './catalog.ts'

/** What calls are made with, as long as a token lives. */
export interface Access {
  /** The secret that each call carries. */
  readonly token: string
  /** What openstack-client takes for one service. Throws where the catalog has no endpoint for it. */
  of (service: Service): Token
  /** Region of the compute endpoint; null where the cloud names none. */
  readonly region: string | null
  /** Id of the project that it is for, where the identity service tells it. */
  readonly project?: string
  /** To be set once a service has taken the token. */
  accepted: boolean
}

export interface Session {
  /** The present access; authenticates where there is none or it is about to end. Throws provider_auth_failed. */
  access (call: Call): Promise<Access>
  /** Access in the place of one that a service refused: one authentication for all that were refused. */
  renew (old: string, call: Call): Promise<Access>
  /** Region of the last access there was; null before the first. */
  region (): string | null
  refresh (): void
}

/** What openstack-client takes for the calls of some services, each with its URL: the choice of an endpoint is made before. */
export const toToken = (token: string, urls: Readonly<Record<string, string>>): Token => ({
  token, catalog: Object.entries(urls).map(([type, url]) => ({ type, endpoints: [{ interface: 'public', url }] }))
})
