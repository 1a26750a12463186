import { Type, type Static, type TSchema } from 'typebox'
import { model } from './model.ts'
import { nullable, nullableRef, openEnum, Timestamp } from './common.ts'
import { Problem } from './problem.ts'
import { Node } from './node.ts'
import { Image, Location, Size } from './catalog.ts'
import { KeyPair } from './account.ts'
import { FloatingIp, FloatingIpPool, Network, Router, SecurityGroup, Subnet } from './network.ts'
import { Operation } from './operation.ts'
import { Snapshot, Volume, VolumeType } from './storage.ts'

export type Source = Static<typeof Source>
export const Source = model('Source', Type.Object({
  cloud: Type.String(),
  status: openEnum(['ok', 'partial', 'error', 'timeout'], 'How the cloud answered. partial: its items lack something, which `problem` tells.'),
  count: Type.Integer({ description: 'Its items on this page.' }),
  as_of: Timestamp('When the cloud said so.'),
  elapsed_ms: Type.Number(),
  problem: nullableRef(Problem)
}, { description: 'How one cloud answered.' }))

const pageOf = <T extends TSchema>(id: string, item: T) => model(id, Type.Object({
  items: Type.Array(item, { description: 'With `fields`, each item has only the fields asked for.' }),
  next_cursor: nullable(Type.String({ description: 'Where the next page begins. Only null ends a list: a page may be short or empty.' })),
  total: nullable(Type.Integer({ description: 'How many there are in all, or null where that is not known.' })),
  sources: Type.Array(Source)
}))

export const NodePage = pageOf('NodePage', Node)
export const ImagePage = pageOf('ImagePage', Image)
export const SizePage = pageOf('SizePage', Size)
export const LocationPage = pageOf('LocationPage', Location)
export const KeyPairPage = pageOf('KeyPairPage', KeyPair)
export const NetworkPage = pageOf('NetworkPage', Network)
export const SubnetPage = pageOf('SubnetPage', Subnet)
export const RouterPage = pageOf('RouterPage', Router)
export const SecurityGroupPage = pageOf('SecurityGroupPage', SecurityGroup)
export const FloatingIpPage = pageOf('FloatingIpPage', FloatingIp)
export const FloatingIpPoolPage = pageOf('FloatingIpPoolPage', FloatingIpPool)
export const VolumePage = pageOf('VolumePage', Volume)
export const VolumeTypePage = pageOf('VolumeTypePage', VolumeType)
export const SnapshotPage = pageOf('SnapshotPage', Snapshot)

export const OperationPage = model('OperationPage', Type.Object({
  items: Type.Array(Operation),
  next_cursor: nullable(Type.String({ description: 'Where the next page begins; null on the last.' })),
  total: nullable(Type.Integer())
}))

/** A page of any resource. */
export interface Page<T> {
  items: T[]
  next_cursor: string | null
  total: number | null
  sources: Source[]
}
