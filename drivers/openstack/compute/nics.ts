import { setTimeout as delay } from 'node:timers/promises'
import { ProblemError, type Nic, type NicCreate } from '../../../openapi/model/index.ts'
import type { Call } from '../../call.ts'
import { toChange } from '../../common/changes.ts'
import type { NodeService } from '../../driver.ts'
import { invalid } from '../../common/invalid.ts'
import { pointToField } from '../../common/refusals.ts'
import { bind, type RefusalContext } from '../client/bind.ts'
import type { Client } from '../client/client.ts'
import { resources } from '../client/resources.ts'
import { checkFixedIps } from '../network/fixed-ips.ts'
import type { Neutron, Port } from '../network/neutron.ts'
import { networkState } from '../network/networks.ts'
import { needsPort, portName, type NicPorts } from '../network/nic-ports.ts'
import { toAddresses, toFixedAddress } from './addresses.ts'
import type { Server } from './node-mapping.ts'
import { nicFields } from './refusals.ts'
import type { Servers } from './servers.ts'

export interface NicsOptions {
  client: Client
  neutron: Neutron
  ports: NicPorts
  servers: Servers
}

/** Converts a port of a server. The floating addresses are in the server. */
export function toNic (port: Port, server: Pick<Server, 'addresses'>): Nic {
  const { id, network_id: network, mac_address: mac, fixed_ips: ips = [] } = port
  const all = toAddresses(server.addresses ?? {}, [port])
  const floating = all.filter((address) => address.kind === 'floating' && address.nic_id === id)
  const fixed = ips.map(({ ip_address: address }) => toFixedAddress(address, { id, network, mac }))
  return {
    id,
    network_id: network,
    subnet_id: ips[0]?.subnet_id ?? null,
    mac,
    addresses: [...fixed, ...floating],
    security_group_ids: port.security_groups ?? [],
    // Neither Nova nor Neutron knows which port came first.
    primary: null,
    state: networkState(port)
  }
}

/** NICs of nodes: ports of Neutron, which Nova attaches and detaches. */
export function createNics ({ client, neutron, ports, servers }: NicsOptions) {
  const explain = (error: unknown, context: RefusalContext) => {
    if (!(error instanceof ProblemError)) return error
    const { provider_error: { message } = {} } = error.details
    if (/^No (more )?fixed IP/i.test(message ?? '')) {
      return error.with({ code: 'provider_capacity' })
    }
    const missing = error.code === 'resource_not_found'
      ? pointToField(error, context.fields)
      : undefined
    return missing ?? servers.explain(error, context)
  }

  const interfaces = bind(
    client,
    { create: resources.server.attachInterface, del: resources.server.detachInterface },
    { service: 'compute', explain }
  )

  const attach = (id: string, body: object, call: Call) =>
    interfaces.post(id, body, call, { fields: nicFields })

  const attachPort = async (id: string, nic: NicCreate, call: Call) => {
    const port = await ports.create(
      { nic, pointer: '', name: portName(call.operation ?? call.requestId) },
      call
    )
    try {
      await attach(id, { port_id: port }, call)
    } catch (error) {
      // The port must stay if it may be attached.
      if (!(error instanceof ProblemError) || !error.outcomeUnknown) {
        await ports.release([port], call)
      }
      throw error
    }
  }

  const attachNetwork = async (
    id: string,
    network: string,
    address: string | undefined,
    call: Call
  ) => {
    // Nova answers a missing network with an internal error.
    const found = await neutron.networks.all({ id: network, fields: ['id'] }, call)
    if (found.length === 0) throw invalid('/network_id', 'must be the id of a network')
    if (address !== undefined) {
      await checkFixedIps(neutron, [{
        pointer: '/fixed_ip',
        network_id: network,
        fixed_ip: address
      }], call)
    }
    await attach(id, { net_id: network, fixed_ips: address && [{ ip_address: address }] }, call)
  }

  /** Waits until the port is gone or free, because Nova answers before it has detached the port. */
  const waitUntilDetached = async (id: string, nicId: string, call: Call) => {
    const query = { id: nicId, device_id: id, fields: ['id'] }
    let pause = 100
    while ((await neutron.ports.all(query, call)).length > 0) {
      try {
        await delay(pause, undefined, { signal: call.signal })
      } catch {
        throw new ProblemError(
          'provider_timeout',
          'The cloud has accepted this, but the NIC is still attached'
        )
      }
      pause = Math.min(pause * 2, 500)
    }
  }

  return {
    async list_nics (id, call) {
      const [server, found] = await Promise.all([servers.show(id, call), ports.ofNode(id, call)])
      return found.map((port) => toNic(port, server))
    },

    /** Nova answers when the NIC is attached. */
    async attach_nic (id, input, call) {
      if (needsPort(input)) await attachPort(id, input, call)
      else await attachNetwork(id, input.network_id!, input.fixed_ip, call)
      return toChange('node', id, { states: [] })
    },

    async detach_nic (id, nicId, call) {
      const query = { id: nicId, device_id: id, fields: ['id', 'name'] }
      const [port] = await neutron.ports.all(query, call)
      if (port === undefined) {
        throw new ProblemError('resource_not_found', `The node has no NIC ${nicId}`)
      }
      await interfaces.of(id).remove(nicId, call)
      await waitUntilDetached(id, nicId, call)
      if (ports.isOwn(port)) await ports.release([nicId], call)
      return toChange('node', id, { states: [] })
    }
  } satisfies Pick<NodeService, 'list_nics' | 'attach_nic' | 'detach_nic'>
}
