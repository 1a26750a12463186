import { Type, type Static } from 'typebox'
import { nullable, nullableRef } from '../../openapi/model/index.ts'
import { collectionNames, collections, type CollectionName } from './collections.ts'
import { Departed, kept, record, StoredTags } from './record.ts'

const Fault = Type.Object({ code: Type.String(), message: Type.String() })

export type Stage = Static<typeof Stage>
/** What a node takes on at one moment of a change; what is not named stays. */
export const Stage = Type.Object({
  status: Type.Optional(Type.String()),
  task: Type.Optional(nullable(Type.String())),
  progress: Type.Optional(nullable(Type.Integer())),
  size_id: Type.Optional(Type.String()),
  image_id: Type.Optional(Type.String()),
  fault: Type.Optional(nullableRef(Fault)),
  /** Of a resize that is neither confirmed nor reverted: what the node was. */
  before: Type.Optional(nullableRef(Type.Object({ status: Type.String(), size_id: Type.String() }))),
  /** Set where the node is started at this moment. */
  launched: Type.Optional(Type.Boolean()),
  /** Set where the node ceases to be at this moment. */
  gone: Type.Optional(Type.Boolean())
})

export type Step = StoredNode['steps'][number]

export interface Nic {
  id: string
  network_id: string
  subnet_id: string
  address: string
  security_group_ids: string[]
  /** The floating IP that stands for its address. */
  floating: { id: string, address: string } | null
}

/** State files of old have less of a NIC; `upgradeNode` fills it in. */
const Nic = Type.Unsafe<Nic>(Type.Object({
  id: Type.String(),
  network_id: Type.String(),
  subnet_id: Type.Optional(Type.String()),
  address: Type.String(),
  security_group_ids: Type.Optional(Type.Array(Type.String())),
  floating: Type.Optional(nullableRef(Type.Object({ id: Type.String(), address: Type.String() })))
}))

const isWhole = ({ subnet_id: subnetId }: Partial<Nic>) => subnetId !== undefined

/** When NICs were less, each network had one subnet, and there was one security group. */
const upgradeNic = (nic: Nic): Nic =>
  ({ ...nic, subnet_id: nic.network_id.replace('net-', 'subnet-'), security_group_ids: ['sg-default'], floating: null })

/** A node as the state file has it, with whole NICs. */
export const upgradeNode = (node: StoredNode): StoredNode =>
  node.nics.every(isWhole) ? node : { ...node, nics: node.nics.map((nic) => isWhole(nic) ? nic : upgradeNic(nic)) }

export type StoredNode = Static<typeof StoredNode>
/** A node as this cloud keeps it, in Nova's words: what it is, and the steps that lie before it. */
export const StoredNode = Type.Object({
  ...record(Stage),
  name: Type.String(),
  status: Type.String(),
  task: nullable(Type.String()),
  progress: nullable(Type.Integer()),
  size_id: Type.String(),
  image_id: Type.String(),
  before: nullableRef(Type.Object({ status: Type.String(), size_id: Type.String() })),
  key_pair_name: nullable(Type.String()),
  availability_zone: Type.String(),
  nics: Type.Array(Nic),
  tags: StoredTags,
  protected: Type.Boolean(),
  fault: nullableRef(Fault),
  user_data_bytes: nullable(Type.Integer()),
  launched_at: nullable(Type.Number())
})

const others = Object.fromEntries(collectionNames.map((name) => [name, Type.Optional(kept(collections[name].schema))]))

/** A collection as the state file has it. Its records fit the schema of its definition. */
type KeptRecords = Static<ReturnType<typeof kept>>

export type StoredState = Static<typeof StoredState>
/** The content of the state file. */
export const StoredState = Type.Object({
  version: Type.Literal(1),
  next_seq: Type.Integer(),
  nodes: Type.Array(StoredNode),
  departed: Departed,
  collections: Type.Optional(Type.Unsafe<{ [Name in CollectionName]?: KeptRecords }>(Type.Object(others)))
})
