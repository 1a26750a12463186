import type { FieldError, SecurityGroupRuleCreate } from '../../../openapi/model/index.ts'
import {
  createRule,
  errorUnless,
  fieldError,
  mustBeIdOf,
  parseBlock,
  rejectFields,
  type RuleRecord,
  type Store
} from '../engine/index.ts'

/** The protocols that Neutron knows by name. */
const protocols: ReadonlySet<string> = new Set([
  'ah',
  'dccp',
  'egp',
  'esp',
  'gre',
  'icmp',
  'icmpv6',
  'igmp',
  'ipip',
  'ipv6-encap',
  'ipv6-frag',
  'ipv6-icmp',
  'ipv6-nonxt',
  'ipv6-opts',
  'ipv6-route',
  'ospf',
  'pgm',
  'rsvp',
  'sctp',
  'tcp',
  'udp',
  'udplite',
  'vrrp'
])

const portProtocols: ReadonlySet<string> = new Set([
  'tcp',
  'udp',
  'dccp',
  'sctp',
  'udplite',
  '6',
  '17',
  '33',
  '132',
  '136'
])
const icmpProtocols: ReadonlySet<string> = new Set(['icmp', 'icmpv6', 'ipv6-icmp', '1', '58'])

const isProtocol = (name: string) =>
  protocols.has(name) || (/^\d{1,3}$/.test(name) && Number(name) <= 255)

function protocolErrors (rule: SecurityGroupRuleCreate): FieldError[] {
  const { protocol, port_min: min, port_max: max, icmp_type: type, icmp_code: code } = rule
  if (protocol !== undefined && protocol !== null && !isProtocol(protocol)) {
    return [fieldError('/protocol', 'must be a known protocol, or a number from 0 to 255')]
  }
  const hasPorts = portProtocols.has(protocol ?? '')
  const isIcmp = icmpProtocols.has(protocol ?? '')
  return [
    errorUnless(
      min === undefined || hasPorts,
      '/port_min',
      'needs a protocol with ports, such as tcp'
    ),
    errorUnless(min !== undefined || max === undefined, '/port_min', 'is required with port_max'),
    errorUnless(
      (max ?? Infinity) >= (min ?? 0),
      '/port_max',
      `must not be less than port_min, which is ${min}`
    ),
    errorUnless(type === undefined || isIcmp, '/icmp_type', 'needs the protocol icmp or icmpv6'),
    errorUnless(
      type !== undefined || code === undefined,
      '/icmp_type',
      'is required with icmp_code'
    )
  ].flat()
}

function remoteErrors (
  { security_groups: groups }: Store,
  rule: SecurityGroupRuleCreate
): FieldError[] {
  const { cidr, remote_group_id: groupId, ethertype } = rule
  const block = cidr === undefined ? undefined : parseBlock(cidr)
  if (cidr !== undefined && block === undefined) {
    return [fieldError('/cidr', 'must be a block of addresses, such as 10.0.0.0/24')]
  }
  const isSameVersion = block === undefined || ethertype === undefined ||
    ethertype === `IPv${block.version}`
  const hasGroup = groupId !== undefined
  return [
    errorUnless(isSameVersion, '/cidr', `must be a block of ${ethertype}`),
    errorUnless(
      !hasGroup || cidr === undefined,
      '/remote_group_id',
      'cannot be combined with cidr'
    ),
    errorUnless(
      !hasGroup || groups.has(groupId),
      '/remote_group_id',
      mustBeIdOf('a security group')
    )
  ].flat()
}

export function parseRule (store: Store, input: SecurityGroupRuleCreate, id: string): RuleRecord {
  rejectFields([...protocolErrors(input), ...remoteErrors(store, input)])
  const { cidr, port_min: min, port_max: max } = input
  const version = cidr === undefined ? 4 : parseBlock(cidr)!.version
  return createRule(id, {
    direction: input.direction,
    ethertype: input.ethertype ?? `IPv${version}`,
    protocol: input.protocol ?? null,
    port_min: min ?? null,
    port_max: max ?? min ?? null,
    icmp_type: input.icmp_type ?? null,
    icmp_code: input.icmp_code ?? null,
    cidr: cidr ?? null,
    remote_group_id: input.remote_group_id ?? null,
    description: input.description ?? null
  })
}

const effectOf = ({ id, description, ...rule }: RuleRecord) =>
  JSON.stringify(Object.entries(rule).sort())

/** Two rules are the same if they allow the same traffic, whatever their descriptions. */
export const isSameRule = (one: RuleRecord, other: RuleRecord) => effectOf(one) === effectOf(other)
