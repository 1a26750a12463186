import { randomBytes } from 'node:crypto'
import type { Console, Node } from '../../../openapi/model/index.ts'
import type { Filters } from '../../driver.ts'
import {
  nodeStateError,
  nodeStateOf,
  toTimestamp,
  type Engine,
  type NodeRecord,
  type Store
} from '../engine/index.ts'
import { addressesOf, groupIdsOf } from '../network/nics.ts'
import { findImage } from '../storage/find-image.ts'

/** The tasks of a new node that is not placed yet and has no addresses. */
const unplacedTasks: ReadonlySet<string | null> = new Set(['scheduling', 'networking'])

export function toNode (
  { context, settings: { location }, volumesOf }: Engine,
  data: NodeRecord
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
    allowed_actions: data.protected ? [] : allowed,
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
    volume_ids: volumesOf(data.id).map((volume) => volume.data.id),
    lifecycle: 'on_demand',
    progress: data.progress,
    fault: data.fault,
    protected: data.protected
  }
}

/** In a pattern, `*` stands for any text. Each part is searched once, so no pattern is slow. */
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

export function createFilter ({ state, name }: Filters) {
  if (state === undefined && name === undefined) return undefined
  return (node: Node) => {
    const hasState = state === undefined || state.includes(node.state)
    return hasState &&
      (name === undefined || name.some((pattern) => matchesPattern(pattern, node.name ?? '')))
  }
}

/** The lifetime of a screen's address, as of Nova's tokens. */
const validSeconds = 600

const statesWithScreen: readonly string[] = ['running', 'rebooting', 'paused', 'rescued']

function bootLogOf (
  store: Store,
  { id, name, image_id: imageId, nics, launched_at: launchedAt }: NodeRecord
) {
  if (launchedAt === null) return ''
  return [
    `[    0.000000] Booting ${findImage(store, imageId)?.name ?? imageId} on node ${name} (${id})`,
    `[    0.412000] Command line: root=/dev/vda1 console=ttyS0 hostname=${name}`,
    ...nics.map(({ address }, i) => `[    1.${100 + i}000] eth${i}: ${address}`),
    '[    2.718000] cloud-init: finished, the dummy cloud ran nothing',
    `${name} login: `
  ].join('\n')
}

/** Returns the boot log of a node, which is empty before the first launch, or the address of its screen. */
export function consoleOf (store: Store, node: NodeRecord, kind: Console['kind']): Console {
  if (kind === 'text') return { kind, text: bootLogOf(store, node), url: null, expires_at: null }
  if (!statesWithScreen.includes(nodeStateOf(node).state)) {
    throw nodeStateError(node, ' and has no screen')
  }
  return {
    kind,
    text: null,
    // RFC 6761 reserves .invalid, so the name never resolves: the screen does not exist.
    url: `https://console.dummy.invalid/nodes/${node.id}?token=${randomBytes(16).toString('hex')}`,
    expires_at: toTimestamp(Date.now() + validSeconds * 1000)
  }
}
