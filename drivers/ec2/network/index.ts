import type { NodeService, Services } from '../../driver.ts'
import type { Cloud } from '../client/cloud.ts'
import { createFloatingIps } from './floating-ips.ts'
import { createNetworks } from './networks.ts'
import { createNics } from './nics.ts'
import { createNodeGroups } from '../compute/node-security-groups.ts'
import { createRouters } from './routers.ts'
import { createSecurityGroups } from './security-groups.ts'
import { createSubnets } from './subnets.ts'

type NetworkServices = Required<Pick<Services, 'networks' | 'subnets' | 'routers' | 'security_groups' | 'floating_ips'>>

/** Networks and what belongs to them. */
export const createNetworkServices = (cloud: Cloud): NetworkServices => ({
  networks: createNetworks(cloud),
  subnets: createSubnets(cloud),
  routers: createRouters(cloud),
  security_groups: createSecurityGroups(cloud),
  floating_ips: createFloatingIps(cloud)
})

/** What of the network hangs on nodes: their NICs and the security groups on those. */
export const networkPartsOf = (cloud: Cloud): Partial<NodeService> => ({ ...createNics(cloud), ...createNodeGroups(cloud) })
