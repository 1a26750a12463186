import type { RunInstancesCommandInput } from '@aws-sdk/client-ec2'
import type { TObject } from '#typebox'
import type { Size } from '../../openapi/model/index.ts'
import type { Call } from '../call.ts'
import type { Connection, Services } from '../driver.ts'
import { createDefaultZone, type Cloud } from './client/index.ts'
import { createKeyPairs, describeKeyPairs } from './compute/key-pairs.ts'
import { createLocations } from './compute/locations.ts'
import { createNodes, describeNodes } from './compute/nodes.ts'
import { createQuotas } from './compute/quotas.ts'
import { createSizes } from './compute/sizes.ts'
import { defaultRecommended, type Recommended } from './image/image-sources.ts'
import { createImages, imageCapabilities } from './image/images.ts'
import { createFloatingIps, describeFloatingIps } from './network/floating-ips.ts'
import { createNetworks, networkCapabilities } from './network/networks.ts'
import { createRouters, routerCapabilities } from './network/routers.ts'
import { createSecurityGroups, describeSecurityGroups } from './network/security-groups.ts'
import { createSubnets, subnetCapabilities } from './network/subnets.ts'
import { createSnapshots, snapshotCapabilities } from './storage/snapshots.ts'
import { createVolumeTypes } from './storage/volume-types.ts'
import { createVolumes, volumeCapabilities } from './storage/volumes.ts'

/** The differences between the drivers that a dialect does not express. */
export interface ServiceOptions {
  /** Schema of the driver's own options of a node's creation. */
  createOptions: TObject
  /** Translates those options into parameters of RunInstances. */
  toParameters: (options: Record<string, unknown>) => Partial<RunInstancesCommandInput>
  /** Reads all sizes. Each cloud lists them in its own way. */
  readSizes: (call: Call) => Promise<Size[]>
  /** Images of other accounts that lists include; by default Amazon's recommended ones. */
  recommendedImages?: Recommended
}

/** Creates the services of a cloud. `refresh` drops what they cache of its catalog. */
export function createServices (
  cloud: Cloud,
  { createOptions, toParameters, readSizes, recommendedImages = defaultRecommended }: ServiceOptions
) {
  const { client, dialect } = cloud
  const defaultZone = createDefaultZone(client)
  const sizes = createSizes(readSizes)

  const services: Services = {
    nodes: createNodes({ cloud, toParameters, hasSize: sizes.has }),
    images: createImages({ cloud, recommended: recommendedImages }),
    sizes: sizes.service,
    locations: createLocations(cloud),
    key_pairs: createKeyPairs(cloud),
    networks: createNetworks(cloud),
    subnets: createSubnets(cloud),
    routers: createRouters(cloud),
    security_groups: createSecurityGroups(cloud),
    floating_ips: createFloatingIps(cloud),
    volumes: createVolumes(cloud, defaultZone),
    volume_types: dialect.volumeTypes ? createVolumeTypes(cloud) : undefined,
    snapshots: createSnapshots(cloud),
    quotas: createQuotas(cloud)
  }

  const capabilities: Connection['capabilities'] = {
    nodes: describeNodes(dialect, createOptions),
    images: imageCapabilities,
    key_pairs: describeKeyPairs(dialect),
    networks: networkCapabilities,
    subnets: subnetCapabilities,
    routers: routerCapabilities,
    security_groups: describeSecurityGroups(dialect),
    floating_ips: describeFloatingIps(dialect),
    volumes: volumeCapabilities,
    snapshots: snapshotCapabilities
  }

  const refresh = () => {
    sizes.refresh()
    defaultZone.refresh()
  }

  return { services, capabilities, refresh }
}
