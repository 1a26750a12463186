import type { CapabilityDetails } from '../driver.ts'
import { networkDetailsOf, nodeDetails, storageDetailsOf } from '../ec2/public.ts'
import { dialect } from './dialect.ts'
import { createOptions } from './node-options.ts'

const ownOptions = ['provider_options', ...Object.keys(createOptions.properties).map((name) => `provider_options.eucalyptus.${name}`)]
const create = nodeDetails['nodes.create']!

/** What there is to say of each capability. */
export const capabilityDetails: Record<string, CapabilityDetails> = {
  ...nodeDetails,
  ...networkDetailsOf(dialect),
  ...storageDetailsOf(dialect),
  'nodes.create': { ...create, parameters: [...create.parameters ?? [], ...ownOptions] }
}
