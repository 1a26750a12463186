import { Type, type Static } from '#typebox'
import { Assignment } from '../assignment.ts'
import {
  Id,
  inputObject,
  integer,
  Name,
  nameAndTagsPatch,
  nullable,
  nullableBoolean,
  nullableString,
  openEnum,
  patchObject,
  resourceModel,
  Tags,
  Timestamp
} from '../common.ts'
import { model, ref } from '../model.ts'
import { pageOf } from '../page.ts'
import { nodeStates, NodeState } from './node-states.ts'
import { NodeAction } from './node-verbs.ts'

export type Address = Static<typeof Address>
export const Address = model(
  'Address',
  Type.Object({
    address: Type.String({ examples: ['203.0.113.10', '2001:db8::1'] }),
    version: Type.Unsafe<4 | 6>({
      type: 'integer',
      format: 'int32',
      enum: [4, 6],
      description: '4 or 6.'
    }),
    scope: Type.Enum(['public', 'private'], { type: 'string' }),
    kind: Type.Enum(['fixed', 'floating'], { type: 'string' }),
    network_id: nullableString(),
    nic_id: nullableString(),
    mac: nullableString()
  }, { description: 'An address of a node.' })
)

const Fault = Type.Object({ code: nullableString(), message: nullableString() })

const nullableStrings = (description: string) =>
  Type.Unsafe<string[] | null>({ type: ['array', 'null'], items: { type: 'string' }, description })

export type Node = Static<typeof Node>
export const Node = resourceModel(
  'Node',
  'A virtual machine: an EC2 instance, an OpenStack or Rackspace server.',
  {
    state: NodeState,
    provider_task_state: nullableString("The provider's own name of the change in progress."),
    transitioning: Type.Boolean({ description: 'Whether the cloud is changing the node.' }),
    allowed_actions: Type.Array(NodeAction, {
      description:
        'The actions that the cloud accepts from this account: those that the state and the protection allow.'
    }),
    reboot_types: Type.Optional(Type.Array(openEnum(['soft', 'hard'], 'A type of reboot.'), {
      description:
        'The types of reboot that the present state allows, if allowed_actions has reboot (OpenStack).'
    })),
    size_id: nullableString(),
    image_id: nullableString(),
    key_pair_name: nullableString(),
    availability_zone: nullableString(),
    architecture: nullable(Type.String({ examples: ['x86_64', 'aarch64'] })),
    public_ips: Type.Array(Type.String()),
    private_ips: Type.Array(Type.String()),
    addresses: Type.Array(Address),
    security_group_ids: nullableStrings(
      'Ids of the security groups of all its NICs, or null if they could not be read.'
    ),
    volume_ids: nullableStrings('Ids of the attached volumes, or null if they could not be read.'),
    lifecycle: nullable(openEnum(['on_demand', 'spot'], 'The pricing model of the node.')),
    launched_at: Timestamp('When the node last started.'),
    progress: nullable(
      integer({ minimum: 0, maximum: 100, description: 'Percentage of the change in progress.' })
    ),
    fault: nullable(Fault),
    protected: nullableBoolean(
      'Whether the cloud refuses to destroy the node. Some clouds then refuse any change. ' +
        'An administrator of an OpenStack cloud may change and destroy protected nodes: see `allowed_actions`.'
    ),
    assignment: Type.Optional(Assignment)
  }
)

export const NodePage = pageOf('NodePage', Node)

const NodeNetwork = inputObject({}, {
  network_id: Id('Network to attach to.', 'networks'),
  subnet_id: Id('Subnet to attach to.', 'subnets'),
  fixed_ip: Type.String({ maxLength: 45, description: 'Address of the node in this network.' }),
  security_group_ids: Type.Array(Id('Security group of this NIC.', 'security-groups'), {
    maxItems: 50
  })
}, { minProperties: 1 })

const RootVolume = inputObject({}, {
  size: integer({ minimum: 1, maximum: 65536, description: 'GiB.' }),
  type: Id('Volume type.', 'volume-types'),
  delete_on_termination: Type.Boolean()
})

/** The options of each driver for the creation of a node. `plugins/schemas.ts` composes the schema from all drivers. */
export const ProviderOptions = ref<Record<string, Record<string, unknown>>>('ProviderOptions')

export type NodeCreate = Static<typeof NodeCreate>
export const NodeCreate = model(
  'NodeCreate',
  inputObject({
    name: Name,
    image_id: Id('Image to boot from.', 'images'),
    size_id: Id('Size of the node.', 'sizes')
  }, {
    availability_zone: Id('Zone to create the node in.', 'locations'),
    key_pair_name: Id('Key pair to install in the node.', 'key-pairs'),
    user_data: Type.String({
      maxLength: 65535,
      description: 'Plain text for cloud-init. The server encodes it.'
    }),
    networks: Type.Array(NodeNetwork, { maxItems: 32 }),
    security_group_ids: Type.Array(Id('Security group of every NIC.', 'security-groups'), {
      maxItems: 50
    }),
    root_volume: RootVolume,
    tags: Tags,
    count: integer({ minimum: 1, maximum: 1000, description: 'Number of nodes. Default: 1.' }),
    protected: Type.Boolean({
      description: 'Whether the cloud refuses to change or destroy the node.'
    }),
    provider_options: ProviderOptions
  }, { description: 'A node to create.' })
)

export type NodeUpdate = Static<typeof NodeUpdate>
export const NodeUpdate = model(
  'NodeUpdate',
  patchObject({
    ...nameAndTagsPatch,
    protected: Type.Boolean()
  }, { description: 'RFC 7396 merge patch of a node.' })
)

/** The condition of a destroy: the query of DELETE, and the input of the bulk action. */
export const NodeDestroy = inputObject({}, {
  if_state: Type.Enum([...nodeStates], {
    type: 'string',
    description: 'Destroy the node only in this state; otherwise the answer is 412.'
  })
})

export type Validation = Static<typeof Validation>
export const Validation = model(
  'Validation',
  Type.Object({
    valid: Type.Boolean({ description: 'Whether every check is ok.' }),
    checks: Type.Array(Type.Object({
      name: Type.String({
        examples: ['schema', 'capability', 'image', 'size', 'fit', 'quota', 'cloud']
      }),
      ok: nullableBoolean('null if the check could not be made.'),
      pointer: Type.String({
        description: 'JSON Pointer of the field that was checked; "" means the whole body.',
        examples: ['/image_id']
      }),
      detail: Type.String()
    }))
  }, { description: 'The checks of a request to create a node. No node is created.' })
)

export type Console = Static<typeof Console>
export const Console = model(
  'Console',
  Type.Object({
    kind: Type.Enum(['text', 'url'], { type: 'string' }),
    text: nullableString('Output of the node.'),
    url: nullableString('URL of an interactive console.'),
    expires_at: nullable(Type.String({ format: 'date-time' }))
  })
)
