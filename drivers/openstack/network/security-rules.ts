import type { SecurityGroupRule, SecurityGroupRuleCreate } from '../../../openapi/model/index.ts'
import type { NeutronObject } from './neutron.ts'
import type { FieldRefusal } from '../../refusals.ts'

/** A rule of a security group as Neutron tells it. */
export interface NeutronRule extends NeutronObject {
  security_group_id: string
  direction: string
  ethertype?: string | null
  protocol?: string | null
  /** Of ICMP: the type. */
  port_range_min?: number | null
  /** Of ICMP: the code. */
  port_range_max?: number | null
  remote_ip_prefix?: string | null
  remote_group_id?: string | null
}

/** Neutron's names of what we call otherwise. */
const protocols: Readonly<Record<string, string>> = { 'ipv6-icmp': 'icmpv6', any: '' }
const icmp = new Set(['icmp', 'icmpv6', 'ipv6-icmp', '1', '58'])

/** Refusals in Neutron's words (each was provoked). */
export const ruleFields: readonly FieldRefusal[] = [
  { pattern: /^Invalid CIDR|^Conflicting value ethertype/, pointer: '/cidr' },
  { pattern: /^ICMP code .* ICMP type|for ICMP type/, pointer: '/icmp_type' },
  { pattern: /for ICMP code/, pointer: '/icmp_code' },
  { pattern: /rule protocol|^Invalid ethertype .* for protocol|specify protocol|^Ports cannot be specified/i, pointer: '/protocol' },
  { pattern: /port_range_min|^Invalid value for port/, pointer: '/port_min' }
]

export function toRule (raw: NeutronRule): SecurityGroupRule {
  const { protocol = null, port_range_min: first = null, port_range_max: last = null } = raw
  const isIcmp = protocol !== null && icmp.has(protocol)
  return {
    id: raw.id,
    direction: raw.direction as SecurityGroupRule['direction'],
    ethertype: (raw.ethertype ?? 'IPv4') as SecurityGroupRule['ethertype'],
    protocol: protocol === null ? null : (protocols[protocol] ?? protocol) || null,
    port_min: isIcmp ? null : first,
    port_max: isIcmp ? null : last,
    icmp_type: isIcmp ? first : null,
    icmp_code: isIcmp ? last : null,
    cidr: raw.remote_ip_prefix ?? null,
    remote_group_id: raw.remote_group_id ?? null,
    description: raw.description || null
  }
}

/** The body of a rule. Its family is that of its addresses, or of its protocol, where it is not given. */
export function toRuleBody (group: string, input: SecurityGroupRuleCreate) {
  const { direction, ethertype, protocol, cidr, description } = input
  const isV6 = cidr?.includes(':') === true || protocol === 'icmpv6' || protocol?.startsWith('ipv6-') === true
  const first = input.icmp_type ?? input.port_min
  const last = input.icmp_code ?? input.port_max ?? input.port_min
  const body = {
    security_group_id: group,
    direction,
    ethertype: ethertype ?? (isV6 ? 'IPv6' : 'IPv4'),
    protocol: protocol ?? undefined,
    port_range_min: first,
    port_range_max: last,
    remote_ip_prefix: cidr,
    remote_group_id: input.remote_group_id,
    description
  }
  return Object.fromEntries(Object.entries(body).filter(([, value]) => value !== undefined))
}
