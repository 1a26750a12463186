import type { Node } from '../../openapi/model/index.ts'
import type { Context } from '../driver.ts'
import { macOf } from './network/addresses.ts'
import { publicNetwork } from './network/builtin.ts'
import { groupsOf } from './network/nics.ts'
import { mapState } from './states.ts'
import type { Entry } from './store.ts'
import type { Nic, StoredNode } from './stored.ts'

const iso = (ms: number) => new Date(ms).toISOString()

/** A node that is not placed yet has no addresses. */
const unplaced: ReadonlySet<string | null> = new Set(['scheduling', 'networking'])

/** All addresses of a NIC: its own, and the floating one that stands for it. */
export function addressesOfNic ({ id, network_id: networkId, address, floating }: Nic): Node['addresses'] {
  const own = {
    address,
    version: address.includes(':') ? 6 as const : 4 as const,
    scope: networkId === publicNetwork ? 'public' as const : 'private' as const,
    kind: 'fixed' as const,
    network_id: networkId,
    nic_id: id,
    mac: macOf(id)
  }
  return floating === null ? [own] : [own, { ...own, address: floating.address, scope: 'public', kind: 'floating' }]
}

function addressesOf ({ task, nics }: StoredNode): Node['addresses'] {
  if (unplaced.has(task)) return []
  return nics.flatMap(addressesOfNic)
}

/** The node as it is kept; the id of the operation stays inside. */
function rawOf ({ operation, nics, ...raw }: StoredNode): Record<string, unknown> {
  return { ...raw, nics: nics.map((nic) => ({ ...nic })), steps: raw.steps.map((step) => ({ ...step })) }
}

/** Makes model nodes of entries. One that did not change is the same object each time, so nobody may change it. */
export function createView ({ identify }: Context, location: string, volumesOf: (nodeId: string) => readonly string[]) {
  const make = (data: StoredNode): Node => {
    const { state, transitioning, allowed_actions: allowed } = mapState(data.status, data.task)
    const addresses = addressesOf(data)
    const inScope = (scope: string) => addresses.filter((one) => one.scope === scope).map(({ address }) => address)
    const { id, cloud, driver, self } = identify('nodes', data.id, location)
    // Field by field: after a spread, objects of so many fields become dictionaries, which are ten times slower to make.
    return {
      id,
      name: data.name,
      cloud,
      driver,
      location,
      self,
      state,
      provider_state: data.status,
      provider_task_state: data.task,
      transitioning,
      allowed_actions: allowed,
      created_at: iso(data.created_at),
      updated_at: iso(data.updated_at),
      launched_at: data.launched_at === null ? null : iso(data.launched_at),
      tags: data.tags,
      size_id: data.size_id,
      image_id: data.image_id,
      key_pair_name: data.key_pair_name,
      availability_zone: data.availability_zone,
      architecture: 'x86_64',
      public_ips: inScope('public'),
      private_ips: inScope('private'),
      addresses,
      security_group_ids: groupsOf(data),
      volume_ids: [...volumesOf(data.id)],
      lifecycle: 'on_demand',
      progress: data.progress,
      fault: data.fault,
      protected: data.protected
    }
  }

  return (entry: Entry, extra = false): Node => {
    const view = (entry.view ??= make(entry.data)) as Node
    return extra ? { ...view, extra: rawOf(entry.data) } : view
  }
}

export type View = ReturnType<typeof createView>
