import { readAuthority } from '../settings.ts'
import {
  describe,
  type Connection,
  type Context,
  type ReadService,
  type ServiceName
} from '../driver.ts'
import { printableName } from '../common/ids.ts'
import {
  bind,
  cinderV1,
  createClient,
  createKeyPairs,
  createSizes,
  createSnapshots,
  hideMissing,
  keyPairCapabilities,
  resources
} from '../openstack/public.ts'
import type { Size } from '../../openapi/model/index.ts'
import { capabilities as imageCapabilities, createImages } from './images.ts'
import { capabilities as networkCapabilities, createNetworks } from './networks.ts'
import { capabilities as nodeCapabilities, createNodes } from './nodes.ts'
import { createQuotas } from './quotas.ts'
import { retryOverLimit } from './rate-limit-retry.ts'
import { createSession } from './session.ts'
import type { Settings } from './settings.ts'
import {
  capabilities as volumeCapabilities,
  createVolumes,
  createVolumeTypes,
  snapshotCapabilities
} from './volumes.ts'

/**
 * The guides promise UUIDs only for some resources, and stand-ins of this cloud for none. `detail`
 * is excluded because it is a path of the lists.
 */
const id = /^(?!detail$)[^\p{C}/]{1,255}$/u

const ids = {
  nodes: id,
  images: id,
  sizes: id,
  key_pairs: printableName,
  networks: id,
  volumes: id,
  volume_types: id,
  snapshots: id
}

const capabilities: Connection['capabilities'] = {
  nodes: nodeCapabilities,
  images: imageCapabilities,
  sizes: describe<ReadService<Size>>({ list: { limits: { limit: 1000 } } }),
  key_pairs: keyPairCapabilities,
  networks: networkCapabilities,
  volumes: volumeCapabilities,
  snapshots: snapshotCapabilities
}

/**
 * Connects to an account in one region, without a call. Throws an Error if the file of the
 * certificate authority cannot be read.
 */
export function connect (settings: Settings, context: Context): Connection {
  const { verify, cacert } = settings
  const { cloud, timeout } = context
  const ca = cacert === undefined ? undefined : readAuthority(cacert, 'cacert', cloud)
  const http = retryOverLimit(context.http({ verify, ca }), timeout)
  const session = createSession(settings, http, context)
  // Rackspace's Nova is older than microversions.
  const client = createClient({ session, http, timeout, microversions: false })
  const servers = bind(client, resources.server, { service: 'compute' })
  const region = () => session.region() ?? settings.region ?? null
  const identifyIn = (collection: ServiceName) => (id: string) =>
    context.identify(collection, id, region())

  const connection: Connection = {
    cloud,
    driver: 'rackspace',
    host: new URL(settings.auth_url).host,
    get location () {
      return region()
    },
    ids,
    capabilities,
    nodes: createNodes(client, identifyIn('nodes')),
    images: createImages(client, identifyIn('images')),
    sizes: createSizes(client, identifyIn('sizes')),
    key_pairs: createKeyPairs(client, identifyIn('key_pairs')),
    networks: createNetworks(client, identifyIn('networks')),
    volumes: createVolumes(client, identifyIn('volumes')),
    volume_types: createVolumeTypes(client, identifyIn('volume_types')),
    snapshots: createSnapshots(client, identifyIn('snapshots'), cinderV1),
    quotas: createQuotas(client),
    /** Lists a server, which proves that the account, the region and the token are right. */
    async check (call) {
      await servers.list({ limit: 1 }, call)
    },
    refresh: () => session.refresh(),
    close: () => http.close()
  }
  return hideMissing(connection, session.hasService, {
    volumes: 'volume',
    volume_types: 'volume',
    snapshots: 'volume'
  })
}
