import { Type, type Static } from '#typebox'
import {
  Cidr,
  Id,
  inputObject,
  integer,
  Name,
  nameAndTagsPatch,
  nullable,
  nullableInteger,
  nullableString,
  openEnum,
  patchObject,
  resourceModel,
  Tags
} from '../common.ts'
import { model } from '../model.ts'
import { pageOf } from '../page.ts'

const description = Type.String({ maxLength: 255 })
const direction = Type.Enum(['ingress', 'egress'], { type: 'string' })
const ethertype = Type.Enum(['IPv4', 'IPv6'], { type: 'string' })
const port = (description: string) => integer({ minimum: 0, maximum: 65535, description })
const remoteKinds = [
  'any',
  'cidr',
  'security_group',
  'address_group',
  'prefix_list',
  'unknown'
] as const
const icmp = (description: string) => integer({ minimum: 0, maximum: 255, description })

export type SecurityGroupRule = Static<typeof SecurityGroupRule>
export const SecurityGroupRule = model(
  'SecurityGroupRule',
  Type.Object({
    id: Type.String(),
    direction,
    ethertype,
    protocol: nullable(Type.String({
      description: 'tcp, udp, icmp, icmpv6, a number, or null for any.',
      examples: ['tcp']
    })),
    port_min: nullableInteger(),
    port_max: nullableInteger(),
    icmp_type: nullableInteger(),
    icmp_code: nullableInteger(),
    remote: Type.Optional(
      openEnum(
        remoteKinds,
        'The kind of the remote end. any: every address matches. unknown: the rule has a restriction that this ' +
          'server does not understand, so it does not match every address.'
      )
    ),
    cidr: nullableString(
      'Addresses of the remote end. Null does not mean that every address matches: see remote.'
    ),
    remote_group_id: nullableString('Security group of the remote end.'),
    remote_address_group_id: Type.Optional(
      nullableString('Address group of the remote end (OpenStack).')
    ),
    description: nullableString()
  }, { description: 'Rules can be created and deleted, not changed.' })
)

export type SecurityGroupRuleCreate = Static<typeof SecurityGroupRuleCreate>
export const SecurityGroupRuleCreate = model(
  'SecurityGroupRuleCreate',
  inputObject({ direction }, {
    ethertype,
    protocol: nullable(Type.String({
      pattern: '^([a-z][a-z0-9-]{1,20}|[0-9]{1,3})$',
      description: 'tcp, udp, icmp, icmpv6, another name, a number from 0 to 255, or null for any.'
    })),
    port_min: port('First port.'),
    port_max: port('Last port. Default: the first port.'),
    icmp_type: icmp('ICMP type. Default: any.'),
    icmp_code: icmp('ICMP code. Default: any.'),
    cidr: Cidr,
    remote_group_id: Id(
      'Security group of the remote end, instead of addresses.',
      'security-groups'
    ),
    description
  })
)

export type SecurityGroup = Static<typeof SecurityGroup>
export const SecurityGroup = resourceModel(
  'SecurityGroup',
  'Rules for the network traffic of nodes.',
  {
    state: openEnum(['available', 'unknown'], 'Whether the security group can be used.'),
    description: nullableString(),
    network_id: nullableString(
      'Network of the group, if security groups of the cloud belong to networks (EC2).'
    ),
    rules: Type.Array(SecurityGroupRule)
  }
)

export const SecurityGroupPage = pageOf('SecurityGroupPage', SecurityGroup)

export type SecurityGroupCreate = Static<typeof SecurityGroupCreate>
export const SecurityGroupCreate = model(
  'SecurityGroupCreate',
  inputObject({ name: Name }, {
    description,
    network_id: Id(
      'Network of the group, if security groups of the cloud belong to networks.',
      'networks'
    ),
    tags: Tags
  })
)

export type SecurityGroupUpdate = Static<typeof SecurityGroupUpdate>
export const SecurityGroupUpdate = model(
  'SecurityGroupUpdate',
  patchObject({
    ...nameAndTagsPatch,
    description
  })
)
