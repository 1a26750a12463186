import type { Node } from '../../../openapi/model/index.ts'
import type { Call } from '../../call.ts'
import type { Identity, ListQuery, ListResult, NodeService, ReadOptions } from '../../driver.ts'
import { createActions } from './actions.ts'
import type { Client } from '../client/client.ts'
import { createConsole } from './console.ts'
import { pushDown } from '../client/filters.ts'
import type { Neutron } from '../network/neutron.ts'
import { createNicPorts } from '../network/nic-ports.ts'
import { createNics } from './nics.ts'
import { createNodeCreate } from './node-create.ts'
import { createNodeGroups } from './node-security-groups.ts'
import { toNode, type Server } from './node-mapping.ts'
import { createNodePorts } from './node-ports.ts'
import { createNodeUpdate } from './node-update.ts'
import { readPorts, type PortsByDevice } from '../network/ports.ts'
import { createRefusals } from './refusals.ts'
import { readServer, readServers } from './servers.ts'

export interface NodesOptions {
  client: Client
  /** Name of the driver. */
  driver: string
  /** Origin of a node. */
  identify: (id: string) => Identity
  /** Where the cloud has Neutron: NICs, and the ports that a create may need. */
  neutron?: Neutron
  /** The methods that the cloud has, where it has not all of Nova's. */
  methods?: ReadonlySet<string>
}

/** Servers of Nova as nodes, with their ports of Neutron. */
export function createNodes ({ client, driver, identify, neutron, methods }: NodesOptions): NodeService {
  const can = new Set<string>()

  const mapWith = (ports: PortsByDevice | null, extra: boolean) => (server: Server): Node =>
    toNode(server, { identity: identify(server.id), ports, can, extra })

  const list = async ({ limit, token, filters, extra }: ListQuery, call: Call): Promise<ListResult<Node>> => {
    const { query, applied } = pushDown(filters)
    const { items: servers, next } = await readServers(client, { ...query, limit }, token, call)
    const { ports, problem } = await readPorts(client, servers.map(({ id }) => id), call)
    return { items: servers.map(mapWith(ports, extra)), next, applied, ...(problem === undefined ? {} : { partial: problem }) }
  }

  const get = async (id: string, { extra }: ReadOptions, call: Call): Promise<Node> => {
    const [server, { ports }] = await Promise.all([readServer(client, id, call), readPorts(client, [id], call)])
    return mapWith(ports, extra)(server)
  }

  const read = (id: string, call: Call) => readServer(client, id, call)
  const refusals = createRefusals({ read, can })
  const nicPorts = neutron && createNicPorts(neutron)
  const ports = neutron && createNodePorts(neutron, nicPorts!, read)
  const all: NodeService = {
    list,
    get,
    ...createNodeCreate({ client, refusals, driver, ports }),
    ...createNodeUpdate({ client, refusals, get: (id, call) => get(id, { extra: false }, call) }),
    ...createActions({ client, refusals, read, can, ports }),
    ...createConsole(client, refusals),
    ...(neutron && createNics({ client, neutron, ports: nicPorts!, refusals, read })),
    ...(neutron && createNodeGroups(neutron, nicPorts!, read))
  }
  const nodes = methods === undefined
    ? all
    : Object.fromEntries(Object.entries(all).filter(([method]) => methods.has(method))) as unknown as NodeService
  for (const method of Object.keys(nodes)) can.add(method)
  return nodes
}
