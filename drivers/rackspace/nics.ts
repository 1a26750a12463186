import { defres, type Read, type Write } from 'openstack-client'
import { ProblemError, type Nic } from '../../openapi/model/index.ts'
import type { Change, NodeService } from '../driver.ts'
import { encodeId, isPrivate, pointed, type Client, type RefusedField } from '../openstack/public.ts'

/** A virtual interface of a server: one for each network that it is on. */
export interface VirtualInterface {
  id: string
  mac_address?: string
  ip_addresses?: Array<{ address: string, network_id?: string, network_label?: string }>
}

interface Calls {
  list: Read<[node: string]>
  create: Write<[node: string]>
  del: Write<[node: string, id: string]>
}

const virtualInterface = defres<Calls>('compute', '/servers/:server_id/os-virtual-interfacesv2', 'virtual_interface', {
  only: ['list', 'create', 'del']
})

const upstream = { service: 'compute' } as const

const fields: readonly RefusedField[] = [{ said: /network/i, pointer: '/network_id' }]

/** A virtual interface as a NIC. It has no subnet, no security groups and no state of its own. */
export function toNic ({ id, ip_addresses: addresses = [], ...raw }: VirtualInterface): Nic {
  const mac = raw.mac_address ?? null
  return {
    id,
    network_id: addresses[0]?.network_id ?? null,
    subnet_id: null,
    mac,
    addresses: addresses.map(({ address, network_id: network }) => {
      const version = address.includes(':') ? 6 : 4
      const scope = isPrivate(address, version) ? 'private' : 'public'
      return { address, version, scope, kind: 'fixed', network_id: network ?? null, nic_id: id, mac }
    }),
    security_group_ids: [],
    primary: null,
    state: 'available'
  }
}

const ended = (id: string): Change => ({ resources: [{ kind: 'node', id }], until: { states: [] } })

/** NICs of nodes (`os-virtual-interfacesv2`). Rackspace answers once they are attached, or gone, and picks the addresses. */
export function createNics (client: Client) {
  return {
    async list_nics (id, call) {
      const { items } = await client.list<VirtualInterface>(upstream, call, (token, region, headers) =>
        virtualInterface.list(token, region, encodeId(id), {}, headers))
      return items.map(toNic)
    },

    async attach_nic (id, { network_id: network }, call) {
      try {
        await client.change(upstream, call, (token, region, headers) =>
          virtualInterface.create(token, region, encodeId(id), { network_id: network }, {}, headers))
        return ended(id)
      } catch (error) {
        throw explain(error)
      }
    },

    async detach_nic (id, nicId, call) {
      await client.change(upstream, call, (token, region, headers) =>
        virtualInterface.del(token, region, encodeId(id), encodeId(nicId), undefined, {}, headers))
      return ended(id)
    }
  } satisfies Pick<NodeService, 'list_nics' | 'attach_nic' | 'detach_nic'>
}

/** A network that is not there, or on which the node is already: one interface for each network is all there can be. */
function explain (error: unknown) {
  if (!(error instanceof ProblemError) || !refusals.has(error.code)) return error
  if (/already/i.test(error.message)) return new ProblemError('already_exists', error.message, { ...error.details, cause: error })
  return error.code === 'invalid_state' ? error : pointed(error, fields) ?? error
}

const refusals = new Set<string>(['provider_rejected', 'resource_not_found', 'invalid_state', 'already_exists'])
