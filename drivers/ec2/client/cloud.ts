import type { Identity, ServiceName } from '../../driver.ts'
import type { Client } from './client.ts'

/** The differences between the clouds that speak Amazon's protocol. */
export interface Dialect {
  /** Name of the driver, and of its `provider_options`. */
  driver: string
  /** Whether a create request accepts tags (`TagSpecification`). Otherwise tags are set after the creation. */
  tagsOnCreate: boolean
  /** Whether lists have pages (MaxResults and NextToken). Otherwise each list is one response. */
  paged: boolean
  /** Whether CreateVolume honors a ClientToken, so that it may be repeated. */
  volumeTokens: boolean
  /** Whether rules of security groups have ids (`DescribeSecurityGroupRules`), descriptions and IPv6. */
  ruleIds: boolean
  /** Whether key pairs show their public key and have a type. */
  keyTypes: boolean
  /** Whether volumes can grow (`ModifyVolume`). */
  volumeChanges: boolean
  /** Whether the cloud has Amazon's volume types. */
  volumeTypes: boolean
  /** Whether a node can be suspended. */
  hibernation: boolean
}

export const amazon: Dialect = {
  driver: 'ec2',
  tagsOnCreate: true,
  paged: true,
  volumeTokens: true,
  ruleIds: true,
  keyTypes: true,
  volumeChanges: true,
  volumeTypes: true,
  hibernation: true
}

/** One cloud, as its services use it. */
export interface Cloud {
  client: Client
  dialect: Dialect
  /** Region of the cloud. */
  location: string
  /** Returns the origin of a resource: `identify('volumes')('vol-…')`. */
  identify: (service: ServiceName) => (id: string) => Identity
}
