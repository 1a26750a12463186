import type { SecurityGroupRule, SecurityGroupRuleCreate } from '../../../openapi/model/index.ts'
import type { FieldRefusal } from '../../common/refusals.ts'
import type { NeutronRule } from './neutron.ts'

/** Protocols that Neutron names differently. */
const protocols: Readonly<Record<string, string>> = { 'ipv6-icmp': 'icmpv6', any: '' }
const icmp = new Set(['icmp', 'icmpv6', 'ipv6-icmp', '1', '58'])

/** Refusals of a rule. Each message was provoked. */
export const ruleFields: readonly FieldRefusal[] = [
  { pattern: /^Invalid CIDR|^Conflicting value ethertype/, pointer: '/cidr' },
  { pattern: /^ICMP code .* ICMP type|for ICMP type/, pointer: '/icmp_type' },
  { pattern: /for ICMP code/, pointer: '/icmp_code' },
  { pattern: /rule protocol|^Invalid ethertype .* for protocol/i, pointer: '/protocol' },
  { pattern: /specify protocol|^Ports cannot be specified/i, pointer: '/protocol' },
  { pattern: /port_range_min|^Invalid value for port/, pointer: '/port_min' }
]

/** The fields of Neutron that restrict the remote end, and what each of them names. */
const remoteFields: Readonly<Record<string, SecurityGroupRule['remote']>> = {
  remote_ip_prefix: 'cidr',
  remote_group_id: 'security_group',
  remote_address_group_id: 'address_group'
}

/**
 * Finds the kind of the remote end. All fields of Neutron that restrict it begin with `remote_`, so that one that was
 * added since is never shown as no restriction.
 */
function remoteOf (raw: NeutronRule): SecurityGroupRule['remote'] {
  const set = Object.entries(raw).filter(([field, value]) =>
    field.startsWith('remote_') && (value ?? '') !== ''
  )
  const kinds = set.map(([field]) =>
    Object.hasOwn(remoteFields, field) ? remoteFields[field] : 'unknown'
  )
  if (kinds.length === 0) return 'any'
  return kinds.length === 1 ? kinds[0] : 'unknown'
}

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
    remote: remoteOf(raw),
    cidr: raw.remote_ip_prefix ?? null,
    remote_group_id: raw.remote_group_id ?? null,
    remote_address_group_id: raw.remote_address_group_id ?? null,
    description: raw.description || null
  }
}

/** Makes the body of a rule. Without `ethertype`, the family is that of the addresses or of the protocol. */
export function toRuleBody (group: string, input: SecurityGroupRuleCreate) {
  const { direction, ethertype, protocol, cidr, description } = input
  const isV6 = cidr?.includes(':') === true || protocol === 'icmpv6' ||
    protocol?.startsWith('ipv6-') === true
  return {
    security_group_id: group,
    direction,
    ethertype: ethertype ?? (isV6 ? 'IPv6' : 'IPv4'),
    protocol: protocol ?? undefined,
    port_range_min: input.icmp_type ?? input.port_min,
    port_range_max: input.icmp_code ?? input.port_max ?? input.port_min,
    remote_ip_prefix: cidr,
    remote_group_id: input.remote_group_id,
    description
  }
}
