import type { FieldError, SecurityGroupRuleCreate } from '../../../openapi/model/index.ts'
import { field, refuse } from '../refusal.ts'
import type { Store } from '../store.ts'
import { ruleOf } from './builtin.ts'
import { parseBlock } from './ip.ts'
import type { StoredRule } from './stored.ts'

/** Protocols by name, as Neutron has them. */
const protocols: ReadonlySet<string> = new Set([
  'ah', 'dccp', 'egp', 'esp', 'gre', 'icmp', 'icmpv6', 'igmp', 'ipip', 'ipv6-encap', 'ipv6-frag', 'ipv6-icmp', 'ipv6-nonxt', 'ipv6-opts',
  'ipv6-route', 'ospf', 'pgm', 'rsvp', 'sctp', 'tcp', 'udp', 'udplite', 'vrrp'
])

/** Those with ports: TCP, UDP, DCCP, SCTP, UDP-Lite. */
const withPorts: ReadonlySet<string> = new Set(['tcp', 'udp', 'dccp', 'sctp', 'udplite', '6', '17', '33', '132', '136'])
const icmp: ReadonlySet<string> = new Set(['icmp', 'icmpv6', 'ipv6-icmp', '1', '58'])

const isProtocol = (name: string) => protocols.has(name) || (/^\d{1,3}$/.test(name) && Number(name) <= 255)

function protocolErrors (rule: SecurityGroupRuleCreate): FieldError[] {
  const { protocol, port_min: first, port_max: last, icmp_type: type, icmp_code: code } = rule
  const name = protocol ?? null
  if (name !== null && !isProtocol(name)) return [field('/protocol', 'must be a protocol that is known here, or a number from 0 to 255')]
  const ported = name !== null && withPorts.has(name)
  const isIcmp = name !== null && icmp.has(name)
  return [
    ...(first !== undefined && !ported ? [field('/port_min', 'needs a protocol with ports, such as tcp')] : []),
    ...(first === undefined && last !== undefined ? [field('/port_min', 'is needed beside port_max')] : []),
    ...(last !== undefined && last < (first ?? 0) ? [field('/port_max', `must not be less than port_min, which is ${first}`)] : []),
    ...(type !== undefined && !isIcmp ? [field('/icmp_type', 'needs the protocol icmp or icmpv6')] : []),
    ...(type === undefined && code !== undefined ? [field('/icmp_type', 'is needed beside icmp_code')] : [])
  ]
}

function otherEndErrors (store: Store, { cidr, remote_group_id: group, ethertype }: SecurityGroupRuleCreate): FieldError[] {
  const block = cidr === undefined ? undefined : parseBlock(cidr)
  if (cidr !== undefined && block === undefined) return [field('/cidr', 'must be a block of addresses, such as 10.0.0.0/24')]
  const version = block === undefined ? ethertype : `IPv${block.version}`
  return [
    ...(ethertype !== undefined && ethertype !== version ? [field('/cidr', `must be a block of ${ethertype}`)] : []),
    ...(cidr !== undefined && group !== undefined ? [field('/remote_group_id', 'must not stand beside cidr')] : []),
    ...(group !== undefined && !store.security_groups.has(group)
      ? [field('/remote_group_id', 'must be the id of a security group of this cloud')]
      : [])
  ]
}

/** A rule as it is kept, with all that is left out filled in. Throws validation_failed. */
export function ruleFrom (store: Store, input: SecurityGroupRuleCreate, id: string): StoredRule {
  refuse([...protocolErrors(input), ...otherEndErrors(store, input)])
  const { direction, ethertype, protocol, port_min: first, port_max: last, cidr } = input
  const version = cidr === undefined ? 4 : parseBlock(cidr)!.version
  return ruleOf(id, {
    direction,
    ethertype: ethertype ?? `IPv${version}`,
    protocol: protocol ?? null,
    port_min: first ?? null,
    port_max: last ?? first ?? null,
    icmp_type: input.icmp_type ?? null,
    icmp_code: input.icmp_code ?? null,
    cidr: cidr ?? null,
    remote_group_id: input.remote_group_id ?? null,
    description: input.description ?? null
  })
}

const meant = ({ id, description, ...rule }: StoredRule) => JSON.stringify(Object.entries(rule).sort())

/** Whether two rules let the same pass, whatever they are called. */
export const isSameRule = (one: StoredRule, other: StoredRule) => meant(one) === meant(other)
