import type { Connection, Context } from '../driver.ts'
import {
  createClient,
  createCloud,
  createConnection,
  createPrices,
  ids,
  toCommonParameters,
  type Dialect
} from '../ec2/public.ts'
import { requireVpcs } from './network-mode.ts'
import { createOptions } from './node-options.ts'
import type { Settings } from './settings.ts'
import { readSizes } from './sizes.ts'

/** Eucalyptus 4 lacks these parts of Amazon's protocol. */
const dialect: Dialect = {
  driver: 'eucalyptus',
  tagsOnCreate: false,
  paged: false,
  volumeTokens: false,
  ruleIds: false,
  keyTypes: false,
  volumeChanges: false,
  volumeTypes: false,
  hibernation: false
}

/** The SDK sets it. Eucalyptus 4 knows it only for RunInstances, and refuses it elsewhere with 400. */
const clientToken = ['ClientToken']

/** Ids are case-insensitive (seen in the sources of Eucalyptus). Images have words of their own. */
const ownIds = {
  ...Object.fromEntries(
    Object.entries(ids).map((
      [service, { source, flags }]
    ) => [service, new RegExp(source, `${flags}i`)])
  ),
  images: /^e[mkr]i-[0-9a-f]{8,17}$/i
}

/** Connects to a Eucalyptus cloud. Sends nothing. Throws an Error if `ca` cannot be read. */
export function connect (settings: Settings, context: Context): Connection {
  const { host, port, path, secure, location, ca, verify, prices } = settings
  const credentials = {
    accessKeyId: settings.access_key_id,
    secretAccessKey: settings.secret_access_key,
    sessionToken: settings.session_token
  }
  const address = `${host}:${port}`
  const client = requireVpcs(
    createClient({
      region: location,
      endpoint: `${secure ? 'https' : 'http'}://${address}${path}`,
      ca,
      verify,
      credentials: async () => credentials,
      strip: {
        CreateVolume: clientToken,
        CreateRouteTable: clientToken,
        CreateNetworkInterface: clientToken,
        CreateSnapshot: clientToken
      }
    }, context),
    address,
    context
  )
  const cloud = createCloud(client, dialect, location, context)
  // Each cloud has its own prices, so there is no default table.
  const priceOf = prices === undefined ? () => null : createPrices(prices)
  return createConnection(cloud, context, {
    ids: ownIds,
    host: address,
    createOptions,
    toParameters: toCommonParameters,
    readSizes: (call) => readSizes(cloud, priceOf, call),
    recommendedImages: 'all'
  })
}
