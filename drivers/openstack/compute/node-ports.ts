import { randomUUID } from 'node:crypto'
import { ProblemError, type NodeCreate } from '../../../openapi/model/index.ts'
import type { Call } from '../../call.ts'
import { invalid } from '../../common/invalid.ts'
import { operationKey } from '../../common/tags.ts'
import { checkFixedIps } from '../network/fixed-ips.ts'
import type { Neutron } from '../network/neutron.ts'
import { needsPort, portName, type NicPorts } from '../network/nic-ports.ts'
import type { Servers } from './servers.ts'

/** The networks of a create, in Nova's form. */
export interface PreparedNics {
  /** Undefined if the create names none. */
  networks: object[] | undefined
  /** Ports that were made for the node. */
  made: string[]
}

/** Makes and removes the ports of nodes. */
export interface NodePorts {
  /** Throws what `prepare` throws before it makes the first port. */
  check(input: NodeCreate, call: Call): Promise<void>
  /** Makes the ports that a create needs. If it throws, it has made none. */
  prepare(input: NodeCreate, operation: string | undefined, call: Call): Promise<PreparedNics>
  release: NicPorts['release']
  /**
   * Finds the ports of a node that were made here, which Nova would leave behind. Does not throw.
   */
  ownOf(node: string, call: Call): Promise<string[]>
}

type Networks = NonNullable<NodeCreate['networks']>

function checkNetworks (networks: Networks, { count = 1 }: NodeCreate) {
  networks.forEach(({ network_id: network, subnet_id: subnet }, i) => {
    if (network !== undefined || subnet !== undefined) return
    throw invalid(`/networks/${i}/network_id`, 'or subnet_id is required by this cloud')
  })
  const first = networks.findIndex(needsPort)
  if (count > 1 && first !== -1) {
    throw invalid(
      '/count',
      `must be 1 if a NIC has subnet_id or security_group_ids, as networks/${first} has`
    )
  }
}

/** Lists the fixed addresses that Nova assigns. Those of ports are checked by Neutron. */
const requestedIps = (networks: Networks) =>
  networks.flatMap(({ network_id: network, subnet_id: subnet, fixed_ip: address }, i) =>
    network === undefined || subnet !== undefined || address === undefined
      ? []
      : [{ pointer: `/networks/${i}/fixed_ip`, network_id: network, fixed_ip: address }]
  )

/** Makes the functions that make and remove the ports of nodes. */
export function createNodePorts (
  neutron: Neutron,
  ports: NicPorts,
  servers: Pick<Servers, 'show'>
): NodePorts {
  const makeAll = async (
    networks: Networks,
    input: NodeCreate,
    name: string,
    call: Call
  ): Promise<PreparedNics> => {
    const made: string[] = []
    const converted: object[] = []
    try {
      for (const [i, nic] of networks.entries()) {
        if (needsPort(nic)) {
          const pointer = `/networks/${i}`
          const port = await ports.create(
            { nic, pointer, groups: input.security_group_ids, name },
            call
          )
          made.push(port)
          converted.push({ port })
        } else {
          converted.push({ uuid: nic.network_id, fixed_ip: nic.fixed_ip })
        }
      }
      return { networks: converted, made }
    } catch (error) {
      await ports.release(made, call)
      throw error
    }
  }

  const check = async (input: NodeCreate, call: Call) => {
    const { networks = [] } = input
    checkNetworks(networks, input)
    await checkFixedIps(neutron, requestedIps(networks), call)
  }

  return {
    release: ports.release,
    check,

    async prepare (input, operation, call) {
      const { networks } = input
      if (networks === undefined) return { networks, made: [] }
      await check(input, call)
      const name = portName(operation ?? randomUUID())
      // An earlier attempt of this operation may have left ports without a server.
      if (operation !== undefined && networks.some(needsPort)) {
        await ports.release(await ports.findUnbound(name, call), call)
      }
      return makeAll(networks, input, name, call)
    },

    async ownOf (node, call) {
      try {
        const bound = await ports.ofNode(node, call)
        if (bound.length > 0) return bound.filter(ports.isOwn).map(({ id }) => id)
        // A server whose build failed has lost its ports. They have the name of its operation.
        const { metadata } = await servers.show(node, call)
        const operation = metadata?.[operationKey]
        return operation === undefined ? [] : await ports.findUnbound(portName(operation), call)
      } catch (error) {
        if (!(error instanceof ProblemError)) throw error
        if (error.code !== 'not_supported') {
          call.log.warn({ err: error, node }, 'the ports of a node could not be read')
        }
        return []
      }
    }
  }
}
