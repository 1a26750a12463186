import { readAuthority } from '../authority.ts'
import type { Call } from '../call.ts'
import type { Connection, Context, ServiceName } from '../driver.ts'
import { cinderV1, createClient, createKeyPairs, createSizes, createSnapshots, hideMissing, resources } from '../openstack/public.ts'
import { details } from './capabilities.ts'
import { createImages } from './images.ts'
import { createNetworks } from './networks.ts'
import { createNodes } from './nodes.ts'
import { waitOverLimit } from './rate-limit-retry.ts'
import { createQuotas } from './quotas.ts'
import { createSession } from './session.ts'
import type { Settings } from './settings.ts'
import { createVolumeTypes } from './volume-types.ts'
import { createVolumes } from './volumes.ts'

/** The guides promise UUIDs of some things only, and stand-ins of this cloud keep to none; `detail` is a path of its lists. */
const id = /^(?!detail$)[^\p{C}/]{1,255}$/u

const ids = {
  nodes: id, images: id, sizes: id, key_pairs: /^[^\p{C}/]{1,255}$/u, networks: id, volumes: id, volume_types: id, snapshots: id
}

/** Connects to an account in one region, without a call. Throws an Error where the file of the certificate authority cannot be read. */
export function connect (settings: Settings, context: Context): Connection {
  const { verify, cacert } = settings
  const { cloud, timeout } = context
  const plain = context.http({
    ...(verify === undefined ? {} : { verify }), ...(cacert === undefined ? {} : { ca: readAuthority(cacert, 'cacert', cloud) })
  })
  const http = waitOverLimit(plain, timeout)
  const session = createSession(settings, http, timeout)
  // Rackspace's Nova is older than microversions: none is ever sent.
  const client = createClient({ session, http, timeout, microversions: false })
  const region = () => session.region() ?? settings.region ?? null
  const identifyIn = (collection: ServiceName) => (id: string) => context.identify(collection, id, region())

  const connection: Connection = {
    cloud,
    driver: 'rackspace',
    host: new URL(settings.auth_url).host,
    get location () { return region() },
    ids,
    details,
    nodes: createNodes(client, identifyIn('nodes')),
    images: createImages(client, identifyIn('images')),
    sizes: createSizes(client, identifyIn('sizes')),
    key_pairs: createKeyPairs(client, identifyIn('key_pairs')),
    networks: createNetworks(client, identifyIn('networks')),
    volumes: createVolumes(client, identifyIn('volumes')),
    volume_types: createVolumeTypes(client, identifyIn('volume_types')),
    snapshots: createSnapshots(client, identifyIn('snapshots'), cinderV1),
    quotas: createQuotas(client),
    /** A list shows that the account, the region and the token are right. */
    async check (call: Call) {
      await client.list({ service: 'compute' }, call, (token, none, headers) => resources.server.list(token, none, { limit: 1 }, headers))
    },
    refresh: () => session.refresh(),
    close: () => http.close()
  }
  return hideMissing(connection, session.hasService, { volumes: 'volume', volume_types: 'volume', snapshots: 'volume' })
}
