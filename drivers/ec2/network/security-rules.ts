import type {
  IpPermission,
  SecurityGroup as RawGroup,
  SecurityGroupRule as RawRule
} from '@aws-sdk/client-ec2'
import type { SecurityGroupRule, SecurityGroupRuleCreate } from '../../../openapi/model/index.ts'
import { invalid } from '../../common/invalid.ts'

/** Protocols that the cloud knows only by number, from IANA's registry of protocol numbers. */
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

/** Protocols that the cloud knows by name. */
const names: Readonly<Record<string, string>> = { 1: 'icmp', 6: 'tcp', 17: 'udp', 58: 'icmpv6' }
const namedProtocols = new Set(Object.values(names))

const anyProtocol = '-1'
const lastPort = 65_535
const anyAddress = { IPv4: '0.0.0.0/0', IPv6: '::/0' }

const isIcmp = (protocol: string | null) => protocol === 'icmp' || protocol === 'icmpv6'
const hasPorts = (protocol: string | null) => protocol === 'tcp' || protocol === 'udp'

/** The cloud uses -1 for any port, type or code. */
const toNumber = (value: number | undefined) => value === undefined || value === -1 ? null : value

/** The remote end of a rule. If all of it is undefined, the rule has a restriction that is not known here. */
interface RuleSource {
  cidr?: string | undefined
  prefixList?: string | undefined
  group?: string | undefined
  description?: string | undefined
}

/** A rule of EC2 always has a remote end, so that `any` does not occur. */
function remoteOf ({ cidr, prefixList, group }: RuleSource): SecurityGroupRule['remote'] {
  if (cidr !== undefined) return 'cidr'
  if (prefixList !== undefined) return 'prefix_list'
  return group === undefined ? 'unknown' : 'security_group'
}

interface RuleTarget {
  id: string | null
  isEgress: boolean
  protocol: string | undefined
  from: number | undefined
  to: number | undefined
}

/** Maps a rule. A rule with the whole range of ports is a rule for any port. */
function toRuleOf (target: RuleTarget, source: RuleSource): SecurityGroupRule {
  const { id, isEgress, from, to } = target
  // A list of prefixes is shown by its id in place of addresses.
  const cidr = source.cidr ?? source.prefixList ?? null
  const protocol = toProtocolName(target.protocol)
  const showsPorts = hasPorts(protocol) && !(from === 0 && to === lastPort)
  const rule: SecurityGroupRule = {
    id: id ?? '',
    direction: isEgress ? 'egress' : 'ingress',
    // A rule for a group covers both families.
    ethertype: cidr?.includes(':') === true || protocol === 'icmpv6' ? 'IPv6' : 'IPv4',
    protocol,
    port_min: showsPorts ? toNumber(from) : null,
    port_max: showsPorts ? toNumber(to) : null,
    icmp_type: isIcmp(protocol) ? toNumber(from) : null,
    icmp_code: isIcmp(protocol) ? toNumber(to) : null,
    remote: remoteOf(source),
    cidr,
    remote_group_id: source.group ?? null,
    description: source.description || null
  }
  return id === null ? { ...rule, id: toRuleId(rule) } : rule
}

const toProtocolName = (protocol = anyProtocol) =>
  protocol === anyProtocol ? null : names[protocol] ?? protocol

/** Maps a rule of a cloud where rules have ids. */
export const toRule = (raw: RawRule): SecurityGroupRule =>
  toRuleOf(
    {
      id: raw.SecurityGroupRuleId ?? '',
      isEgress: raw.IsEgress === true,
      protocol: raw.IpProtocol,
      from: raw.FromPort,
      to: raw.ToPort
    },
    {
      cidr: raw.CidrIpv4 ?? raw.CidrIpv6,
      prefixList: raw.PrefixListId,
      group: raw.ReferencedGroupInfo?.GroupId || undefined,
      description: raw.Description
    }
  )

/** Maps the rules of a group, for clouds whose rules have no ids. A permission holds rules with the same ports. */
export const rulesOf = (
  { IpPermissions: ingress = [], IpPermissionsEgress: egress = [] }: RawGroup
) => [
  ...ingress.flatMap((permission) => fromPermission(permission, false)),
  ...egress.flatMap((permission) => fromPermission(permission, true))
]

export function fromPermission (permission: IpPermission, isEgress: boolean): SecurityGroupRule[] {
  const { IpProtocol: protocol, FromPort: from, ToPort: to } = permission
  const { IpRanges: v4 = [], Ipv6Ranges: v6 = [], PrefixListIds: lists = [] } = permission
  const { UserIdGroupPairs: groups = [] } = permission
  const sources: RuleSource[] = [
    ...v4.map((range) => ({ cidr: range.CidrIp, description: range.Description })),
    ...v6.map((range) => ({ cidr: range.CidrIpv6, description: range.Description })),
    ...lists.map((list) => ({ prefixList: list.PrefixListId, description: list.Description })),
    ...groups.map((pair) => ({ group: pair.GroupId || undefined, description: pair.Description }))
  ]
  return sources.map((source) => toRuleOf({ id: null, isEgress, protocol, from, to }, source))
}

/** Builds an id from the fields of a rule, which can be part of a path: `ingress.tcp.80.81.10.0.0.0_8`. */
function toRuleId (rule: SecurityGroupRule) {
  const first = rule.port_min ?? rule.icmp_type ?? 'any'
  const last = rule.port_max ?? rule.icmp_code ?? 'any'
  const source = rule.cidr ?? rule.remote_group_id ?? 'unknown'
  return [rule.direction, rule.protocol ?? 'any', first, last, source.replace('/', '_')].join('.')
}

/** Translates the protocol for the cloud. Throws validation_failed. */
function toProtocol (protocol: string | null | undefined) {
  if (protocol === undefined || protocol === null || protocol === 'any') return anyProtocol
  if (namedProtocols.has(protocol)) return protocol
  const number = /^\d+$/.test(protocol) ? protocol : numbers[protocol]
  if (number === undefined) {
    const known = [...namedProtocols, ...Object.keys(numbers)].join(', ')
    throw invalid('/protocol', `must be a protocol number or one of: ${known}`)
  }
  return names[number] ?? number
}

/** The cloud has the ports of TCP and UDP in the same fields as type and code of ICMP. */
function toPorts (protocol: string, input: SecurityGroupRuleCreate) {
  const { port_min: first, port_max: last, icmp_type: type, icmp_code: code } = input
  if (first !== undefined && !hasPorts(protocol)) {
    throw invalid('/port_min', 'requires the protocol tcp or udp')
  }
  if (type === undefined && code !== undefined) {
    throw invalid('/icmp_type', 'is required with icmp_code')
  }
  if (isIcmp(protocol)) return { FromPort: type ?? -1, ToPort: code ?? -1 }
  return hasPorts(protocol) ? { FromPort: first ?? 0, ToPort: last ?? first ?? lastPort } : {}
}

const familyOf = (cidr: string) => cidr.includes(':') ? 'IPv6' : 'IPv4'

/** Returns the family of a rule: that of its addresses, or of its protocol. Throws validation_failed. */
function toEthertype (
  { cidr, ethertype: requested }: SecurityGroupRuleCreate,
  protocol: string,
  hasIpv6: boolean
) {
  const family = cidr === undefined ? undefined : familyOf(cidr)
  const ethertype = requested ?? family ?? (protocol === 'icmpv6' ? 'IPv6' : 'IPv4')
  if (family !== undefined && family !== ethertype) {
    throw invalid('/cidr', `must be a block of ${ethertype}`)
  }
  if (protocol === 'icmpv6' && ethertype === 'IPv4') {
    throw invalid('/protocol', 'must be icmp for IPv4')
  }
  if (ethertype === 'IPv6' && !hasIpv6) {
    throw invalid(
      family === undefined ? '/ethertype' : '/cidr',
      'must be IPv4: this cloud has no IPv6'
    )
  }
  return ethertype
}

/** Translates a rule. Without addresses and group it is for all addresses of its family. Throws validation_failed. */
export function toPermission (input: SecurityGroupRuleCreate, hasIpv6: boolean): IpPermission {
  const { cidr, remote_group_id: group, description } = input
  const protocol = toProtocol(input.protocol)
  const ethertype = toEthertype(input, protocol, hasIpv6)
  const permission = { IpProtocol: protocol, ...toPorts(protocol, input) }
  const label = description ? { Description: description } : {}
  if (group !== undefined) {
    return { ...permission, UserIdGroupPairs: [{ GroupId: group, ...label }] }
  }
  const block = cidr ?? anyAddress[ethertype]
  return ethertype === 'IPv6'
    ? { ...permission, Ipv6Ranges: [{ CidrIpv6: block, ...label }] }
    : { ...permission, IpRanges: [{ CidrIp: block, ...label }] }
}

/** Returns the permission of an existing rule, by which a cloud without ids of rules deletes it. */
export const permissionOf = (rule: SecurityGroupRule): IpPermission =>
  toPermission({
    direction: rule.direction,
    protocol: rule.protocol,
    port_min: rule.port_min ?? undefined,
    port_max: rule.port_max ?? undefined,
    icmp_type: rule.icmp_type ?? undefined,
    icmp_code: rule.icmp_code ?? undefined,
    cidr: rule.cidr ?? undefined,
    remote_group_id: rule.remote_group_id ?? undefined
  }, true)
