import type { Identity, ServiceName } from '../../driver.ts'
import type { Client } from './client.ts'

/** In what the clouds that speak Amazon's protocol differ. */
export interface Dialect {
  /** Name of the driver, under which its `provider_options` are. */
  driver: string
  /** Whether a create takes its tags with it (`TagSpecification`); otherwise they are set afterwards. */
  tagsOnCreate: boolean
  /** Whether lists are paged by MaxResults and NextToken; otherwise each comes whole. */
  paged: boolean
  /** Whether CreateVolume heeds a ClientToken, so that it may be repeated. */
  volumeTokens: boolean
  /** Whether rules of security groups have ids of their own (`DescribeSecurityGroupRules`), descriptions and IPv6. */
  ruleIds: boolean
  /** Whether key pairs tell their public key and have a type of choice. */
  keyTypes: boolean
  /** Whether volumes can be changed while they are there (`ModifyVolume`). */
  volumeChanges: boolean
}

export const amazon: Dialect = {
  driver: 'ec2', tagsOnCreate: true, paged: true, volumeTokens: true, ruleIds: true, keyTypes: true, volumeChanges: true
}

/** What each service is made of. */
export interface Cloud {
  client: Client
  dialect: Dialect
  /** Region of the cloud. */
  location: string
  /** Origin of a resource: `identify('volumes')('vol-…')`. */
  identify: (service: ServiceName) => (id: string) => Identity
}
