import { ProblemError, type FloatingIpAssociate } from '../../../openapi/model/index.ts'
import type { Entry as EntryOf } from '../collection.ts'
import { field, must, refuse } from '../refusal.ts'
import type { Entry, Store } from '../store.ts'
import type { Nic, StoredNode } from '../stored.ts'
import { publicNetwork } from './builtin.ts'
import { formatIp, parseIp } from './ip.ts'
import { ownerOf } from './nics.ts'
import type { StoredFloatingIp } from './stored.ts'

type FloatingEntry = EntryOf<StoredFloatingIp>

const free = { node_id: null, nic_id: null, fixed_address: null }

/** Sets what a NIC has as its floating IP. */
function setFloating (store: Store, node: Entry, nicId: string, floating: Nic['floating']) {
  store.nodes.set(node, { nics: node.data.nics.map((nic) => nic.id === nicId ? { ...nic, floating } : nic) })
}

/** Takes a floating IP from its NIC, if it has one. */
export function disassociate (store: Store, entry: FloatingEntry) {
  const { node_id: nodeId, nic_id: nicId } = entry.data
  if (nodeId === null || nicId === null) return
  const node = store.nodes.find(nodeId)
  if (node !== undefined) setFloating(store, node, nicId, null)
  store.floating_ips.set(entry, free)
}

/** Frees the floating IPs of NICs that are no more. */
export function releaseFloatingIps (store: Store, nics: readonly Nic[]) {
  for (const { floating } of nics) {
    const entry = store.floating_ips.find(floating?.id ?? '')
    if (entry !== undefined) store.floating_ips.set(entry, free)
  }
}

export const releaseFloatingIpsOf = (store: Store, { nics }: StoredNode) => releaseFloatingIps(store, nics)

/** Whether a floating IP may stand for the address of this NIC: one of version 4 in a network that does not lead outside. */
const fits = ({ network_id: networkId, address }: Nic) => networkId !== publicNetwork && !address.includes(':')

/** The one NIC of the node that is meant. Throws validation_failed that lists those there are. */
function chooseNic ({ id, nics }: StoredNode, ipId: string, fixed: string | undefined): Nic {
  const fitting = nics.filter((nic) => fits(nic) && (fixed === undefined || nic.address === fixed))
  const open = fitting.filter(({ floating }) => floating === null || floating.id === ipId)
  const [nic] = open
  if (nic !== undefined && open.length === 1) return nic
  const told = (list: Nic[]) => list.map(({ id, address, network_id: network }) => `${id} (${address} in ${network})`).join(', ')
  if (open.length > 1) refuse([field('/nic_id', `must say which NIC of ${id} is meant: ${told(open)}`)])
  if (fitting.length > 0) throw new ProblemError('in_use', `Each NIC of ${id} that fits has a floating IP: ${told(fitting)}`)
  throw new ProblemError('validation_failed', `No NIC of ${id} fits`, {
    errors: [field('/node_id', `must have a NIC with a private address of version 4${fixed === undefined ? '' : ` that is ${fixed}`}; it has: ${told(nics) || 'none'}`)]
  })
}

/** The node that is meant, and its NIC. Throws validation_failed, or in_use where the NIC has another floating IP. */
function targetOf (store: Store, ipId: string, { node_id: nodeId, nic_id: nicId, fixed_address: wanted }: FloatingIpAssociate) {
  const ip = wanted === undefined ? undefined : parseIp(wanted)
  const fixed = ip === undefined ? wanted : formatIp(ip)
  const named = nodeId === undefined ? undefined : store.nodes.find(nodeId)
  must(nodeId === undefined || named !== undefined, '/node_id', 'must be the id of a node of this cloud')
  if (nicId === undefined) return { node: named!, nic: chooseNic(named!.data, ipId, fixed) }

  const node = ownerOf(store, nicId)
  must(node !== undefined, '/nic_id', 'must be the id of a NIC of this cloud')
  must(named === undefined || named === node, '/nic_id', `must be a NIC of the node ${nodeId}`)
  const nic = node.data.nics.find(({ id }) => id === nicId)!
  must(fits(nic), '/nic_id', `must have a private address of version 4; it has ${nic.address} in ${nic.network_id}`)
  must(fixed === undefined || fixed === nic.address, '/fixed_address', `must be the address of this NIC, which is ${nic.address}`)
  if (nic.floating !== null && nic.floating.id !== ipId) {
    throw new ProblemError('in_use', `NIC ${nicId} has the floating IP ${nic.floating.address} already`)
  }
  return { node, nic }
}

/** Gives a floating IP to a NIC, and takes it from the one that had it. */
export function associate (store: Store, entry: FloatingEntry, input: FloatingIpAssociate) {
  const { id, address } = entry.data
  const { node, nic } = targetOf(store, id, input)
  if (entry.data.nic_id === nic.id) return
  disassociate(store, entry)
  setFloating(store, node, nic.id, { id, address })
  store.floating_ips.set(entry, { node_id: node.data.id, nic_id: nic.id, fixed_address: nic.address })
}
