import { ProblemError, type ProblemCode } from '../../../openapi/model/index.ts'
import { pointToField, type FieldRefusal } from '../../refusals.ts'

/** Neutron's names of fields, and where they are in our requests. */
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

/** Refusals whose kind (Neutron's own name of the error, or its words) says more than their status. */
const kinds: ReadonlyArray<readonly [RegExp, ProblemCode]> = [
  [/^FloatingIPPortAlreadyAssociated/, 'in_use'],
  [/^(IpAddressGenerationFailure|ExternalIpAddressExhausted)/, 'provider_capacity'],
  [/^SecurityGroupCannot(Remove|Update)Default/, 'provider_rejected'],
  [/already has a port on subnet/, 'already_exists']
]

/** What Neutron refuses with, as far as its words can say more than its status. */
const explainable = new Set<ProblemCode>(['provider_rejected', 'resource_not_found', 'invalid_state'])

/**
 * What Neutron refused, in the words of the catalogue. `fields` are those of the request that its words may name; one
 * that is not there is validation_failed then, and no resource_not_found.
 */
export function explainNeutron (error: unknown, fields: readonly FieldRefusal[] = []): unknown {
  if (!(error instanceof ProblemError) || error.outcomeUnknown || !explainable.has(error.code)) return error
  const { code, message } = error.details.provider_error ?? {}
  const said = `${code ?? ''}: ${message ?? ''}`
  const kind = kinds.find(([words]) => words.test(said))?.[1]
  if (kind !== undefined) return error.with({ code: kind })
  const name = /^Invalid input for (\w+)\. Reason/.exec(message ?? '')?.[1] ?? ''
  const named = pointers[name] === undefined ? [] : [{ pattern: /./s, pointer: pointers[name] }]
  return pointToField(error, [...fields, ...named]) ?? error
}
