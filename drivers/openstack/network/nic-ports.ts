import { ProblemError, type NicCreate } from '../../../openapi/model/index.ts'
import type { Call } from '../../call.ts'
import { invalid } from '../../common/invalid.ts'
import type { FieldRefusal } from '../../common/refusals.ts'
import type { Neutron, Port } from './neutron.ts'

const prefix = 'orchestrator:'

/** Returns the name of the ports that an operation creates for NICs, by which they are found again. */
export const portName = (operation: string) => `${prefix}${operation}`

export interface NicPortCreate {
  nic: NicCreate
  /** JSON Pointer of the NIC in the request: `/networks/0`, or empty. */
  pointer: string
  /** The security groups of a NIC that names none. */
  groups?: readonly string[]
  name: string
}

/**
 * Returns whether a NIC needs a port that is created here. Nova attaches a network by itself, but
 * neither one of its subnets nor security groups of one NIC.
 */
export const needsPort = ({ subnet_id: subnet, security_group_ids: groups }: NicCreate) =>
  subnet !== undefined || groups !== undefined

/** Refusals of a port. Each message was provoked. */
const fieldsAt = (pointer: string, hasOwnGroups: boolean): readonly FieldRefusal[] => [
  {
    pattern: /^Network .* could not be found|^Invalid input for network_id/,
    pointer: `${pointer}/network_id`
  },
  { pattern: /security.group/i, pointer: `${hasOwnGroups ? pointer : ''}/security_group_ids` },
  { pattern: /invalid subnet/, pointer: `${pointer}/subnet_id` },
  { pattern: /^IP address|fixed.ips?|ip_address/i, pointer: `${pointer}/fixed_ip` },
  { pattern: /subnet/i, pointer: `${pointer}/subnet_id` }
]

/** Creates and removes the ports of NICs. Nova does not delete a port that it has not created. */
export function createNicPorts ({ ports, subnets }: Neutron) {
  const findNetwork = async (
    { network_id: network, subnet_id: subnet }: NicCreate,
    pointer: string,
    call: Call
  ) => {
    if (network !== undefined) return network
    const query = { id: subnet, fields: ['id', 'network_id'] }
    const [found] = subnet === undefined ? [] : await subnets.all(query, call)
    if (found === undefined) throw invalid(`${pointer}/subnet_id`, 'must be the id of a subnet')
    return found.network_id
  }

  return {
    /** Creates a port for a NIC. Throws validation_failed at a field of the NIC. */
    async create ({ nic, pointer, groups, name }: NicPortCreate, call: Call): Promise<string> {
      const { subnet_id: subnet, fixed_ip: address, security_group_ids: ownGroups } = nic
      const hasFixedIp = subnet !== undefined || address !== undefined
      const body = {
        network_id: await findNetwork(nic, pointer, call),
        name,
        fixed_ips: hasFixedIp ? [{ subnet_id: subnet, ip_address: address }] : undefined,
        security_groups: ownGroups ?? groups
      }
      const { id } = await ports.create(body, call, {
        fields: fieldsAt(pointer, ownGroups !== undefined)
      })
      return id
    },

    /** Returns the ports that an operation has created and that no node has. */
    async findUnbound (name: string, call: Call): Promise<string[]> {
      const found = await ports.all({ name, fields: ['id', 'device_id'] }, call)
      return found.filter(({ device_id: device }) => device === '').map(({ id }) => id)
    },

    /** Returns the ports of a node. */
    ofNode: (node: string, call: Call) => ports.all({ device_id: node }, call),

    /** Returns whether a port was created here. */
    isOwn: ({ name }: Port) => name?.startsWith(prefix) === true,

    /** Removes ports. A port that remains is logged; the change that it was created for does not fail. */
    async release (ids: readonly string[], call: Call) {
      for (const id of ids) {
        try {
          await ports.remove(id, call)
        } catch (error) {
          if (error instanceof ProblemError && error.code === 'resource_not_found') continue
          call.log.warn(
            { err: error, port: id },
            'a port that was created for a NIC could not be removed'
          )
        }
      }
    }
  }
}

export type NicPorts = ReturnType<typeof createNicPorts>
