import { ProblemError, type NodeSecurityGroup } from '../../../openapi/model/index.ts'
import type { Call } from '../../call.ts'
import type { NodeService } from '../../driver.ts'
import type { Neutron } from '../network/neutron.ts'
import { explained } from '../network/collection.ts'
import type { NicPorts } from '../network/nic-ports.ts'
import type { Server } from './node-mapping.ts'
import type { Port } from '../network/ports.ts'
import type { FieldRefusal } from '../../refusals.ts'
import { resources } from '../client/resources.ts'

const fields: readonly FieldRefusal[] = [{ pattern: /security.group/i, pointer: '/security_group_id' }]

/**
 * Security groups of a node hang on its ports, so a change is one call for each. They are made at Neutron, since Nova
 * leaves out ports without telling which.
 */
export function createNodeGroups (neutron: Neutron, ports: NicPorts, read: (id: string, call: Call) => Promise<Server>) {
  const nicsOf = async (id: string, call: Call) => (await Promise.all([ports.of(id, call), read(id, call)]))[0]

  const set = async (changes: ReadonlyArray<{ port: Port, groups: string[] }>, call: Call) => {
    const done: string[] = []
    for (const { port, groups } of changes) {
      try {
        await explained(() => neutron.update(resources.port, port.id, { security_groups: groups }, call), fields)
        done.push(port.id)
      } catch (error) {
        if (!(error instanceof ProblemError) || done.length === 0) throw error
        throw new ProblemError(error.code, `${error.message} (already changed: the NICs ${done.join(', ')})`, {
          ...error.details, outcomeUnknown: error.outcomeUnknown, cause: error
        })
      }
    }
  }

  return {
    async add_security_group (id, { security_group_id: group }: NodeSecurityGroup, call) {
      const nics = await nicsOf(id, call)
      if (nics.length === 0) throw new ProblemError('invalid_state', 'The node has no NIC to put a security group on')
      const lacking = nics.filter(({ security_groups: groups = [] }) => !groups.includes(group))
      await set(lacking.map((port) => ({ port, groups: [...port.security_groups ?? [], group] })), call)
    },

    async remove_security_group (id, group, call) {
      const having = (await nicsOf(id, call)).filter(({ security_groups: groups = [] }) => groups.includes(group))
      if (having.length === 0) throw new ProblemError('resource_not_found', `No NIC of the node has the security group ${group}`)
      await set(having.map((port) => ({ port, groups: (port.security_groups ?? []).filter((one) => one !== group) })), call)
    }
  } satisfies Pick<NodeService, 'add_security_group' | 'remove_security_group'>
}
