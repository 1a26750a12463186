import { Type, type Static } from 'typebox'
import { nullable } from '../../../openapi/model/index.ts'
import { stillRecord, StoredTags } from '../record.ts'

const named = { name: Type.String(), tags: StoredTags }

export type StoredKeyPair = Static<typeof StoredKeyPair>
/** A key pair: its name is its id, and the private key is not kept. */
export const StoredKeyPair = stillRecord({ type: Type.String(), fingerprint: Type.String(), public_key: Type.String() })

export type StoredNetwork = Static<typeof StoredNetwork>
export const StoredNetwork = stillRecord({
  ...named,
  /** Whether it leads outside; such a network belongs to the cloud. */
  external: Type.Boolean(),
  mtu: Type.Integer(),
  subnets: Type.Array(Type.Object({ id: Type.String(), cidr: Type.String() }))
})

export type StoredSubnet = Static<typeof StoredSubnet>
export const StoredSubnet = stillRecord({
  name: nullable(Type.String()),
  tags: StoredTags,
  network_id: Type.String(),
  cidr: Type.String(),
  gateway_ip: nullable(Type.String()),
  dns_servers: Type.Array(Type.String())
})

export type StoredRouter = Static<typeof StoredRouter>
export const StoredRouter = stillRecord({
  ...named, external_network_id: nullable(Type.String()), subnet_ids: Type.Array(Type.String())
})

export type StoredRule = Static<typeof StoredRule>
const StoredRule = Type.Object({
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

export type StoredGroup = Static<typeof StoredGroup>
export const StoredGroup = stillRecord({ ...named, description: nullable(Type.String()), rules: Type.Array(StoredRule) })

export type StoredFloatingIp = Static<typeof StoredFloatingIp>
/** Its NIC has it too: both are changed together. */
export const StoredFloatingIp = stillRecord({
  tags: StoredTags,
  address: Type.String(),
  network_id: Type.String(),
  subnet_id: Type.String(),
  node_id: nullable(Type.String()),
  nic_id: nullable(Type.String()),
  fixed_address: nullable(Type.String())
})
