import type { IpPermission, SecurityGroup as RawGroup, SecurityGroupRule as RawRule } from '@aws-sdk/client-ec2'
import type { SecurityGroupRule, SecurityGroupRuleCreate } from '../../../openapi/model/index.ts'
import { invalid } from '../../invalid.ts'

/** Names of protocols beside those that the cloud itself has, by IANA's registry of protocol numbers. */
const numbers: Readonly<Record<string, string>> = {
  igmp: '2',
  ipip: '4',
  egp: '8',
  dccp: '33',
  'ipv6-route': '43',
  'ipv6-frag': '44',
  rsvp: '46',
  gre: '47',
  esp: '50',
  ah: '51',
  'ipv6-icmp': '58',
  'ipv6-nonxt': '59',
  'ipv6-opts': '60',
  ospf: '89',
  vrrp: '112',
  pgm: '113',
  sctp: '132',
  udplite: '136'
}
/** Those that the cloud calls by name. */
const names: Readonly<Record<string, string>> = { 1: 'icmp', 6: 'tcp', 17: 'udp', 58: 'icmpv6' }
const named = new Set(Object.values(names))

const any = '-1'
const lastPort = 65_535
const everywhere = { IPv4: '0.0.0.0/0', IPv6: '::/0' }

const isIcmp = (protocol: string | null) => protocol === 'icmp' || protocol === 'icmpv6'
const hasPorts = (protocol: string | null) => protocol === 'tcp' || protocol === 'udp'

/** -1 stands for any. */
const number = (value: number | undefined) => value === undefined || value === -1 ? null : value

interface Source {
  cidr: string | null
  group: string | null
  description: string | null
}

interface Told {
  id: string | null
  egress: boolean
  protocol: string | undefined
  from: number | undefined
  to: number | undefined
}

/** A rule of which all ports are named is one of any port. */
function ruleOf ({ id, egress, protocol: told, from, to }: Told, { cidr, group, description }: Source): SecurityGroupRule {
  const protocol = told === undefined || told === any ? null : names[told] ?? told
  const every = from === 0 && to === lastPort
  const rule: SecurityGroupRule = {
    id: id ?? '',
    direction: egress ? 'egress' : 'ingress',
    // A rule of a group is for both families.
    ethertype: cidr?.includes(':') === true || protocol === 'icmpv6' ? 'IPv6' : 'IPv4',
    protocol,
    port_min: hasPorts(protocol) && !every ? number(from) : null,
    port_max: hasPorts(protocol) && !every ? number(to) : null,
    icmp_type: isIcmp(protocol) ? number(from) : null,
    icmp_code: isIcmp(protocol) ? number(to) : null,
    cidr,
    remote_group_id: group,
    description
  }
  return id === null ? { ...rule, id: ruleId(rule) } : rule
}

/** A rule with an id of its own. What is at the other end may also be a list of prefixes: its id stands for the addresses. */
export const toRule = (raw: RawRule): SecurityGroupRule => ruleOf(
  { id: raw.SecurityGroupRuleId ?? '', egress: raw.IsEgress === true, protocol: raw.IpProtocol, from: raw.FromPort, to: raw.ToPort },
  {
    cidr: raw.CidrIpv4 ?? raw.CidrIpv6 ?? raw.PrefixListId ?? null,
    group: raw.ReferencedGroupInfo?.GroupId ?? null,
    description: raw.Description || null
  }
)

/** The rules of a group as the group tells them, where rules have no ids: several of the same ports in one permission. */
export const rulesOf = ({ IpPermissions: ingress = [], IpPermissionsEgress: egress = [] }: RawGroup): SecurityGroupRule[] =>
  [...ingress.flatMap((one) => fromPermission(one, false)), ...egress.flatMap((one) => fromPermission(one, true))]

export function fromPermission (permission: IpPermission, egress: boolean): SecurityGroupRule[] {
  const { IpRanges: four = [], Ipv6Ranges: six = [], UserIdGroupPairs: groups = [], PrefixListIds: lists = [] } = permission
  const told = { id: null, egress, protocol: permission.IpProtocol, from: permission.FromPort, to: permission.ToPort }
  const sources: Source[] = [
    ...four.map(({ CidrIp: cidr = null, Description: description }) => ({ cidr, group: null, description: description || null })),
    ...six.map(({ CidrIpv6: cidr = null, Description: description }) => ({ cidr, group: null, description: description || null })),
    ...lists.map(({ PrefixListId: cidr = null, Description: description }) => ({ cidr, group: null, description: description || null })),
    ...groups.map(({ GroupId: group = null, Description: description }) => ({ cidr: null, group, description: description || null }))
  ]
  return sources.map((source) => ruleOf(told, source))
}

/** An id that says the rule itself, and can stand in a path: `ingress.tcp.80.81.10.0.0.0_8`. */
function ruleId ({ direction, protocol, cidr, remote_group_id: group, ...rule }: SecurityGroupRule) {
  const { port_min: first, port_max: last, icmp_type: type, icmp_code: code } = rule
  const other = cidr ?? group ?? 'any'
  return [direction, protocol ?? 'any', first ?? type ?? 'any', last ?? code ?? 'any', other.replace('/', '_')].join('.')
}

/** The protocol as the cloud takes it. Throws validation_failed. */
function protocolOf (protocol: string | null | undefined) {
  if (protocol === undefined || protocol === null || protocol === 'any') return any
  if (named.has(protocol)) return protocol
  const known = /^\d+$/.test(protocol) ? protocol : numbers[protocol]
  if (known === undefined) throw invalid('/protocol', `must be a number, or one of: ${[...named, ...Object.keys(numbers)].join(', ')}`)
  return names[known] ?? known
}

/** Ports of TCP and UDP, type and code of ICMP, in the same two fields; others have neither. */
function portsOf (protocol: string, input: SecurityGroupRuleCreate) {
  const { port_min: first, port_max: last, icmp_type: type, icmp_code: code } = input
  if (first !== undefined && !hasPorts(protocol)) throw invalid('/port_min', 'is of tcp and udp alone')
  if (type === undefined && code !== undefined) throw invalid('/icmp_type', 'is needed beside icmp_code')
  if (isIcmp(protocol)) return { FromPort: type ?? -1, ToPort: code ?? -1 }
  return hasPorts(protocol) ? { FromPort: first ?? 0, ToPort: last ?? first ?? lastPort } : {}
}

/**
 * A rule as a permission. Its family is that of its addresses, or of its protocol, where it is not given; without
 * addresses and group it is for all addresses of the family. `modern`: with IPv6. Throws validation_failed.
 */
export function toPermission (input: SecurityGroupRuleCreate, modern: boolean): IpPermission {
  const { cidr, remote_group_id: group, description } = input
  const protocol = protocolOf(input.protocol)
  const family = cidr === undefined ? undefined : cidr.includes(':') ? 'IPv6' : 'IPv4'
  const ethertype = input.ethertype ?? family ?? (protocol === 'icmpv6' ? 'IPv6' : 'IPv4')
  if (family !== undefined && family !== ethertype) throw invalid('/cidr', `must be addresses of ${ethertype}`)
  if (protocol === 'icmpv6' && ethertype === 'IPv4') throw invalid('/protocol', 'must be icmp for IPv4')
  if (ethertype === 'IPv6' && !modern) throw invalid(family === undefined ? '/ethertype' : '/cidr', 'must be IPv4: this cloud has no IPv6')
  const permission = { IpProtocol: protocol, ...portsOf(protocol, input) }
  const told = description === undefined || description === '' ? {} : { Description: description }
  if (group !== undefined) return { ...permission, UserIdGroupPairs: [{ GroupId: group, ...told }] }
  const block = cidr ?? everywhere[ethertype]
  return ethertype === 'IPv6'
    ? { ...permission, Ipv6Ranges: [{ CidrIpv6: block, ...told }] }
    : { ...permission, IpRanges: [{ CidrIp: block, ...told }] }
}

/** The permission of a rule that is there, by which one without an id is taken back. */
export const permissionOf = (rule: SecurityGroupRule): IpPermission => toPermission({
  direction: rule.direction,
  protocol: rule.protocol,
  ...(rule.port_min === null ? {} : { port_min: rule.port_min }),
  ...(rule.port_max === null ? {} : { port_max: rule.port_max }),
  ...(rule.icmp_type === null ? {} : { icmp_type: rule.icmp_type }),
  ...(rule.icmp_code === null ? {} : { icmp_code: rule.icmp_code }),
  ...(rule.cidr === null ? {} : { cidr: rule.cidr }),
  ...(rule.remote_group_id === null ? {} : { remote_group_id: rule.remote_group_id })
}, true)
