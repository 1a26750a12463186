import type { Static } from '#typebox'
import {
  Id,
  inputObject,
  Ip,
  IpVersion,
  nullableString,
  openEnum,
  requireAny,
  resourceModel,
  Tags
} from '../common.ts'
import { model } from '../model.ts'
import { pageOf } from '../page.ts'
import { NetworkState } from './network.ts'

const purpose =
  'A public address that can move between nodes: an EC2 elastic IP, an OpenStack floating IP.'

export const floatingIpStates = ['available', 'associated', 'error', 'unknown'] as const

export type FloatingIp = Static<typeof FloatingIp>
export const FloatingIp = resourceModel('FloatingIp', purpose, {
  state: openEnum(floatingIpStates, 'Whether the address is associated with a node.'),
  address: nullableString(),
  version: IpVersion,
  pool: nullableString('Id of the pool of the address.'),
  node_id: nullableString(),
  nic_id: nullableString(),
  fixed_address: nullableString('The private address that it is mapped to.')
})

export const FloatingIpPage = pageOf('FloatingIpPage', FloatingIp)

export type FloatingIpCreate = Static<typeof FloatingIpCreate>
export const FloatingIpCreate = model(
  'FloatingIpCreate',
  inputObject({}, {
    pool: Id('Pool to take the address from. Default: the only pool.', 'floating-ip-pools'),
    tags: Tags
  })
)

export type FloatingIpAssociate = Static<typeof FloatingIpAssociate>
export const FloatingIpAssociate = model(
  'FloatingIpAssociate',
  inputObject({}, {
    node_id: Id(
      'Node to associate with. It is enough if exactly one NIC of the node is suitable.',
      'nodes'
    ),
    nic_id: Id('NIC to associate with.'),
    fixed_address: Ip
  }, requireAny('node_id', 'nic_id'))
)

export type FloatingIpPool = Static<typeof FloatingIpPool>
export const FloatingIpPool = resourceModel('FloatingIpPool', 'A pool of public addresses.', {
  state: NetworkState
})

export const FloatingIpPoolPage = pageOf('FloatingIpPoolPage', FloatingIpPool)
