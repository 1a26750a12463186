import type { Connection, Context } from '../driver.ts'
import {
  createClient, createNetworkServices, createNodes, createPrices, createStorage, ids, makeConnection, networkPartsOf,
  type Cloud, type PriceOf
} from '../ec2/public.ts'
import { capabilityDetails } from './capabilities.ts'
import { dialect } from './dialect.ts'
import { toParameters } from './node-options.ts'
import type { Settings } from './settings.ts'
import { readSizes } from './sizes.ts'

/** The SDK fills it in; Eucalyptus 4 refuses it there with 400, and knows it of RunInstances alone. */
const noToken = ['ClientToken']

/** Ids have the kind's word and 8 or 17 digits, and are the same in capitals (seen in its sources); images have words of their own. */
const ownIds = {
  ...Object.fromEntries(Object.entries(ids).map(([service, { source, flags }]) => [service, new RegExp(source, `${flags}i`)])),
  images: /^e[mkr]i-[0-9a-f]{8,17}$/i
}

/** Connects to a cloud of Eucalyptus, without a call. Throws an Error where `ca` cannot be read. */
export function connect (settings: Settings, context: Context): Connection {
  const { host, port, path, secure, location, ca, verify, session_token: token } = settings
  const credentials = {
    accessKeyId: settings.access_key_id,
    secretAccessKey: settings.secret_access_key,
    ...(token === undefined ? {} : { sessionToken: token })
  }
  const client = createClient({
    region: location,
    endpoint: `${secure ? 'https' : 'http'}://${host}:${port}${path}`,
    ca,
    verify,
    credentials: async () => credentials,
    strip: { CreateVolume: noToken, CreateRouteTable: noToken, CreateNetworkInterface: noToken, CreateSnapshot: noToken }
  }, context)
  const cloud: Cloud = { client, dialect, location, identify: (service) => (id) => context.identify(service, id, location) }
  // Only the user knows what it costs.
  const priceOf: PriceOf = settings.prices === undefined ? () => null : createPrices(settings.prices)
  const { services, hasSize, forget } = createStorage(cloud, {
    readSizes: (call) => readSizes(cloud, priceOf, call),
    recommendedImages: 'all',
    volumeTypes: false
  })
  return makeConnection(cloud, context, {
    ids: ownIds,
    host: `${host}:${port}`,
    details: capabilityDetails,
    nodes: createNodes({ cloud, options: toParameters, hasSize, hibernation: false, parts: networkPartsOf(cloud) }),
    ...createNetworkServices(cloud),
    ...services,
    forget
  })
}
