import { ProblemError, type ProblemCode } from '../../../openapi/model/index.ts'
import { pointToField, type FieldRefusal } from '../../common/refusals.ts'
import type { RefusalContext } from '../client/bind.ts'

/** Neutron's field names, and the fields of our requests. */
const pointers: Readonly<Record<string, string>> = {
  name: '/name',
  description: '/description',
  mtu: '/mtu',
  network_id: '/network_id',
  cidr: '/cidr',
  gateway_ip: '/gateway_ip',
  dns_nameservers: '/dns_servers',
  external_gateway_info: '/external_gateway',
  direction: '/direction',
  ethertype: '/ethertype',
  protocol: '/protocol',
  port_range_min: '/port_min',
  port_range_max: '/port_max',
  remote_ip_prefix: '/cidr',
  remote_group_id: '/remote_group_id',
  floating_network_id: '/pool',
  port_id: '/nic_id',
  fixed_ip_address: '/fixed_address',
  subnet_id: '/subnet_id'
}

/** Refusals whose type, Neutron's own name of the error, or message says more than their status. */
const codes: ReadonlyArray<readonly [RegExp, ProblemCode]> = [
  [/^FloatingIPPortAlreadyAssociated/, 'in_use'],
  [/^(IpAddressGenerationFailure|ExternalIpAddressExhausted)/, 'provider_capacity'],
  [/^SecurityGroupCannot(Remove|Update)Default/, 'provider_rejected'],
  [/already has a port on subnet/, 'already_exists']
]

/** The codes whose message can say more than their status. */
const explainable = new Set<ProblemCode>([
  'provider_rejected',
  'resource_not_found',
  'invalid_state'
])

/**
 * Translates a refusal of Neutron. If its message names one of the `fields`, the error is
 * validation_failed at that field, also when Neutron answers 404 because the object that the field
 * names does not exist.
 */
export function explainNeutron (
  error: unknown,
  { fields }: Pick<RefusalContext, 'fields'>
): unknown {
  if (!(error instanceof ProblemError) || error.outcomeUnknown || !explainable.has(error.code)) {
    return error
  }
  const { code: type, message } = error.details.provider_error ?? {}
  const text = `${type ?? ''}: ${message ?? ''}`
  const code = codes.find(([pattern]) => pattern.test(text))?.[1]
  if (code !== undefined) return error.with({ code })
  const name = /^Invalid input for (\w+)\. Reason/.exec(message ?? '')?.[1] ?? ''
  const pointer = pointers[name]
  const named: FieldRefusal[] = pointer === undefined ? [] : [{ pattern: /./s, pointer }]
  return pointToField(error, [...fields, ...named]) ?? error
}
