import type { Call } from '../call.ts'
import type { CapabilityDetails, Connection, Context, Services } from '../driver.ts'
import { capabilityDetails } from './capabilities.ts'
import { createClient } from './client/client.ts'
import { amazon, type Cloud } from './client/cloud.ts'
import { credentialsOf } from './client/credentials.ts'
import { readInstanceTypes } from './compute/instance-types.ts'
import { createNetworkServices, networkPartsOf } from './network/index.ts'
import { toParameters } from './compute/node-options.ts'
import { createNodes } from './compute/nodes.ts'
import { createPrices } from './compute/prices.ts'
import type { Settings } from './client/settings.ts'
import { createStorage } from './storage/index.ts'

/** Amazon's ids: a word for the kind, and 8 or 17 digits in hex. */
const idOf = (...words: string[]) => new RegExp(`^(${words.join('|')})-[0-9a-f]{8,17}$`)
const word = /^[\w.-]{1,255}$/
const printable = /^[^\p{C}]{1,255}$/u

export const ids: Readonly<Record<string, RegExp>> = {
  nodes: idOf('i'),
  images: idOf('ami'),
  sizes: word,
  locations: word,
  key_pairs: printable,
  networks: idOf('vpc'),
  subnets: idOf('subnet'),
  routers: idOf('rtb'),
  security_groups: idOf('sg'),
  floating_ips: idOf('eipalloc'),
  volumes: idOf('vol'),
  volume_types: word,
  snapshots: idOf('snap')
}

/** Host of the region, where no other address is given. */
const hostOf = (location: string) => `ec2.${location}.amazonaws.com${location.startsWith('cn-') ? '.cn' : ''}`

/** Connects to Amazon EC2, one account in one location, without a call. Throws an Error where `ca` cannot be read. */
export function connect (settings: Settings, context: Context): Connection {
  const { location, endpoint, ca, verify } = settings
  const client = createClient({ region: location, endpoint, ca, verify, credentials: () => credentialsOf(settings) }, context)
  const cloud: Cloud = {
    client, dialect: amazon, location, identify: (service) => (id) => context.identify(service, id, location)
  }
  const host = endpoint === undefined ? hostOf(location) : new URL(endpoint).host
  return makeConnection(cloud, context, { ids, host, details: capabilityDetails, ...createServices(cloud, settings) })
}

/** The services of Amazon, and how to forget what is kept of its catalog. */
function createServices (cloud: Cloud, { prices, recommended_images: recommendedImages }: Settings): Services & Pick<Parts, 'forget'> {
  const priceOf = createPrices(prices)
  const { services, hasSize, forget } = createStorage(cloud, {
    readSizes: (call) => readInstanceTypes(cloud, priceOf, call), recommendedImages, volumeTypes: true
  })
  return {
    nodes: createNodes({ cloud, options: toParameters, hasSize, hibernation: true, parts: networkPartsOf(cloud) }),
    ...createNetworkServices(cloud),
    ...services,
    forget
  }
}

interface Parts extends Services {
  ids: Readonly<Record<string, RegExp>>
  host: string
  details: Readonly<Record<string, CapabilityDetails>>
  /** Forgets what is kept of the cloud's catalog. */
  forget?: () => void
}

/** A connection of these services: healthy while the cloud lists its zones. */
export function makeConnection ({ client, dialect, location }: Cloud, { cloud }: Context, { forget, ...parts }: Parts): Connection {
  return {
    cloud,
    driver: dialect.driver,
    location,
    protects: 'destroy',
    ...parts,
    async check (call: Call) {
      await client.read((sdk) => new sdk.DescribeAvailabilityZonesCommand({}), call)
    },
    refresh () {
      client.refresh()
      forget?.()
    },
    close: () => client.close()
  }
}
