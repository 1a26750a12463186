import { ProblemError } from '../../../openapi/model/index.ts'
import type { Call } from '../../call.ts'
import type { Client } from '../client/client.ts'
import { resources } from '../client/resources.ts'

/** A port of Neutron, in the fields that are asked for. */
export interface Port {
  id: string
  device_id: string
  network_id: string
  mac_address: string
  fixed_ips?: Array<{ ip_address: string, subnet_id?: string }>
  security_groups?: string[]
  name?: string
  status?: string
  device_owner?: string
}

/** The ports of some servers, by the server's id. */
export type PortsByDevice = ReadonlyMap<string, readonly Port[]>

export interface PortsRead {
  /** Null where they could not be read. */
  ports: PortsByDevice | null
  /** Why not; not set where the cloud has no network service at all. */
  problem?: ProblemError
}

/** 100 ids make a URL of 5 kB; servers take 8 kB. */
const most = 100
const fields = ['id', 'device_id', 'network_id', 'mac_address', 'fixed_ips', 'security_groups']

/** Reads the ports of these servers: one call of Neutron for each hundred. Does not throw: a node is there without them too. */
export async function readPorts (client: Client, ids: readonly string[], call: Call): Promise<PortsRead> {
  const chunks = Array.from({ length: Math.ceil(ids.length / most) }, (_, i) => ids.slice(i * most, (i + 1) * most))
  try {
    const found = await Promise.all(chunks.map((chunk) => readChunk(client, chunk, call)))
    return { ports: byDevice(found.flat()) }
  } catch (error) {
    if (!(error instanceof ProblemError)) throw error
    return error.code === 'not_supported' ? { ports: null } : { ports: null, problem: error }
  }
}

function byDevice (ports: readonly Port[]): PortsByDevice {
  const groups = new Map<string, Port[]>()
  for (const port of ports) {
    const group = groups.get(port.device_id)
    if (group === undefined) groups.set(port.device_id, [port])
    else group.push(port)
  }
  return groups
}

/** Neutron cuts what is longer than its page, so its links are followed. */
async function readChunk (client: Client, ids: readonly string[], call: Call) {
  const ports: Port[] = []
  let marker: string | null = null
  do {
    const query: Record<string, unknown> = { device_id: ids, fields, ...(marker === null ? {} : { marker }) }
    const page: { items: Port[], next: string | null } = await client.list<Port>({ service: 'network' }, call, (token, region, headers) =>
      resources.port.list(token, region, query, headers))
    ports.push(...page.items)
    marker = page.next
  } while (marker !== null)
  return ports
}
