import { Type, type Static } from '#typebox'
import {
  Cidr,
  Id,
  inputObject,
  Ip,
  IpVersion,
  Name,
  nameAndTagsPatch,
  nullable,
  nullableString,
  patchObject,
  resourceModel,
  strings,
  Tags
} from '../common.ts'
import { model } from '../model.ts'
import { pageOf } from '../page.ts'
import { NetworkState } from './network.ts'

export type Subnet = Static<typeof Subnet>
export const Subnet = resourceModel('Subnet', 'A block of addresses in a network.', {
  state: NetworkState,
  network_id: nullableString(),
  cidr: nullableString(),
  ip_version: IpVersion,
  gateway_ip: nullableString(),
  dns_servers: strings('Addresses of the name servers that the nodes of the subnet use.'),
  availability_zone: nullableString()
})

export const SubnetPage = pageOf('SubnetPage', Subnet)

const changeable = {
  gateway_ip: nullable(Ip),
  dns_servers: Type.Array(Ip, { maxItems: 10 })
}

export type SubnetCreate = Static<typeof SubnetCreate>
export const SubnetCreate = model(
  'SubnetCreate',
  inputObject({
    network_id: Id('Network of the subnet.', 'networks'),
    cidr: Cidr
  }, {
    name: Name,
    ...changeable,
    availability_zone: Id(
      'Zone of the subnet, if subnets of the cloud belong to zones.',
      'locations'
    ),
    tags: Tags
  })
)

export type SubnetUpdate = Static<typeof SubnetUpdate>
export const SubnetUpdate = model(
  'SubnetUpdate',
  patchObject({
    ...nameAndTagsPatch,
    ...changeable
  })
)
