import type { Connection, Context } from '../driver.ts'
import { readCredentials } from './client/credentials.ts'
import { amazon, createClient, type Client, type Cloud, type Dialect } from './client/index.ts'
import { readInstanceTypes } from './compute/instance-types.ts'
import { createOptions, toParameters } from './compute/node-options.ts'
import { createPrices } from './compute/prices.ts'
import { createServices, type ServiceOptions } from './services.ts'
import type { Settings } from './settings.ts'

/** Amazon's ids: the word of the kind, and 8 or 17 hexadecimal digits. */
const idPattern = (word: string) => new RegExp(`^(${word})-[0-9a-f]{8,17}$`)
const namePattern = /^[\w.-]{1,255}$/

export const ids: Readonly<Record<string, RegExp>> = {
  nodes: idPattern('i'),
  images: idPattern('ami'),
  sizes: namePattern,
  locations: namePattern,
  key_pairs: /^[^\p{C}]{1,255}$/u,
  networks: idPattern('vpc'),
  subnets: idPattern('subnet'),
  routers: idPattern('rtb'),
  security_groups: idPattern('sg'),
  floating_ips: idPattern('eipalloc'),
  volumes: idPattern('vol'),
  volume_types: namePattern,
  snapshots: idPattern('snap')
}

/** Returns Amazon's host of a region. */
const hostOf = (region: string) =>
  `ec2.${region}.amazonaws.com${region.startsWith('cn-') ? '.cn' : ''}`

/** Connects to Amazon EC2: one account in one region. Sends nothing. Throws an Error if `ca` cannot be read. */
export function connect (settings: Settings, context: Context): Connection {
  const { location, endpoint, ca, verify, prices, recommended_images: recommendedImages } = settings
  const credentials = () => readCredentials(settings, context.secrets)
  const client = createClient({ region: location, endpoint, ca, verify, credentials }, context)
  const cloud = createCloud(client, amazon, location, context)
  const priceOf = createPrices(prices)
  return createConnection(cloud, context, {
    ids,
    host: endpoint === undefined ? hostOf(location) : new URL(endpoint).host,
    createOptions,
    toParameters,
    readSizes: (call) => readInstanceTypes(cloud, priceOf, call),
    recommendedImages
  })
}

export const createCloud = (
  client: Client,
  dialect: Dialect,
  location: string,
  { identify }: Context
): Cloud => ({
  client,
  dialect,
  location,
  identify: (service) => (id) => identify(service, id, location)
})

interface ConnectionOptions extends ServiceOptions, Pick<Connection, 'ids' | 'host'> {}

/** Creates the connection of a cloud that speaks Amazon's protocol. */
export function createConnection (
  cloud: Cloud,
  context: Context,
  { ids, host, ...options }: ConnectionOptions
): Connection {
  const { client, dialect, location } = cloud
  const { services, capabilities, refresh } = createServices(cloud, options)
  return {
    cloud: context.cloud,
    driver: dialect.driver,
    host,
    location,
    ids,
    capabilities,
    protects: 'destroy',
    ...services,

    async check (call) {
      await client.read('DescribeAvailabilityZones', {}, call)
    },
    refresh () {
      client.refresh()
      refresh()
    },
    close: () => client.close()
  }
}
