import { ProblemError, type Nic } from '../../../openapi/model/index.ts'
import type { Change, NodeService } from '../../driver.ts'
import { field, must, refuse } from '../refusal.ts'
import type { State } from '../state.ts'
import { mapState } from '../states.ts'
import type { Entry, Store } from '../store.ts'
import type { Nic as StoredNic } from '../stored.ts'
import { addressesOfNic } from '../view.ts'
import { macOf } from './addresses.ts'
import { releaseFloatingIps } from './association.ts'
import { newNics, nicErrors } from './nics.ts'

/** NICs of a node at most, as a create takes. */
const mostNics = 32

type Parts = Required<Pick<NodeService, 'list_nics' | 'attach_nic' | 'detach_nic' | 'add_security_group' | 'remove_security_group'>>

function find ({ nodes }: Store, id: string): Entry {
  const entry = nodes.find(id)
  if (entry === undefined) throw new ProblemError('resource_not_found', `There is no node ${id}`)
  return entry
}

/** States in which NICs come and go, as Nova has it. */
const changeable: ReadonlySet<string> = new Set(['running', 'stopped', 'paused'])

/** Throws protected, or invalid_state where no NIC can come or go. */
function assertChangeable ({ data }: Entry) {
  if (data.protected) throw new ProblemError('protected', `Node ${data.id} is protected`)
  const { state, allowed_actions: allowed } = mapState(data.status, data.task)
  if (changeable.has(state)) return
  throw new ProblemError('invalid_state', `Node ${data.id} is ${state}, which does not let NICs come or go`, { state, allowed_actions: allowed })
}

const viewOf = (nic: StoredNic, i: number): Nic => ({
  id: nic.id,
  network_id: nic.network_id,
  subnet_id: nic.subnet_id,
  mac: macOf(nic.id),
  addresses: addressesOfNic(nic),
  security_group_ids: nic.security_group_ids,
  primary: i === 0,
  state: 'available'
})

/** The NICs of nodes, and the security groups on them. Acceptance is the end of each change. */
export function createNodeParts ({ open, save }: State): Parts {
  const accepted = (id: string): Change => ({ resources: [{ kind: 'node', id }], until: { states: [] } })

  const setGroups = async (store: Store, entry: Entry, groupsOf: (nic: StoredNic) => string[]) => {
    if (entry.data.protected) throw new ProblemError('protected', `Node ${entry.data.id} is protected`)
    store.nodes.set(entry, { nics: entry.data.nics.map((nic) => ({ ...nic, security_group_ids: groupsOf(nic) })) })
    await save()
  }

  return {
    list_nics: async (id) => find(await open(), id).data.nics.map(viewOf),
    async attach_nic (id, input) {
      const store = await open()
      const entry = find(store, id)
      assertChangeable(entry)
      refuse(nicErrors(store, input))
      const { nics, seq } = entry.data
      if (nics.length === mostNics) refuse([field('', `must not be more than ${mostNics} NICs on a node`)])
      store.nodes.set(entry, { nics: [...nics, ...newNics(store, [input], seq)] })
      await save()
      return accepted(id)
    },
    async detach_nic (id, nicId) {
      const store = await open()
      const entry = find(store, id)
      const nic = entry.data.nics.find((one) => one.id === nicId)
      if (nic === undefined) throw new ProblemError('resource_not_found', `Node ${id} has no NIC ${nicId}`)
      assertChangeable(entry)
      releaseFloatingIps(store, [nic])
      store.nodes.set(entry, { nics: entry.data.nics.filter((one) => one !== nic) })
      await save()
      return accepted(id)
    },
    async add_security_group (id, { security_group_id: groupId }) {
      const store = await open()
      const entry = find(store, id)
      must(store.security_groups.has(groupId), '/security_group_id', 'must be the id of a security group of this cloud')
      must(entry.data.nics.length > 0, '/security_group_id', 'must have a NIC to be put on, and the node has none')
      await setGroups(store, entry, ({ security_group_ids: ids }) => ids.includes(groupId) ? ids : [...ids, groupId])
    },
    async remove_security_group (id, groupId) {
      const store = await open()
      const entry = find(store, id)
      if (!entry.data.nics.some(({ security_group_ids: ids }) => ids.includes(groupId))) {
        throw new ProblemError('resource_not_found', `Node ${id} has no security group ${groupId}`)
      }
      await setGroups(store, entry, ({ security_group_ids: ids }) => ids.filter((one) => one !== groupId))
    }
  }
}
