import { Type, type Static, type TObject, type TProperties } from 'typebox'
import { nullable, nullableRef } from '../../../openapi/model/index.ts'

/*
 * The schemas of the state file. To add a collection, write the schema of its records with `record` and add it to
 * `schemas`. It is then `store.<name>` and part of the state file. State files without it stay readable: the collection
 * then starts with the records of seed.ts.
 */

/** The fields that a record takes at one moment of a change. `gone` ends it, `launched` sets `launched_at`. */
type StageOf<Fields extends TProperties> =
  Partial<Static<TObject<Fields>>> & { gone?: boolean, launched?: boolean }

/** Creates the schema of a record with the fields that all records have. */
function record<Fields extends TProperties> (fields: Fields) {
  const flags = { gone: Type.Optional(Type.Boolean()), launched: Type.Optional(Type.Boolean()) }
  const stage = Type.Object({ ...Type.Partial(Type.Object(fields)).properties, ...flags })
  return Type.Object({
    /** The position in the order of creation. A collection never uses a number twice. */
    seq: Type.Integer(),
    id: Type.String(),
    /** Future changes in order. All times are milliseconds since 1970. */
    steps: Type.Array(Type.Object({ at: Type.Number(), then: Type.Unsafe<StageOf<Fields>>(stage) })),
    created_at: Type.Number(),
    updated_at: Type.Number(),
    /** The id of the operation that created the record. It identifies a create whose answer was lost. */
    operation: nullable(Type.String()),
    ...fields
  })
}

const Tags = Type.Unsafe<Record<string, string>>({ type: 'object', additionalProperties: { type: 'string' } })

const Fault = Type.Object({ code: Type.String(), message: Type.String() })
const BeforeResize = Type.Object({ status: Type.String(), size_id: Type.String() })

export interface NicRecord {
  id: string
  network_id: string
  subnet_id: string
  address: string
  security_group_ids: string[]
  /** The floating IP that is associated with the address. */
  floating: { id: string, address: string } | null
}

/** Old state files lack the optional fields; `upgradeNode` adds them. */
const NicRecord = Type.Unsafe<NicRecord>(Type.Object({
  id: Type.String(),
  network_id: Type.String(),
  subnet_id: Type.Optional(Type.String()),
  address: Type.String(),
  security_group_ids: Type.Optional(Type.Array(Type.String())),
  floating: Type.Optional(nullableRef(Type.Object({ id: Type.String(), address: Type.String() })))
}))

const isComplete = ({ subnet_id: subnetId }: Partial<NicRecord>) => subnetId !== undefined

/** In an old state file each network has one subnet, and there is one security group. */
const upgradeNic = (nic: NicRecord): NicRecord => ({
  ...nic,
  subnet_id: nic.network_id.replace('net-', 'subnet-'),
  security_group_ids: ['sg-default'],
  floating: null
})

/** Completes the NICs of a node from an old state file. */
export const upgradeNode = (node: NodeRecord): NodeRecord => node.nics.every(isComplete)
  ? node
  : { ...node, nics: node.nics.map((nic) => isComplete(nic) ? nic : upgradeNic(nic)) }

export type NodeRecord = Static<typeof NodeRecord>
/** A node, with Nova's statuses. */
const NodeRecord = record({
  name: Type.String(),
  status: Type.String(),
  task: nullable(Type.String()),
  progress: nullable(Type.Integer()),
  size_id: Type.String(),
  image_id: Type.String(),
  /** The node before a resize that is neither confirmed nor reverted. */
  before: nullableRef(BeforeResize),
  key_pair_name: nullable(Type.String()),
  availability_zone: Type.String(),
  nics: Type.Array(NicRecord),
  tags: Tags,
  protected: Type.Boolean(),
  fault: nullableRef(Fault),
  user_data_bytes: nullable(Type.Integer()),
  launched_at: nullable(Type.Number())
})

export type NodeStep = NodeRecord['steps'][number]
export type NodeStage = NodeStep['then']

const Attachment = Type.Object({
  node_id: Type.String(),
  device: Type.String(),
  /** Whether the volume is deleted with its node. */
  delete_on_termination: Type.Boolean()
})

export type VolumeRecord = Static<typeof VolumeRecord>
/** A volume, with Cinder's statuses. Sizes are GiB. */
const VolumeRecord = record({
  name: nullable(Type.String()),
  status: Type.String(),
  tags: Tags,
  size: Type.Integer(),
  type: Type.String(),
  availability_zone: Type.String(),
  bootable: Type.Boolean(),
  snapshot_id: nullable(Type.String()),
  image_id: nullable(Type.String()),
  attachment: nullableRef(Attachment)
})

export type SnapshotRecord = Static<typeof SnapshotRecord>
/** A snapshot, with Cinder's statuses. Its size is GiB. */
const SnapshotRecord = record({
  name: nullable(Type.String()),
  status: Type.String(),
  tags: Tags,
  volume_id: Type.String(),
  size: Type.Integer(),
  progress: Type.Integer(),
  description: nullable(Type.String())
})

export type ImageRecord = Static<typeof ImageRecord>
/** An image of the account, with Glance's statuses. */
const ImageRecord = record({
  name: Type.String(),
  status: Type.String(),
  tags: Tags,
  min_ram: Type.Integer(),
  min_disk: Type.Integer(),
  size_bytes: nullable(Type.Integer()),
  architecture: nullable(Type.String()),
  os: Type.Object({
    family: nullable(Type.String()), distro: nullable(Type.String()), version: nullable(Type.String())
  }),
  visibility: Type.String(),
  is_snapshot: Type.Boolean(),
  disk_format: nullable(Type.String()),
  /** SHA-256 of an uploaded file in hexadecimal digits. The file itself is not kept. */
  checksum: nullable(Type.String())
})

export type KeyPairRecord = Static<typeof KeyPairRecord>
/** A key pair. Its id is its name. The private key is not kept. */
const KeyPairRecord = record({ type: Type.String(), fingerprint: Type.String(), public_key: Type.String() })

export type NetworkRecord = Static<typeof NetworkRecord>
const NetworkRecord = record({
  name: Type.String(),
  tags: Tags,
  /** An external network belongs to the cloud. */
  external: Type.Boolean(),
  mtu: Type.Integer(),
  subnets: Type.Array(Type.Object({ id: Type.String(), cidr: Type.String() }))
})

export type SubnetRecord = Static<typeof SubnetRecord>
const SubnetRecord = record({
  name: nullable(Type.String()),
  tags: Tags,
  network_id: Type.String(),
  cidr: Type.String(),
  gateway_ip: nullable(Type.String()),
  dns_servers: Type.Array(Type.String())
})

export type RouterRecord = Static<typeof RouterRecord>
const RouterRecord = record({
  name: Type.String(),
  tags: Tags,
  external_network_id: nullable(Type.String()),
  subnet_ids: Type.Array(Type.String())
})

export type RuleRecord = Static<typeof RuleRecord>
const RuleRecord = Type.Object({
  id: Type.String(),
  direction: Type.Enum(['ingress', 'egress']),
  ethertype: Type.Enum(['IPv4', 'IPv6']),
  protocol: nullable(Type.String()),
  port_min: nullable(Type.Integer()),
  port_max: nullable(Type.Integer()),
  icmp_type: nullable(Type.Integer()),
  icmp_code: nullable(Type.Integer()),
  cidr: nullable(Type.String()),
  remote_group_id: nullable(Type.String()),
  description: nullable(Type.String())
})

export type GroupRecord = Static<typeof GroupRecord>
const GroupRecord = record({
  name: Type.String(),
  tags: Tags,
  description: nullable(Type.String()),
  rules: Type.Array(RuleRecord)
})

export type FloatingIpRecord = Static<typeof FloatingIpRecord>
/** A floating IP. The NIC of an associated floating IP holds the association too; both change together. */
const FloatingIpRecord = record({
  tags: Tags,
  address: Type.String(),
  network_id: Type.String(),
  subnet_id: Type.String(),
  node_id: nullable(Type.String()),
  nic_id: nullable(Type.String()),
  fixed_address: nullable(Type.String())
})

/** The collections beside `nodes`, which the state file keeps at its top level. */
const schemas = {
  volumes: VolumeRecord,
  snapshots: SnapshotRecord,
  images: ImageRecord,
  key_pairs: KeyPairRecord,
  networks: NetworkRecord,
  subnets: SubnetRecord,
  routers: RouterRecord,
  security_groups: GroupRecord,
  floating_ips: FloatingIpRecord
}

export type CollectionName = keyof typeof schemas
export const collectionNames = Object.keys(schemas) as CollectionName[]
export type RecordOf<Name extends CollectionName> = Static<typeof schemas[Name]>

/**
 * The operation and resource of creates whose resource no longer exists. Without them, a lost create would look as if
 * it had never happened.
 */
const Departed = Type.Array(Type.Object({ operation: Type.String(), id: Type.String() }))

const collectionSchemas = Object.fromEntries(Object.entries(schemas).map(([name, schema]) => [
  name, Type.Optional(Type.Object({ next_seq: Type.Integer(), departed: Departed, items: Type.Array(schema) }))
]))

export interface CollectionState<T> {
  next_seq: number
  departed: Static<typeof Departed>
  items: T[]
}

export type CollectionStates = { [Name in CollectionName]?: CollectionState<RecordOf<Name>> }

export type StateFile = Static<typeof StateFile>
export const StateFile = Type.Object({
  version: Type.Literal(1),
  next_seq: Type.Integer(),
  nodes: Type.Array(NodeRecord),
  departed: Departed,
  collections: Type.Optional(Type.Unsafe<CollectionStates>(Type.Object(collectionSchemas)))
})
