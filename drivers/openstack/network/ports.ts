import { ProblemError } from '../../../openapi/model/index.ts'
import type { Call } from '../../call.ts'
import { findBy, type Neutron, type Port } from './neutron.ts'

/** The ports of some servers, by the server's id. */
export type PortsByDevice = ReadonlyMap<string, readonly Port[]>

export interface PortsResult {
  /** Null if the ports could not be read. */
  ports: PortsByDevice | null
  /** The reason why the ports could not be read; undefined if the cloud has no network service. */
  problem?: ProblemError
}

const fields = ['id', 'device_id', 'network_id', 'mac_address', 'fixed_ips', 'security_groups']

/**
 * Reads the ports of servers: one call for each hundred. Does not throw, since a node is valid
 * without its ports.
 */
export async function readPorts (
  { ports: calls }: Pick<Neutron, 'ports'>,
  ids: readonly string[],
  call: Call
): Promise<PortsResult> {
  try {
    const ports = await findBy(calls, 'device_id', ids, { fields }, call)
    return { ports: groupByDevice(ports) }
  } catch (error) {
    if (!(error instanceof ProblemError)) throw error
    return error.code === 'not_supported' ? { ports: null } : { ports: null, problem: error }
  }
}

function groupByDevice (ports: readonly Port[]): PortsByDevice {
  const groups = new Map<string, Port[]>()
  for (const port of ports) {
    const group = groups.get(port.device_id)
    if (group === undefined) groups.set(port.device_id, [port])
    else group.push(port)
  }
  return groups
}
