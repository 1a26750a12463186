import { Type, type Static } from '#typebox'
import {
  Id,
  inputObject,
  Ip,
  nullableBoolean,
  nullableString,
  requireAny,
  strings
} from '../common.ts'
import { model } from '../model.ts'
import { NetworkState } from './network.ts'
import { Address } from './node.ts'

export type Nic = Static<typeof Nic>
export const Nic = model(
  'Nic',
  Type.Object({
    id: Type.String(),
    network_id: nullableString(),
    subnet_id: nullableString(),
    mac: nullableString(),
    addresses: Type.Array(Address),
    security_group_ids: strings('Ids of the security groups of the NIC.'),
    primary: nullableBoolean(),
    state: NetworkState
  }, { description: 'A network interface of a node: an EC2 network interface, an OpenStack port.' })
)

export const NicList = model('NicList', Type.Object({ items: Type.Array(Nic) }))

export type NicCreate = Static<typeof NicCreate>
export const NicCreate = model(
  'NicCreate',
  inputObject({}, {
    network_id: Id('Network to attach to.', 'networks'),
    subnet_id: Id('Subnet to attach to.', 'subnets'),
    fixed_ip: Ip,
    security_group_ids: Type.Array(Id('Security group.', 'security-groups'), { maxItems: 50 })
  }, requireAny('network_id', 'subnet_id'))
)

export type NodeSecurityGroup = Static<typeof NodeSecurityGroup>
export const NodeSecurityGroup = model(
  'NodeSecurityGroup',
  inputObject({
    security_group_id: Id('Security group to add to every NIC of the node.', 'security-groups')
  })
)
