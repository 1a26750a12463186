import type { Node } from '../../../openapi/model/index.ts'
import type { Filters } from '../../driver.ts'
import { nodeStateOf, toTimestamp, type Engine, type NodeRecord } from '../engine/index.ts'
import { addressesOf, groupIdsOf } from '../network/nics.ts'

/** The tasks of a new node that is not placed yet and has no addresses. */
const unplacedTasks: ReadonlySet<string | null> = new Set(['scheduling', 'networking'])

/** Creates the model object of a node. */
export function toNode (
  { context, settings: { location }, volumesOf }: Engine, data: NodeRecord
): Node {
  const { state, transitioning, allowed_actions: allowed } = nodeStateOf(data)
  const addresses = unplacedTasks.has(data.task) ? [] : data.nics.flatMap(addressesOf)
  const addressesIn = (scope: string) =>
    addresses.filter((address) => address.scope === scope).map(({ address }) => address)
  const { id, cloud, driver, self } = context.identify('nodes', data.id, location)
  // No spread here: with so many fields it creates a dictionary, which takes ten times as long.
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
    created_at: toTimestamp(data.created_at),
    updated_at: toTimestamp(data.updated_at),
    launched_at: data.launched_at === null ? null : toTimestamp(data.launched_at),
    tags: data.tags,
    size_id: data.size_id,
    image_id: data.image_id,
    key_pair_name: data.key_pair_name,
    availability_zone: data.availability_zone,
    architecture: 'x86_64',
    public_ips: addressesIn('public'),
    private_ips: addressesIn('private'),
    addresses,
    security_group_ids: groupIdsOf(data),
    volume_ids: [...volumesOf(data.id)],
    lifecycle: 'on_demand',
    progress: data.progress,
    fault: data.fault,
    protected: data.protected
  }
}

/** Matches a name with a pattern, in which `*` stands for any text. It searches each part once, so it is never slow. */
function matchesPattern (pattern: string, name: string) {
  const [first = '', ...rest] = pattern.split('*')
  const last = rest.pop()
  if (last === undefined) return name === pattern
  if (!name.startsWith(first) || !name.endsWith(last)) return false
  let position = first.length
  for (const part of rest) {
    const found = name.indexOf(part, position)
    if (found < 0) return false
    position = found + part.length
  }
  return position <= name.length - last.length
}

/** Creates the function that applies the filters `state` and `name`; undefined without them. */
export function createFilter ({ state, name }: Filters) {
  if (state === undefined && name === undefined) return undefined
  return (node: Node) => {
    const hasState = state === undefined || state.includes(node.state)
    return hasState &&
      (name === undefined || name.some((pattern) => matchesPattern(pattern, node.name ?? '')))
  }
}
