import { ProblemError, type Nic, type NicCreate } from '../../../openapi/model/index.ts'
import {
  assertField,
  assertUnprotected,
  findReferenced,
  isAttachable,
  macOf,
  nodeStateError,
  rejectFields,
  type NicRecord,
  type NodeRecord,
  type Store
} from '../engine/index.ts'
import { releaseFloatingIps } from '../network/floating-ips.ts'
import { addressesOf, createNics, groupIdsOf, nicErrors } from '../network/nics.ts'

/** The maximum number of NICs of a node, as in the schema of a create. */
const maxNics = 32

function assertAttachable (node: NodeRecord) {
  assertUnprotected(node)
  if (!isAttachable(node)) {
    throw nodeStateError(node, ', which does not allow attaching or detaching NICs')
  }
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

export function attachNic (store: Store, node: NodeRecord, input: NicCreate) {
  assertAttachable(node)
  rejectFields(nicErrors(store, input))
  assertField(
    node.nics.length < maxNics,
    '',
    `cannot be attached: a node has ${maxNics} NICs at most`
  )
  return { nics: [...node.nics, ...createNics(store, [input], node.seq)] }
}

export function detachNic (store: Store, node: NodeRecord, nicId: string) {
  const nic = node.nics.find(({ id }) => id === nicId)
  if (nic === undefined) {
    throw new ProblemError('resource_not_found', `Node ${node.id} has no NIC ${nicId}`)
  }
  assertAttachable(node)
  releaseFloatingIps(store, { nics: [nic] })
  return { nics: node.nics.filter((one) => one !== nic) }
}

function replaceGroups (node: NodeRecord, replace: (groupIds: string[]) => string[]) {
  assertUnprotected(node)
  return {
    nics: node.nics.map((nic) => ({ ...nic, security_group_ids: replace(nic.security_group_ids) }))
  }
}

export function addGroup ({ security_groups: groups }: Store, node: NodeRecord, groupId: string) {
  const pointer = '/security_group_id'
  findReferenced(groups, groupId, pointer, 'a security group')
  assertField(node.nics.length > 0, pointer, 'needs a NIC, and the node has none')
  return replaceGroups(node, (ids) => ids.includes(groupId) ? ids : [...ids, groupId])
}

export function removeGroup (node: NodeRecord, groupId: string) {
  if (groupIdsOf(node).includes(groupId)) {
    return replaceGroups(node, (ids) => ids.filter((id) => id !== groupId))
  }
  throw new ProblemError('resource_not_found', `Node ${node.id} has no security group ${groupId}`)
}
