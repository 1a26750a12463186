/** The types of openstack-client, as far as this driver uses it. The package has none of its own. */
declare module 'openstack-client' {
  export interface Endpoint {
    interface: string
    region?: string
    url: string
  }

  /** The token of Keystone's answer, with its text as `token`. */
  export interface Token {
    token: string
    catalog: Array<{ type: string, endpoints: Endpoint[] }>
    /** Interface of the endpoints to call; by default `public`. */
    interface?: string
  }

  /**
   * A call. The other arguments are the ids in the path, which get into the URL as they are, the
   * body (not for a GET), the query and the headers, in this order.
   */
  export type Action = (token: Token, region: string | null, ...rest: unknown[]) => Promise<unknown>

  /** The calls of one resource, by their names. */
  export type Calls<Name extends string> = Readonly<Record<Name, Action>>

  type Collection = Calls<'list' | 'show' | 'create' | 'update' | 'del'>

  export const nova: {
    /** `create` takes and returns `{ server }`, the others the content of it. */
    server: Collection & Calls<'attachInterface' | 'detachInterface'>
    keypair: Collection
    serverDetail: Calls<'list'>
    serverAction: Calls<'create'>
    flavor: Collection
    flavorDetail: Calls<'list'>
    availabilityZone: Calls<'list'>
  }
  export const glance: { image: Collection }
  export const neutron: {
    network: Collection
    subnet: Collection
    port: Collection
    /** The calls for interfaces answer with the subnet and its port only. */
    router: Collection & Calls<'addInterface' | 'removeInterface'>
    floatingip: Collection
    securityGroup: Collection
    securityGroupRule: Collection
  }

  /**
   * Makes the calls of one resource: the usual ones that `only` lists, and others by method, path
   * below, and the name of the root that wraps body and answer (null: none).
   */
  export function defres<const Definition extends { only: readonly string[] }> (
    service: string,
    path: string,
    root: string | null,
    definition: Definition
  ): Calls<Definition['only'][number] | Exclude<keyof Definition & string, 'only'>>
}
