import type { Test } from 'tap'
import type { Target } from '../../conformance/context.ts'
import { build } from '../../helper/app.ts'
import { openstackLab } from './lab.ts'

type Lab = Awaited<ReturnType<typeof openstackLab>>

/** The settings of a cloud that is the lab, as this user. */
export const labCloud = (lab: Lab, user: 'demo' | 'tight' | 'admin' = 'demo', settings: object = {}) => ({
  driver: 'openstack',
  auth: { auth_url: lab.authUrl, ...lab.users[user] },
  region_name: lab.region,
  // The tests change the lab behind the server, and read the change at once.
  cache_seconds: 0,
  catalog_cache_seconds: 0,
  ...settings
})

/** A server on the lab, with the ids that a create needs. */
export async function buildOnLab (t: Test, clouds?: (lab: Lab) => Record<string, object>) {
  const lab = await openstackLab()
  const { images } = await lab.api('demo', 'image', 'GET', '/v2/images?name=cirros-fake')
  const { networks } = await lab.api('demo', 'network', 'GET', '/v2.0/networks?name=private')
  const { networks: external } = await lab.api('demo', 'network', 'GET', '/v2.0/networks?name=public')
  const { networks: tight } = await lab.api('tight', 'network', 'GET', '/v2.0/networks?name=tight-net')
  const served = await build(t, {
    clouds: clouds?.(lab) ?? { default: labCloud(lab), tight: labCloud(lab, 'tight') },
    settings: { operations: { reconcile_seconds: 1 } },
    listen: true
  })
  return {
    ...served,
    lab,
    image_id: String(images[0].id),
    network_id: String(networks[0].id),
    external_network_id: String(external[0].id),
    tight_network_id: String(tight[0].id)
  }
}

type Served = Awaited<ReturnType<typeof buildOnLab>>

/** The lab as a target of the conformance suite. */
export const toTarget = (served: Served): Target => ({
  app: served.app,
  api: served.api,
  cloud: 'default',
  tightCloud: 'tight',
  tightCreate: { networks: [{ network_id: served.tight_network_id }] },
  image_id: served.image_id,
  size_id: '1',
  other_size_id: '2',
  impossible_size_id: '99',
  external_network_id: served.external_network_id,
  create: { networks: [{ network_id: served.network_id }] }
})
