import { defres } from 'openstack-client'
import { ProblemError, type Nic, type ProblemCode } from '../../openapi/model/index.ts'
import { toChange } from '../common/changes.ts'
import type { NodeService } from '../driver.ts'
import { bind, toFixedAddress, type Client } from '../openstack/public.ts'
import { explainFields, explaining, type FieldRefusal } from '../common/refusals.ts'

/** A virtual interface of a server. A server has one for each of its networks. */
export interface VirtualInterface {
  id: string
  mac_address?: string
  ip_addresses?: Array<{ address: string, network_id?: string, network_label?: string }>
}

const interfaceCalls = defres(
  'compute',
  '/servers/:server_id/os-virtual-interfacesv2',
  'virtual_interface',
  {
    only: ['list', 'create', 'del']
  }
)

const fields: readonly FieldRefusal[] = [{ pattern: /network/i, pointer: '/network_id' }]

/**
 * Converts a virtual interface, which has no subnet, no security groups and no state of its own.
 */
export function toNic (
  { id, mac_address: mac, ip_addresses: addresses = [] }: VirtualInterface
): Nic {
  return {
    id,
    network_id: addresses[0]?.network_id ?? null,
    subnet_id: null,
    mac: mac ?? null,
    addresses: addresses.map(({ address, network_id: network }) =>
      toFixedAddress(address, { id, network, mac })
    ),
    security_group_ids: [],
    primary: null,
    state: 'available'
  }
}

/**
 * NICs of nodes (`os-virtual-interfacesv2`). Rackspace answers when the NIC is attached or gone,
 * and chooses the addresses.
 */
export function createNics (client: Client) {
  const interfaces = bind<VirtualInterface>(client, interfaceCalls, { service: 'compute' })

  return {
    async list_nics (id, call) {
      const { items } = await interfaces.of(id).list({}, call)
      return items.map(toNic)
    },

    async attach_nic (id, { network_id: network }, call) {
      await explaining(explainAttach, () => interfaces.post(id, { network_id: network }, call))
      return toChange('node', id, { states: [] })
    },

    async detach_nic (id, nicId, call) {
      await interfaces.of(id).remove(nicId, call)
      return toChange('node', id, { states: [] })
    }
  } satisfies Pick<NodeService, 'list_nics' | 'attach_nic' | 'detach_nic'>
}

const attachCodes: readonly ProblemCode[] = [
  'provider_rejected',
  'resource_not_found',
  'invalid_state',
  'already_exists'
]

/**
 * The network is unknown, or the node is on it already: a node has one interface for each network.
 */
function explainAttach (error: unknown) {
  if (
    error instanceof ProblemError && attachCodes.includes(error.code) &&
    /already/i.test(error.message)
  ) {
    return error.with({ code: 'already_exists' })
  }
  return explainFields(error, fields)
}
