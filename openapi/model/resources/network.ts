import type { Static } from '#typebox'
import {
  Cidr,
  inputObject,
  integer,
  Name,
  nameAndTagsPatch,
  nullableBoolean,
  nullableInteger,
  openEnum,
  patchObject,
  resourceModel,
  strings,
  Tags
} from '../common.ts'
import { model } from '../model.ts'
import { pageOf } from '../page.ts'

export const networkStates = [
  'pending',
  'available',
  'down',
  'error',
  'deleting',
  'unknown'
] as const
export type NetworkState = typeof networkStates[number]
export const NetworkState = model(
  'NetworkState',
  openEnum(networkStates, 'The state of a network, subnet or router.')
)

export type Network = Static<typeof Network>
export const Network = resourceModel(
  'Network',
  'A private network: an EC2 VPC, an OpenStack network.',
  {
    state: NetworkState,
    cidrs: strings('The address blocks of all subnets of the network.'),
    is_external: nullableBoolean('Whether the network connects to the outside.'),
    shared: nullableBoolean('Whether other accounts can use the network.'),
    mtu: nullableInteger(),
    subnet_ids: strings('Ids of the subnets of the network.')
  }
)

export const NetworkPage = pageOf('NetworkPage', Network)

export type NetworkCreate = Static<typeof NetworkCreate>
export const NetworkCreate = model(
  'NetworkCreate',
  inputObject({ name: Name }, {
    cidr: Cidr,
    mtu: integer({ minimum: 68, maximum: 65535 }),
    tags: Tags
  })
)

export type NetworkUpdate = Static<typeof NetworkUpdate>
export const NetworkUpdate = model('NetworkUpdate', patchObject(nameAndTagsPatch))
