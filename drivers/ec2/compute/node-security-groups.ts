import type { InstanceNetworkInterface } from '@aws-sdk/client-ec2'
import { ProblemError } from '../../../openapi/model/index.ts'
import type { Call } from '../../call.ts'
import type { NodeService } from '../../driver.ts'
import { runSteps } from '../../common/steps.ts'
import { isSameId, type Cloud } from '../client/index.ts'
import { readInstance } from './instances.ts'

/** Eucalyptus refuses a group of another network with InvalidParameterCombination. */
const refusals = [
  {
    pattern: /^InvalidGroup|^InvalidSecurityGroup|^InvalidParameter/,
    pointer: '/security_group_id'
  }
]

const groupsOf = ({ Groups: groups = [] }: InstanceNetworkInterface) =>
  groups.flatMap(({ GroupId: id }) => id ?? [])

type ChangeGroups = (groups: string[]) => string[]

/** Adds and removes security groups of a node. They belong to its NICs: a change takes one call per NIC. */
export function createNodeSecurityGroups (
  { client }: Cloud
): Pick<NodeService, 'add_security_group' | 'remove_security_group'> {
  const readNics = async (node: string, call: Call) =>
    (await readInstance(client, node, call)).NetworkInterfaces ?? []

  const setGroups = (
    nics: readonly InstanceNetworkInterface[],
    change: ChangeGroups,
    call: Call
  ) =>
    runSteps(nics.map((nic) => {
      const { NetworkInterfaceId: id } = nic
      const input = { NetworkInterfaceId: id, Groups: change(groupsOf(nic)) }
      const run = () =>
        client.change('ModifyNetworkInterfaceAttribute', input, call, { idempotent: true, refusals })
      return { name: `NIC ${id}`, run }
    }))

  return {
    async add_security_group (id, { security_group_id: group }, call) {
      const nics = await readNics(id, call)
      if (nics.length === 0) {
        throw new ProblemError('invalid_state', 'The node has no NIC to add a security group to')
      }
      const others = nics.filter((nic) => !groupsOf(nic).some((other) => isSameId(other, group)))
      await setGroups(others, (groups) => [...groups, group], call)
    },

    /** Throws invalid_state if it is the only group of a NIC, because a NIC always has one. */
    async remove_security_group (id, group, call) {
      const nics = await readNics(id, call)
      const members = nics.filter((nic) => groupsOf(nic).some((other) => isSameId(other, group)))
      if (members.length === 0) {
        throw new ProblemError(
          'resource_not_found',
          `No NIC of the node has the security group ${group}`
        )
      }
      const last = members.filter((nic) => groupsOf(nic).length === 1).map((
        { NetworkInterfaceId: nic }
      ) => nic)
      if (last.length > 0) {
        const detail = `A NIC must have a security group, and ${group} is the only one of ${
          last.join(', ')
        }`
        throw new ProblemError('invalid_state', detail)
      }
      await setGroups(members, (groups) => groups.filter((other) => !isSameId(other, group)), call)
    }
  }
}
