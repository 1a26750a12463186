import { ProblemError } from '../../../openapi/model/index.ts'
import type { Store } from '../store.ts'
import type { StoredNetwork, StoredSubnet } from './stored.ts'

/** Throws provider_permission_denied for a network that leads outside: it is there for all accounts. */
export function assertOwn ({ id, external }: StoredNetwork) {
  if (external) throw new ProblemError('provider_permission_denied', `Network ${id} leads outside and belongs to the cloud, not to this account`)
}

/** The router that connects a subnet. */
export const routerOf = ({ routers }: Store, id: string) => routers.entries.find(({ data }) => data.subnet_ids.includes(id))?.data

/** Throws in_use where somebody has an address of this subnet, or a router connects it. */
export function assertUnused (store: Store, { id }: StoredSubnet) {
  const used = store.taken.count(id)
  if (used > 0) throw new ProblemError('in_use', `Subnet ${id} is in use: ${used} of its addresses are taken`)
  const router = routerOf(store, id)
  if (router !== undefined) throw new ProblemError('in_use', `Subnet ${id} is connected to the router ${router.id}`)
}
