/** What this driver uses of openstack-client, which has no types of its own. All calls are positional. */
declare module 'openstack-client' {
  export interface Endpoint {
    interface: string
    region?: string
    url: string
  }

  /** The token of Keystone's answer, with its text under `token`. */
  export interface Token {
    token: string
    catalog: Array<{ type: string, endpoints: Endpoint[] }>
    /** Interface of the endpoints to call; `public` where not given. */
    interface?: string
  }

  type Params = Record<string, unknown> | null
  type Headers = Record<string, string>

  /** A call without a body; `Ids` fill the places of the path, and get into the URL as they are. */
  export type Read<Ids extends string[] = []> =
    (token: Token, region: string | null, ...rest: [...Ids, params: Params, headers: Headers]) => Promise<unknown>
  /** A call with a body. */
  export type Write<Ids extends string[] = []> =
    (token: Token, region: string | null, ...rest: [...Ids, body: unknown, params: Params, headers: Headers]) => Promise<unknown>

  /** Any of them. */
  export type Action = (token: Token, region: string | null, ...rest: never[]) => Promise<unknown>

  export interface Collection {
    list: Read
    show: Read<[id: string]>
    create: Write
    update: Write<[id: string]>
    del: Write<[id: string]>
  }

  export const nova: {
    /** `create` takes and gives `{ server }`, the others what is in it. */
    server: Collection & { attachInterface: Write<[id: string]>, detachInterface: Write<[id: string, port: string]> }
    keypair: Collection
    serverDetail: Pick<Collection, 'list'>
    serverAction: { create: Write<[id: string]> }
    flavor: Collection
    flavorDetail: Pick<Collection, 'list'>
    availabilityZone: Pick<Collection, 'list'>
  }
  export const glance: { image: Collection }
  export const neutron: {
    network: Collection
    subnet: Collection
    port: Collection
    /** Both calls answer with no more than the subnet and its port. */
    router: Collection & { addInterface: Write<[id: string]>, removeInterface: Write<[id: string]> }
    floatingip: Collection
    securityGroup: Collection
    securityGroupRule: Collection
  }

  /**
   * Makes the calls of one resource: `actions` maps each to method, path below, and the name of the root that its body
   * and its answer are wrapped in (null: none).
   */
  export function defres<T> (service: string, path: string, singular: string | null,
    actions: { only: string[] } & Record<string, unknown>): T
}
