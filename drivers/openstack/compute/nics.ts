import { setTimeout as delay } from 'node:timers/promises'
import { ProblemError, type Nic, type NicCreate } from '../../../openapi/model/index.ts'
import type { Call } from '../../call.ts'
import type { Change, NodeService } from '../../driver.ts'
import { isPrivate, toAddresses } from './addresses.ts'
import { encodeId, type Client } from '../client/client.ts'
import { checkFixedIps } from '../network/fixed-ips.ts'
import { invalid } from '../../invalid.ts'
import type { Neutron } from '../network/neutron.ts'
import { networkState } from '../network/networks.ts'
import { needsPort, portName, type NicPorts } from '../network/nic-ports.ts'
import type { Server } from './node-mapping.ts'
import type { Port } from '../network/ports.ts'
import { pointed, type RefusedField, type Refusals } from './refusals.ts'
import { resources } from '../client/resources.ts'

export interface NicsOptions {
  client: Client
  neutron: Neutron
  ports: NicPorts
  refusals: Refusals
  read: (id: string, call: Call) => Promise<Server>
}

/** Refusals in Nova's words. */
const fields: readonly RefusedField[] = [
  { said: /fixed ip|ip address/i, pointer: '/fixed_ip' }, { said: /^network|specific network/i, pointer: '/network_id' }
]

/** A port of a server as a NIC. The server knows its floating addresses. */
export function toNic (port: Port, server: Pick<Server, 'addresses'>): Nic {
  const { id, network_id: network, mac_address: mac, fixed_ips: ips = [] } = port
  const floating = toAddresses(server.addresses ?? {}, [port]).filter(({ kind, nic_id: nic }) => kind === 'floating' && nic === id)
  const fixed = ips.map(({ ip_address: address }): Nic['addresses'][number] => {
    const version = address.includes(':') ? 6 : 4
    const scope = isPrivate(address, version) ? 'private' : 'public'
    return { address, version, scope, kind: 'fixed', network_id: network, nic_id: id, mac }
  })
  return {
    id,
    network_id: network,
    subnet_id: ips[0]?.subnet_id ?? null,
    mac,
    addresses: [...fixed, ...floating],
    security_group_ids: port.security_groups ?? [],
    // Neither Nova nor Neutron says which came first.
    primary: null,
    state: networkState(port.status)
  }
}

const ended = (id: string): Change => ({ resources: [{ kind: 'node', id }], until: { states: [] } })

/** NICs of nodes: ports of Neutron, which Nova attaches and detaches. */
export function createNics ({ client, neutron, ports, refusals, read }: NicsOptions) {
  const attach = async (id: string, body: object, call: Call) => {
    try {
      await client.change({ service: 'compute' }, call, (token, region, headers) =>
        resources.server.attachInterface(token, region, encodeId(id), body, {}, headers))
    } catch (error) {
      if (!(error instanceof ProblemError)) throw error
      const said = error.details.provider_error?.message ?? ''
      if (/^No (more )?fixed IP/i.test(said)) throw new ProblemError('provider_capacity', said, { ...error.details, cause: error })
      const missing = error.code === 'resource_not_found' ? pointed(error, fields) : undefined
      throw missing ?? await refusals.explain(error, fields, call, id)
    }
  }

  const attachPort = async (id: string, nic: NicCreate, call: Call) => {
    const port = await ports.make({ nic, at: '', name: portName(call.operation ?? call.requestId) }, call)
    try {
      await attach(id, { port_id: port }, call)
    } catch (error) {
      // Where it is not known whether it is attached it must stay.
      if (!(error instanceof ProblemError) || !error.outcomeUnknown) await ports.release([port], call)
      throw error
    }
  }

  const attachNetwork = async (id: string, network: string, address: string | undefined, call: Call) => {
    // Nova answers one that is not there with a fault of its own.
    const found = await neutron.all(resources.network, { id: network, fields: ['id'] }, call)
    if (found.length === 0) throw invalid('/network_id', 'must be the id of a network')
    if (address !== undefined) await checkFixedIps(neutron, [{ pointer: '/fixed_ip', network_id: network, fixed_ip: address }], call)
    await attach(id, { net_id: network, ...(address === undefined ? {} : { fixed_ips: [{ ip_address: address }] }) }, call)
  }

  /** Nova detaches after it has answered; then the port is gone, or belongs to nobody. */
  const untilDetached = async (id: string, nicId: string, call: Call) => {
    const query = { id: nicId, device_id: id, fields: ['id'] }
    for (let pause = 100; (await neutron.all<Port>(resources.port, query, call)).length > 0; pause = Math.min(pause * 2, 500)) {
      try {
        await delay(pause, undefined, { signal: call.signal })
      } catch {
        throw new ProblemError('provider_timeout', 'The cloud has accepted this, but the NIC is still attached')
      }
    }
  }

  return {
    async list_nics (id, call) {
      const [server, found] = await Promise.all([read(id, call), ports.of(id, call)])
      return found.map((port) => toNic(port, server))
    },

    /** Nova answers once it is attached. */
    async attach_nic (id, input, call) {
      if (needsPort(input)) await attachPort(id, input, call)
      else await attachNetwork(id, input.network_id!, input.fixed_ip, call)
      return ended(id)
    },

    async detach_nic (id, nicId, call) {
      const [port] = await neutron.all<Port>(resources.port, { id: nicId, device_id: id, fields: ['id', 'name'] }, call)
      if (port === undefined) throw new ProblemError('resource_not_found', `The node has no NIC ${nicId}`)
      try {
        await client.change({ service: 'compute' }, call, (token, region, headers) =>
          resources.server.detachInterface(token, region, encodeId(id), encodeId(nicId), undefined, {}, headers))
      } catch (error) {
        throw await refusals.explain(error, [], call, id)
      }
      await untilDetached(id, nicId, call)
      if (ports.isOurs(port)) await ports.release([nicId], call)
      return ended(id)
    }
  } satisfies Pick<NodeService, 'list_nics' | 'attach_nic' | 'detach_nic'>
}
