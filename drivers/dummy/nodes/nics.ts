import { ProblemError, type Nic } from '../../../openapi/model/index.ts'
import type { NodeService } from '../../driver.ts'
import {
  assertField, assertUnprotected, isAttachable, macOf, mustBeIdOf, nodeStateError, rejectFields,
  type NicRecord, type NodeRecord, type Store
} from '../engine/index.ts'
import { releaseFloatingIps } from '../network/floating-ips.ts'
import { addressesOf, createNics, groupIdsOf, nicErrors } from '../network/nics.ts'

/** The maximum number of NICs of a node, as in the schema of a create. */
const maxNics = 32

function assertAttachable (node: NodeRecord) {
  assertUnprotected(node)
  if (!isAttachable(node)) throw nodeStateError(node, ', which does not allow attaching or detaching NICs')
}

export const toNic = (nic: NicRecord, i: number): Nic => ({
  id: nic.id,
  network_id: nic.network_id,
  subnet_id: nic.subnet_id,
  mac: macOf(nic.id),
  addresses: addressesOf(nic),
  security_group_ids: nic.security_group_ids,
  primary: i === 0,
  state: 'available'
})

type SetNics = (id: string, change: (node: NodeRecord, store: Store) => NicRecord[]) => Promise<void>

/** The methods of a node's NICs and security groups. `setNics` saves the NICs that its callback returns. */
export function createNicMethods (setNics: SetNics) {
  const setGroups = (node: NodeRecord, groupsOf: (nic: NicRecord) => string[]) => {
    assertUnprotected(node)
    return node.nics.map((nic) => ({ ...nic, security_group_ids: groupsOf(nic) }))
  }
  const accepted = (id: string) => ({ resources: [{ kind: 'node' as const, id }], until: { states: [] } })

  return {
    async attach_nic (id, input) {
      await setNics(id, (node, store) => {
        assertAttachable(node)
        rejectFields(nicErrors(store, input))
        assertField(node.nics.length < maxNics, '', `cannot be attached: a node has ${maxNics} NICs at most`)
        return [...node.nics, ...createNics(store, [input], node.seq)]
      })
      return accepted(id)
    },
    async detach_nic (id, nicId) {
      await setNics(id, (node, store) => {
        const nic = node.nics.find((one) => one.id === nicId)
        if (nic === undefined) throw new ProblemError('resource_not_found', `Node ${id} has no NIC ${nicId}`)
        assertAttachable(node)
        releaseFloatingIps(store, { nics: [nic] })
        return node.nics.filter((one) => one !== nic)
      })
      return accepted(id)
    },
    add_security_group: (id, { security_group_id: groupId }) => setNics(id, (node, { security_groups: groups }) => {
      assertField(groups.has(groupId), '/security_group_id', mustBeIdOf('a security group'))
      assertField(node.nics.length > 0, '/security_group_id', 'needs a NIC, and the node has none')
      return setGroups(node, ({ security_group_ids: ids }) => ids.includes(groupId) ? ids : [...ids, groupId])
    }),
    remove_security_group: (id, groupId) => setNics(id, (node) => {
      if (!groupIdsOf(node).includes(groupId)) {
        throw new ProblemError('resource_not_found', `Node ${id} has no security group ${groupId}`)
      }
      return setGroups(node, ({ security_group_ids: ids }) => ids.filter((one) => one !== groupId))
    })
  } satisfies Partial<NodeService>
}
