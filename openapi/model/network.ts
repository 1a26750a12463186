import { Type, type Static } from 'typebox'
import { model } from './model.ts'
import { Id, Name, nullable, nullableRef, openEnum, resource, Tags, TagsPatch } from './common.ts'
import { Address } from './node.ts'

const description = Type.String({ maxLength: 255 })
const Cidr = Type.String({ maxLength: 49, format: 'cidr', examples: ['10.0.0.0/24', '2001:db8::/64'] })
const Ip = Type.String({ maxLength: 45, format: 'ip', examples: ['10.0.0.1'] })
const strings = (description: string) => Type.Array(Type.String(), { description })

const networkStates = ['pending', 'available', 'down', 'error', 'deleting', 'unknown'] as const
export type NetworkState = typeof networkStates[number]
export const NetworkState = model('NetworkState', openEnum(networkStates, 'The state of a network, subnet or router.'))

export type Network = Static<typeof Network>
export const Network = model('Network', Type.Object({
  ...resource,
  state: NetworkState,
  cidrs: strings('Blocks of addresses of all its subnets.'),
  is_external: nullable(Type.Boolean({ description: 'Whether it leads outside.' })),
  shared: nullable(Type.Boolean({ description: 'Whether other accounts may use it.' })),
  mtu: nullable(Type.Integer()),
  subnet_ids: strings('Its subnets.')
}, { description: 'A private network: an EC2 VPC, an OpenStack network.' }))

export type NetworkCreate = Static<typeof NetworkCreate>
export const NetworkCreate = model('NetworkCreate', Type.Object({
  name: Name,
  cidr: Type.Optional(Cidr),
  mtu: Type.Optional(Type.Integer({ minimum: 68, maximum: 65535 })),
  tags: Type.Optional(Tags)
}, { additionalProperties: false }))

export type NetworkUpdate = Static<typeof NetworkUpdate>
export const NetworkUpdate = model('NetworkUpdate', Type.Object({
  name: Type.Optional(Name), tags: Type.Optional(TagsPatch)
}, { additionalProperties: false, minProperties: 1 }))

export type Subnet = Static<typeof Subnet>
export const Subnet = model('Subnet', Type.Object({
  ...resource,
  state: NetworkState,
  network_id: nullable(Type.String()),
  cidr: nullable(Type.String()),
  ip_version: nullable(Type.Integer({ description: '4 or 6.' })),
  gateway_ip: nullable(Type.String()),
  dns_servers: strings('Name servers that nodes there are told.'),
  availability_zone: nullable(Type.String())
}, { description: 'A block of addresses in a network.' }))

export type SubnetCreate = Static<typeof SubnetCreate>
export const SubnetCreate = model('SubnetCreate', Type.Object({
  name: Type.Optional(Name),
  network_id: Id('Network it is in.'),
  cidr: Cidr,
  gateway_ip: Type.Optional(nullable(Ip)),
  dns_servers: Type.Optional(Type.Array(Ip, { maxItems: 10 })),
  availability_zone: Type.Optional(Id('Zone it is in, where the cloud has subnets in zones.')),
  tags: Type.Optional(Tags)
}, { additionalProperties: false }))

export type SubnetUpdate = Static<typeof SubnetUpdate>
export const SubnetUpdate = model('SubnetUpdate', Type.Object({
  name: Type.Optional(Name),
  gateway_ip: Type.Optional(nullable(Ip)),
  dns_servers: Type.Optional(Type.Array(Ip, { maxItems: 10 })),
  tags: Type.Optional(TagsPatch)
}, { additionalProperties: false, minProperties: 1 }))

const ExternalGateway = Type.Object({ network_id: Id('The external network.') }, { additionalProperties: false })

export type Router = Static<typeof Router>
export const Router = model('Router', Type.Object({
  ...resource,
  state: NetworkState,
  network_id: nullable(Type.String({ description: 'Its network, where the cloud has routers in networks (EC2).' })),
  external_gateway: nullableRef(Type.Object({ network_id: nullable(Type.String()) })),
  interfaces: Type.Array(Type.Object({ subnet_id: Type.String() }), { description: 'The subnets it connects.' })
}, { description: 'What connects subnets with each other and the outside: an OpenStack router, an EC2 route table with its internet gateway.' }))

export type RouterCreate = Static<typeof RouterCreate>
export const RouterCreate = model('RouterCreate', Type.Object({
  name: Name,
  network_id: Type.Optional(Id('Network it is in, where the cloud has routers in networks.')),
  external_gateway: Type.Optional(ExternalGateway),
  tags: Type.Optional(Tags)
}, { additionalProperties: false }))

export type RouterUpdate = Static<typeof RouterUpdate>
export const RouterUpdate = model('RouterUpdate', Type.Object({
  name: Type.Optional(Name),
  external_gateway: Type.Optional(nullableRef(ExternalGateway)),
  tags: Type.Optional(TagsPatch)
}, { additionalProperties: false, minProperties: 1 }))

export type RouterInterface = Static<typeof RouterInterface>
export const RouterInterface = model('RouterInterface', Type.Object({
  subnet_id: Id('Subnet to connect.')
}, { additionalProperties: false }))

const rule = {
  direction: Type.Enum(['ingress', 'egress'], { type: 'string' }),
  ethertype: Type.Enum(['IPv4', 'IPv6'], { type: 'string' })
}
const port = (description: string) => Type.Integer({ minimum: 0, maximum: 65535, description })
const icmp = (description: string) => Type.Integer({ minimum: 0, maximum: 255, description })

export type SecurityGroupRule = Static<typeof SecurityGroupRule>
export const SecurityGroupRule = model('SecurityGroupRule', Type.Object({
  id: Type.String(),
  ...rule,
  protocol: nullable(Type.String({ description: 'tcp, udp, icmp, icmpv6, a number, or null for any.', examples: ['tcp'] })),
  port_min: nullable(Type.Integer()),
  port_max: nullable(Type.Integer()),
  icmp_type: nullable(Type.Integer()),
  icmp_code: nullable(Type.Integer()),
  cidr: nullable(Type.String({ description: 'Addresses at the other end; null with remote_group_id null means any.' })),
  remote_group_id: nullable(Type.String({ description: 'Security group at the other end.' })),
  description: nullable(Type.String())
}, { description: 'Rules are not changed: they are created and deleted.' }))

export type SecurityGroupRuleCreate = Static<typeof SecurityGroupRuleCreate>
export const SecurityGroupRuleCreate = model('SecurityGroupRuleCreate', Type.Object({
  direction: rule.direction,
  ethertype: Type.Optional(rule.ethertype),
  protocol: Type.Optional(nullable(Type.String({
    pattern: '^([a-z][a-z0-9-]{1,20}|[0-9]{1,3})$', description: 'tcp, udp, icmp, icmpv6, another name, or a number from 0 to 255; null for any.'
  }))),
  port_min: Type.Optional(port('First port.')),
  port_max: Type.Optional(port('Last port; the first where not given.')),
  icmp_type: Type.Optional(icmp('ICMP type; any where not given.')),
  icmp_code: Type.Optional(icmp('ICMP code; any where not given.')),
  cidr: Type.Optional(Cidr),
  remote_group_id: Type.Optional(Id('Security group at the other end, in place of addresses.')),
  description: Type.Optional(description)
}, { additionalProperties: false }))

export type SecurityGroup = Static<typeof SecurityGroup>
export const SecurityGroup = model('SecurityGroup', Type.Object({
  ...resource,
  state: openEnum(['available', 'unknown'], 'Whether it can be used.'),
  description: nullable(Type.String()),
  network_id: nullable(Type.String({ description: 'Its network, where the cloud has groups in networks (EC2).' })),
  rules: Type.Array(SecurityGroupRule)
}, { description: 'Rules on what may reach a node.' }))

export type SecurityGroupCreate = Static<typeof SecurityGroupCreate>
export const SecurityGroupCreate = model('SecurityGroupCreate', Type.Object({
  name: Name,
  description: Type.Optional(description),
  network_id: Type.Optional(Id('Network it is for, where the cloud has groups in networks.')),
  tags: Type.Optional(Tags)
}, { additionalProperties: false }))

export type SecurityGroupUpdate = Static<typeof SecurityGroupUpdate>
export const SecurityGroupUpdate = model('SecurityGroupUpdate', Type.Object({
  name: Type.Optional(Name), description: Type.Optional(description), tags: Type.Optional(TagsPatch)
}, { additionalProperties: false, minProperties: 1 }))

export type FloatingIp = Static<typeof FloatingIp>
export const FloatingIp = model('FloatingIp', Type.Object({
  ...resource,
  state: openEnum(['available', 'associated', 'error', 'unknown'], 'Whether a node has it.'),
  address: nullable(Type.String()),
  version: nullable(Type.Integer({ description: '4 or 6.' })),
  pool: nullable(Type.String({ description: 'Id of the pool it is from.' })),
  node_id: nullable(Type.String()),
  nic_id: nullable(Type.String()),
  fixed_address: nullable(Type.String({ description: 'The private address that it stands for.' }))
}, { description: 'A public address that can be moved between nodes: an EC2 elastic IP, an OpenStack floating IP.' }))

export type FloatingIpCreate = Static<typeof FloatingIpCreate>
export const FloatingIpCreate = model('FloatingIpCreate', Type.Object({
  pool: Type.Optional(Id('Pool to take it from; the only one where not given.')),
  tags: Type.Optional(Tags)
}, { additionalProperties: false }))

export type FloatingIpAssociate = Static<typeof FloatingIpAssociate>
export const FloatingIpAssociate = model('FloatingIpAssociate', Type.Object({
  node_id: Type.Optional(Id('Node to give it to: enough where exactly one of its NICs fits.')),
  nic_id: Type.Optional(Id('NIC to give it to.')),
  fixed_address: Type.Optional(Ip)
}, { additionalProperties: false, anyOf: [{ required: ['node_id'] }, { required: ['nic_id'] }] }))

export type FloatingIpPool = Static<typeof FloatingIpPool>
export const FloatingIpPool = model('FloatingIpPool', Type.Object({
  ...resource, state: NetworkState
}, { description: 'Where floating IPs are taken from.' }))

export type Nic = Static<typeof Nic>
export const Nic = model('Nic', Type.Object({
  id: Type.String(),
  network_id: nullable(Type.String()),
  subnet_id: nullable(Type.String()),
  mac: nullable(Type.String()),
  addresses: Type.Array(Address),
  security_group_ids: strings('Its security groups.'),
  primary: nullable(Type.Boolean()),
  state: NetworkState
}, { description: 'A network interface of a node: an EC2 network interface, an OpenStack port.' }))

export const NicList = model('NicList', Type.Object({ items: Type.Array(Nic) }))

export type NicCreate = Static<typeof NicCreate>
export const NicCreate = model('NicCreate', Type.Object({
  network_id: Type.Optional(Id('Network to attach to.')),
  subnet_id: Type.Optional(Id('Subnet to attach to.')),
  fixed_ip: Type.Optional(Ip),
  security_group_ids: Type.Optional(Type.Array(Id('Security group.'), { maxItems: 50 }))
}, { additionalProperties: false, anyOf: [{ required: ['network_id'] }, { required: ['subnet_id'] }] }))

export type NodeSecurityGroup = Static<typeof NodeSecurityGroup>
export const NodeSecurityGroup = model('NodeSecurityGroup', Type.Object({
  security_group_id: Id('Security group, put on every NIC of the node.')
}, { additionalProperties: false }))
