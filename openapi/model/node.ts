import { Type, type Static } from 'typebox'
import { model, ref } from './model.ts'
import { Id, Name, nullable, nullableRef, openEnum, resource, Tags, TagsPatch, Timestamp } from './common.ts'
import { NodeState } from './node-states.ts'
import { NodeAction } from './node-verbs.ts'

export type Address = Static<typeof Address>
export const Address = model('Address', Type.Object({
  address: Type.String({ examples: ['203.0.113.10', '2001:db8::1'] }),
  version: Type.Union([Type.Literal(4), Type.Literal(6)], { type: 'integer', description: '4 or 6.' }),
  scope: Type.Enum(['public', 'private'], { type: 'string' }),
  kind: Type.Enum(['fixed', 'floating'], { type: 'string' }),
  network_id: nullable(Type.String()),
  nic_id: nullable(Type.String()),
  mac: nullable(Type.String())
}, { description: 'One address of a node.' }))

const Fault = Type.Object({ code: nullable(Type.String()), message: nullable(Type.String()) })

const nullableStrings = (description: string) =>
  Type.Unsafe<string[] | null>({ type: ['array', 'null'], items: { type: 'string' }, description })

export type Node = Static<typeof Node>
export const Node = model('Node', Type.Object({
  ...resource,
  state: NodeState,
  provider_task_state: nullable(Type.String({ description: "The provider's own word for what it is doing to the node." })),
  transitioning: Type.Boolean({ description: 'Whether the cloud is changing the node at this moment.' }),
  allowed_actions: Type.Array(NodeAction, { description: 'What the present state and the cloud allow.' }),
  size_id: nullable(Type.String()),
  image_id: nullable(Type.String()),
  key_pair_name: nullable(Type.String()),
  availability_zone: nullable(Type.String()),
  architecture: nullable(Type.String({ examples: ['x86_64', 'aarch64'] })),
  public_ips: Type.Array(Type.String()),
  private_ips: Type.Array(Type.String()),
  addresses: Type.Array(Address),
  security_group_ids: nullableStrings('Ids of the security groups of all its NICs, or null where they could not be read.'),
  volume_ids: nullableStrings('Ids of the attached volumes, or null where they could not be read.'),
  lifecycle: nullable(openEnum(['on_demand', 'spot'], 'How the node is paid for.')),
  launched_at: Timestamp('When the node was started last.'),
  progress: nullable(Type.Integer({ minimum: 0, maximum: 100, description: 'Per cent of the present change.' })),
  fault: nullableRef(Fault),
  protected: nullable(Type.Boolean({ description: 'Whether the cloud refuses to destroy it; some refuse every change of it then.' }))
}, { description: 'A virtual machine: an EC2 instance, an OpenStack or Rackspace server.' }))

const NodeNetwork = Type.Object({
  network_id: Type.Optional(Id('Network to attach to.')),
  subnet_id: Type.Optional(Id('Subnet to attach to.')),
  fixed_ip: Type.Optional(Type.String({ maxLength: 45, description: 'The address to take there.' })),
  security_group_ids: Type.Optional(Type.Array(Id('Security group of this NIC.'), { maxItems: 50 }))
}, { additionalProperties: false, minProperties: 1 })

const RootVolume = Type.Object({
  size: Type.Optional(Type.Integer({ minimum: 1, maximum: 65536, description: 'GiB.' })),
  type: Type.Optional(Id('Volume type.')),
  delete_on_termination: Type.Optional(Type.Boolean())
}, { additionalProperties: false })

/** What each driver alone can do at the creation of a node: composed from all drivers, see `plugins/schemas.ts`. */
export const ProviderOptions = ref<Record<string, Record<string, unknown>>>('ProviderOptions')

export type NodeCreate = Static<typeof NodeCreate>
export const NodeCreate = model('NodeCreate', Type.Object({
  name: Name,
  image_id: Id('Image to boot from.'),
  size_id: Id('Size of the node.'),
  availability_zone: Type.Optional(Id('Zone to create it in.')),
  key_pair_name: Type.Optional(Id('Key pair to put into it.')),
  user_data: Type.Optional(Type.String({ maxLength: 65535, description: 'Plain text for cloud-init; it is encoded here.' })),
  networks: Type.Optional(Type.Array(NodeNetwork, { maxItems: 32 })),
  security_group_ids: Type.Optional(Type.Array(Id('Security group of every NIC.'), { maxItems: 50 })),
  root_volume: Type.Optional(RootVolume),
  tags: Type.Optional(Tags),
  count: Type.Optional(Type.Integer({ minimum: 1, maximum: 1000, description: 'How many of the kind; 1 where not given.' })),
  protected: Type.Optional(Type.Boolean({ description: 'Whether the cloud shall refuse to change or destroy it.' })),
  provider_options: Type.Optional(ProviderOptions)
}, { additionalProperties: false, description: 'A node to create.' }))

export type NodeUpdate = Static<typeof NodeUpdate>
export const NodeUpdate = model('NodeUpdate', Type.Object({
  name: Type.Optional(Name),
  tags: Type.Optional(TagsPatch),
  protected: Type.Optional(Type.Boolean())
}, { additionalProperties: false, minProperties: 1, description: 'RFC 7396 merge patch of a node.' }))

export type Validation = Static<typeof Validation>
export const Validation = model('Validation', Type.Object({
  valid: Type.Boolean({ description: 'Whether every check is ok.' }),
  checks: Type.Array(Type.Object({
    name: Type.String({ examples: ['schema', 'capability', 'image', 'size'] }),
    ok: nullable(Type.Boolean({ description: 'null where it could not be found out.' })),
    detail: Type.String()
  }))
}, { description: 'What a creation would meet; nothing is created.' }))
