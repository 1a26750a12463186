/** The types of oidc-provider, as far as the lab uses it. The package has none of its own. */
declare module 'oidc-provider' {
  import type { RequestListener } from 'node:http'

  export default class Provider {
    constructor (issuer: string, configuration: object)
    callback (): RequestListener
  }
}
