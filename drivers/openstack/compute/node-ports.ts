import { randomUUID } from 'node:crypto'
import { ProblemError, type NodeCreate } from '../../../openapi/model/index.ts'
import type { Call } from '../../call.ts'
import { checkFixedIps } from '../network/fixed-ips.ts'
import { invalid } from '../../invalid.ts'
import type { Neutron } from '../network/neutron.ts'
import { needsPort, portName, type NicPorts } from '../network/nic-ports.ts'
import type { Server } from './node-mapping.ts'
import { operationKey } from '../../tags.ts'

/** The networks of a create, as Nova takes them. */
export interface PreparedNics {
  /** Undefined where the create names none. */
  networks: object[] | undefined
  /** Ports that were made for it. */
  made: string[]
}

/** What the creation and the end of a node do to ports. */
export interface NodePorts {
  /** Makes the ports that a create needs. Where it throws it has made none. */
  prepare (input: NodeCreate, operation: string | undefined, call: Call): Promise<PreparedNics>
  release: NicPorts['release']
  /** The ports of a node that were made here and that Nova would leave behind. Does not throw. */
  ownOf (node: string, call: Call): Promise<string[]>
}

type Networks = NonNullable<NodeCreate['networks']>

/** What a create that needs ports cannot have beside them. */
function check (networks: Networks, { count = 1 }: NodeCreate) {
  networks.forEach(({ network_id: network, subnet_id: subnet }, i) => {
    if (network === undefined && subnet === undefined) throw invalid(`/networks/${i}/network_id`, 'is required by this cloud, or subnet_id')
  })
  const first = networks.findIndex(needsPort)
  if (count > 1 && first !== -1) {
    throw invalid('/count', `must be 1 where a NIC has subnet_id or security_group_ids, as networks/${first} has`)
  }
}

/** Makes and removes the ports of nodes. `read` reads a server. */
export function createNodePorts (neutron: Neutron, ports: NicPorts, read: (id: string, call: Call) => Promise<Server>): NodePorts {
  const wantedIps = (networks: Networks) => networks.flatMap(({ network_id: network, subnet_id: subnet, fixed_ip: address }, i) =>
    network === undefined || subnet !== undefined || address === undefined
      ? []
      : [{ pointer: `/networks/${i}/fixed_ip`, network_id: network, fixed_ip: address }])

  const makeAll = async (networks: Networks, input: NodeCreate, name: string, call: Call): Promise<PreparedNics> => {
    const made: string[] = []
    const told: object[] = []
    try {
      for (const [i, nic] of networks.entries()) {
        if (needsPort(nic)) {
          const port = await ports.make({ nic, at: `/networks/${i}`, groups: input.security_group_ids, name }, call)
          made.push(port)
          told.push({ port })
        } else {
          told.push({ uuid: nic.network_id, ...(nic.fixed_ip === undefined ? {} : { fixed_ip: nic.fixed_ip }) })
        }
      }
      return { networks: told, made }
    } catch (error) {
      await ports.release(made, call)
      throw error
    }
  }

  return {
    release: ports.release,

    async prepare (input, operation, call) {
      const { networks } = input
      if (networks === undefined) return { networks, made: [] }
      check(networks, input)
      await checkFixedIps(neutron, wantedIps(networks), call)
      const name = portName(operation ?? randomUUID())
      // Of an earlier attempt whose server was never made.
      if (operation !== undefined && networks.some(needsPort)) await ports.release(await ports.unbound(name, call), call)
      return makeAll(networks, input, name, call)
    },

    async ownOf (node, call) {
      try {
        const bound = await ports.of(node, call)
        if (bound.length > 0) return bound.filter(ports.isOurs).map(({ id }) => id)
        // One whose build failed has lost its ports; the operation that made both still tells them.
        const operation = (await read(node, call)).metadata?.[operationKey]
        return operation === undefined ? [] : await ports.unbound(portName(operation), call)
      } catch (error) {
        if (!(error instanceof ProblemError)) throw error
        if (error.code !== 'not_supported') call.log.warn({ err: error, node }, 'the ports of a node could not be read')
        return []
      }
    }
  }
}
