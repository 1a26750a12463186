import { Type, type Static, type TObject, type TProperties } from '#typebox'
import { nullable, nullableRef } from '../../../openapi/model/index.ts'

/*
 * The schemas of the state file. To add a collection, write the schema of its records and add it to `schemas`: it is
 * then `store.<name>`. State files without it stay readable; the collection then starts with the records of seed.ts.
 */

/** The fields that a record takes at one moment of a change. `gone` ends it, `launched` sets `launched_at`. */
type StageOf<Fields extends TProperties> = Partial<Static<TObject<Fields>>> & {
  gone?: boolean
  launched?: boolean
}

function record<Fields extends TProperties> (fields: Fields) {
  const flags = { gone: Type.Optional(Type.Boolean()), launched: Type.Optional(Type.Boolean()) }
  const stage = Type.Object({ ...Type.Partial(Type.Object(fields)).properties, ...flags })
  return Type.Object({
    /** The position in the order of creation. A collection never uses a number twice. */
    seq: Type.Integer(),
    id: Type.String(),
    /** Future changes in order. All times are milliseconds since 1970. */
    steps: Type.Array(
      Type.Object({ at: Type.Number(), then: Type.Unsafe<StageOf<Fields>>(stage) })
    ),
    created_at: Type.Number(),
    updated_at: Type.Number(),
    /** The id of the operation that created the record. It identifies a create whose answer was lost. */
    operation: nullable(Type.String()),
    ...fields
  })
}

const Tags = Type.Unsafe<Record<string, string>>({
  type: 'object',
  additionalProperties: { type: 'string' }
})

const string = Type.String()
const integer = Type.Integer()
const boolean = Type.Boolean()
const stringOrNull = nullable(string)
const integerOrNull = nullable(integer)

const Fault = Type.Object({ code: string, message: string })
const BeforeResize = Type.Object({ status: string, size_id: string })

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
  id: string,
  network_id: string,
  subnet_id: Type.Optional(string),
  address: string,
  security_group_ids: Type.Optional(Type.Array(string)),
  floating: Type.Optional(nullableRef(Type.Object({ id: string, address: string })))
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
export const upgradeNode = (node: NodeRecord): NodeRecord =>
  node.nics.every(isComplete)
    ? node
    : { ...node, nics: node.nics.map((nic) => isComplete(nic) ? nic : upgradeNic(nic)) }

export type NodeRecord = Static<typeof NodeRecord>
/** A node, with Nova's statuses. */
const NodeRecord = record({
  name: string,
  status: string,
  task: stringOrNull,
  progress: integerOrNull,
  size_id: string,
  image_id: string,
  /** The node before a resize that is neither confirmed nor reverted. */
  before: nullableRef(BeforeResize),
  key_pair_name: stringOrNull,
  availability_zone: string,
  nics: Type.Array(NicRecord),
  tags: Tags,
  protected: boolean,
  fault: nullableRef(Fault),
  user_data_bytes: integerOrNull,
  launched_at: nullable(Type.Number())
})

export type NodeStep = NodeRecord['steps'][number]
export type NodeStage = NodeStep['then']

const Attachment = Type.Object({
  node_id: string,
  device: string,
  /** Whether the volume is deleted with its node. */
  delete_on_termination: boolean
})

export type VolumeRecord = Static<typeof VolumeRecord>
/** A volume, with Cinder's statuses. Sizes are GiB. */
const VolumeRecord = record({
  name: stringOrNull,
  status: string,
  tags: Tags,
  size: integer,
  type: string,
  availability_zone: string,
  bootable: boolean,
  snapshot_id: stringOrNull,
  image_id: stringOrNull,
  attachment: nullableRef(Attachment)
})

export type SnapshotRecord = Static<typeof SnapshotRecord>
/** A snapshot, with Cinder's statuses. Its size is GiB. */
const SnapshotRecord = record({
  name: stringOrNull,
  status: string,
  tags: Tags,
  volume_id: string,
  size: integer,
  progress: integer,
  description: stringOrNull
})

export type ImageRecord = Static<typeof ImageRecord>
/** An image of the account, with Glance's statuses. */
const ImageRecord = record({
  name: string,
  status: string,
  tags: Tags,
  min_ram: integer,
  min_disk: integer,
  size_bytes: integerOrNull,
  architecture: stringOrNull,
  os: Type.Object({ family: stringOrNull, distro: stringOrNull, version: stringOrNull }),
  visibility: string,
  is_snapshot: boolean,
  disk_format: stringOrNull,
  /** SHA-256 of an uploaded file in hexadecimal digits. The file itself is not kept. */
  checksum: stringOrNull
})

export type KeyPairRecord = Static<typeof KeyPairRecord>
/** A key pair. Its id is its name. The private key is not kept. */
const KeyPairRecord = record({ type: string, fingerprint: string, public_key: string })

export type NetworkRecord = Static<typeof NetworkRecord>
const NetworkRecord = record({
  name: string,
  tags: Tags,
  /** An external network belongs to the cloud. */
  external: boolean,
  mtu: integer,
  subnets: Type.Array(Type.Object({ id: string, cidr: string }))
})

export type SubnetRecord = Static<typeof SubnetRecord>
const SubnetRecord = record({
  name: stringOrNull,
  tags: Tags,
  network_id: string,
  cidr: string,
  gateway_ip: stringOrNull,
  dns_servers: Type.Array(string)
})

export type RouterRecord = Static<typeof RouterRecord>
const RouterRecord = record({
  name: string,
  tags: Tags,
  external_network_id: stringOrNull,
  subnet_ids: Type.Array(string)
})

export type RuleRecord = Static<typeof RuleRecord>
const RuleRecord = Type.Object({
  id: string,
  direction: Type.Enum(['ingress', 'egress']),
  ethertype: Type.Enum(['IPv4', 'IPv6']),
  protocol: stringOrNull,
  port_min: integerOrNull,
  port_max: integerOrNull,
  icmp_type: integerOrNull,
  icmp_code: integerOrNull,
  cidr: stringOrNull,
  remote_group_id: stringOrNull,
  description: stringOrNull
})

export type GroupRecord = Static<typeof GroupRecord>
const GroupRecord = record({
  name: string,
  tags: Tags,
  description: stringOrNull,
  rules: Type.Array(RuleRecord)
})

export type FloatingIpRecord = Static<typeof FloatingIpRecord>
/** A floating IP. The NIC of an associated floating IP holds the association too; both change together. */
const FloatingIpRecord = record({
  tags: Tags,
  address: string,
  network_id: string,
  subnet_id: string,
  node_id: stringOrNull,
  nic_id: stringOrNull,
  fixed_address: stringOrNull
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

/** Creates whose resource no longer exists. Without them, a lost create would look as if it had never happened. */
const Departed = Type.Array(Type.Object({ operation: string, id: string }))

const collectionSchemas = Object.fromEntries(
  Object.entries(schemas).map(([name, schema]) => [
    name,
    Type.Optional(
      Type.Object({ next_seq: integer, departed: Departed, items: Type.Array(schema) })
    )
  ])
)

export interface CollectionState<T> {
  next_seq: number
  departed: Static<typeof Departed>
  items: T[]
}

export type CollectionStates = { [Name in CollectionName]?: CollectionState<RecordOf<Name>> }

export type StateFile = Static<typeof StateFile>
export const StateFile = Type.Object({
  version: Type.Literal(1),
  /** The number of the last rewrite of the file. Its log has the changes since. Files of earlier versions have none. */
  generation: Type.Optional(integer),
  next_seq: integer,
  nodes: Type.Array(NodeRecord),
  departed: Departed,
  collections: Type.Optional(Type.Unsafe<CollectionStates>(Type.Object(collectionSchemas)))
})
