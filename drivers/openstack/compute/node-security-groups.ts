import { ProblemError } from '../../../openapi/model/index.ts'
import type { Call } from '../../call.ts'
import type { NodeService } from '../../driver.ts'
import type { FieldRefusal } from '../../common/refusals.ts'
import { runSteps } from '../../common/steps.ts'
import type { Neutron, Port } from '../network/neutron.ts'
import type { NicPorts } from '../network/nic-ports.ts'
import type { Servers } from './servers.ts'

const fields: readonly FieldRefusal[] = [{
  pattern: /security.group/i,
  pointer: '/security_group_id'
}]

/**
 * Security groups of a node belong to its ports, so a change takes one call for each port. Neutron
 * makes the change, because Nova skips ports without a message.
 */
export function createNodeGroups (
  neutron: Neutron,
  ports: NicPorts,
  servers: Pick<Servers, 'show'>
) {
  /** Reads the server too, so that an unknown node is not found. */
  const readPorts = async (id: string, call: Call) =>
    (await Promise.all([ports.ofNode(id, call), servers.show(id, call)]))[0]

  const setGroups = (nics: readonly Port[], change: (groups: string[]) => string[], call: Call) =>
    runSteps(nics.map(({ id, security_groups: groups = [] }) => ({
      name: `NIC ${id}`,
      run: () => neutron.ports.update(id, { security_groups: change(groups) }, call, { fields })
    })))

  return {
    async add_security_group (id, { security_group_id: group }, call) {
      const nics = await readPorts(id, call)
      if (nics.length === 0) {
        throw new ProblemError('invalid_state', 'The node has no NIC to put a security group on')
      }
      const others = nics.filter(({ security_groups: groups = [] }) => !groups.includes(group))
      await setGroups(others, (groups) => [...groups, group], call)
    },

    async remove_security_group (id, group, call) {
      const nics = (await readPorts(id, call)).filter(({ security_groups: groups = [] }) =>
        groups.includes(group)
      )
      if (nics.length === 0) {
        throw new ProblemError(
          'resource_not_found',
          `No NIC of the node has the security group ${group}`
        )
      }
      await setGroups(nics, (groups) => groups.filter((one) => one !== group), call)
    }
  } satisfies Pick<NodeService, 'add_security_group' | 'remove_security_group'>
}
