import type { InstanceNetworkInterface } from '@aws-sdk/client-ec2'
import { ProblemError, type NodeSecurityGroup } from '../../../openapi/model/index.ts'
import type { Call } from '../../call.ts'
import type { NodeService } from '../../driver.ts'
import type { Cloud } from '../client/cloud.ts'
import { explained } from '../client/collection.ts'
import { readInstance } from './instances.ts'
import type { RefusedField } from '../client/refusals.ts'

/** One of another network is an InvalidParameterCombination (Eucalyptus), or not found. */
const fields: readonly RefusedField[] = [
  { code: /^InvalidGroup|^InvalidSecurityGroup|^InvalidParameter/, pointer: '/security_group_id' }
]

const groupsOf = ({ Groups: groups = [] }: InstanceNetworkInterface) => groups.flatMap(({ GroupId: id }) => id ?? [])

const isIn = (groups: readonly string[], group: string) => groups.some((id) => id.toLowerCase() === group.toLowerCase())

/** Security groups of a node hang on its NICs: a change is one call for each. */
export function createNodeGroups ({ client }: Cloud) {
  const nicsOf = async (id: string, call: Call) => (await readInstance(client, id, call)).NetworkInterfaces ?? []

  const set = async (nics: readonly InstanceNetworkInterface[], change: (groups: string[]) => string[], call: Call) => {
    const done: string[] = []
    for (const nic of nics) {
      const asked = { NetworkInterfaceId: nic.NetworkInterfaceId, Groups: change(groupsOf(nic)) }
      try {
        await explained(fields, () =>
          client.change((sdk) => new sdk.ModifyNetworkInterfaceAttributeCommand(asked), call, { token: true }))
        done.push(nic.NetworkInterfaceId ?? '')
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
      await set(nics.filter((nic) => !isIn(groupsOf(nic), group)), (groups) => [...groups, group], call)
    },

    /** Throws invalid_state where it is the only one of a NIC, which always has one. */
    async remove_security_group (id, group, call) {
      const having = (await nicsOf(id, call)).filter((nic) => isIn(groupsOf(nic), group))
      if (having.length === 0) throw new ProblemError('resource_not_found', `No NIC of the node has the security group ${group}`)
      const bare = having.filter((nic) => groupsOf(nic).length === 1).map(({ NetworkInterfaceId: nic }) => nic)
      if (bare.length > 0) throw new ProblemError('invalid_state', `A NIC keeps one security group, and it is the only one of ${bare.join(', ')}`)
      await set(having, (groups) => groups.filter((one) => one.toLowerCase() !== group.toLowerCase()), call)
    }
  } satisfies Pick<NodeService, 'add_security_group' | 'remove_security_group'>
}
