import { randomBytes } from 'node:crypto'
import type { Console } from '../../../openapi/model/index.ts'
import { nodeStateError, nodeStateOf, toTimestamp, type NodeRecord, type Store } from '../engine/index.ts'
import { findImage } from '../storage/find-image.ts'

/** The lifetime of a screen's address, as of Nova's tokens. */
const validSeconds = 600

const statesWithScreen: readonly string[] = ['running', 'rebooting', 'paused', 'rescued']

function bootLogOf (
  store: Store, { id, name, image_id: imageId, nics, launched_at: launchedAt }: NodeRecord
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

/**
 * Returns the boot log of a node, which is empty before the first launch, or the address of its screen. Throws
 * invalid_state if the node has no screen.
 */
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
