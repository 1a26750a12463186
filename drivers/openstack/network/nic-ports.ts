import { ProblemError, type NicCreate } from '../../../openapi/model/index.ts'
import type { Call } from '../../call.ts'
import { invalid } from '../../invalid.ts'
import type { Neutron } from './neutron.ts'
import { explained } from './collection.ts'
import type { Port } from './ports.ts'
import type { FieldRefusal } from '../../refusals.ts'
import { resources } from '../client/resources.ts'
import type { NeutronSubnet } from './subnets.ts'

const mark = 'orchestrator:'

/** The name of a port that was made for a NIC: by the operation that made it, it is found again. */
export const portName = (operation: string) => `${mark}${operation}`

export interface NewPort {
  nic: NicCreate
  /** Where the NIC is in the request: `/networks/0`, or nothing. */
  at: string
  /** Groups of all NICs, for one that brings none. */
  groups?: readonly string[] | undefined
  name: string
}

/** Nova attaches to networks by itself, but not to one subnet of them, nor with security groups of one NIC alone. */
export const needsPort = ({ subnet_id: subnet, security_group_ids: groups }: NicCreate) => subnet !== undefined || groups !== undefined

/** Refusals in Neutron's words (each was provoked). */
const fieldsOf = (at: string, ownGroups: boolean): readonly FieldRefusal[] => [
  { pattern: /^Network .* could not be found|^Invalid input for network_id/, pointer: `${at}/network_id` },
  { pattern: /security.group/i, pointer: `${ownGroups ? at : ''}/security_group_ids` },
  { pattern: /invalid subnet/, pointer: `${at}/subnet_id` },
  { pattern: /^IP address|fixed.ips?|ip_address/i, pointer: `${at}/fixed_ip` },
  { pattern: /subnet/i, pointer: `${at}/subnet_id` }
]

/** The ports that are made here for NICs. Nova leaves those where they are, so they are removed here too. */
export function createNicPorts (neutron: Neutron) {
  const { port, subnet } = resources

  const networkOf = async ({ network_id: network, subnet_id: id }: NicCreate, at: string, call: Call) => {
    if (network !== undefined) return network
    const [found] = id === undefined ? [] : await neutron.all<NeutronSubnet>(subnet, { id, fields: ['id', 'network_id'] }, call)
    if (found === undefined) throw invalid(`${at}/subnet_id`, 'must be the id of a subnet')
    return found.network_id
  }

  return {
    /** Makes a port for a NIC. Throws validation_failed, naming the field. */
    async make ({ nic, at, groups, name }: NewPort, call: Call): Promise<string> {
      const { subnet_id: subnetId, fixed_ip: address, security_group_ids: own } = nic
      const fixed = {
        ...(subnetId === undefined ? {} : { subnet_id: subnetId }), ...(address === undefined ? {} : { ip_address: address })
      }
      const network = await networkOf(nic, at, call)
      const body = {
        network_id: network,
        name,
        ...(Object.keys(fixed).length === 0 ? {} : { fixed_ips: [fixed] }),
        ...((own ?? groups) === undefined ? {} : { security_groups: own ?? groups })
      }
      const { id } = await explained(() => neutron.create<Port>(port, body, call), fieldsOf(at, own !== undefined))
      return id
    },

    /** Ports that an operation has made, and that no node has. */
    async unbound (name: string, call: Call): Promise<string[]> {
      const found = await neutron.all<Port>(port, { name, fields: ['id', 'device_id'] }, call)
      return found.filter(({ device_id: device }) => device === '').map(({ id }) => id)
    },

    /** Ports that a node has. */
    of: (node: string, call: Call) => neutron.all<Port>(port, { device_id: node }, call),

    isOurs: ({ name }: Port) => name?.startsWith(mark) === true,

    /** Removes ports. What is left is no error of the change that they were for, and is logged. */
    async release (ids: readonly string[], call: Call) {
      for (const id of ids) {
        try {
          await neutron.remove(port, id, call)
        } catch (error) {
          if (error instanceof ProblemError && error.code === 'resource_not_found') continue
          call.log.warn({ err: error, port: id }, 'a port that was made for a NIC could not be removed')
        }
      }
    }
  }
}

export type NicPorts = ReturnType<typeof createNicPorts>
