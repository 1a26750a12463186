import { randomBytes } from 'node:crypto'
import { ProblemError, type Console } from '../../openapi/model/index.ts'
import { mapState } from './states.ts'
import { findImage } from './storage/find-image.ts'
import type { Store } from './store.ts'
import type { StoredNode } from './stored.ts'

/** Seconds for which the address of a screen can be used, as Nova's tokens. */
const validSeconds = 600

/** States in which a machine is there whose screen could be seen. */
const visible: ReadonlySet<string> = new Set(['running', 'rebooting', 'paused', 'rescued'])

function bootLog (store: Store, { id, name, image_id: imageId, nics, launched_at: launchedAt }: StoredNode) {
  if (launchedAt === null) return ''
  return [
    `[    0.000000] Booting ${findImage(store, imageId)?.name ?? imageId} on node ${name} (${id})`,
    `[    0.412000] Command line: root=/dev/vda1 console=ttyS0 hostname=${name}`,
    ...nics.map(({ address }, i) => `[    1.${100 + i}000] eth${i}: ${address}`),
    '[    2.718000] cloud-init: finished, the dummy cloud ran nothing',
    `${name} login: `
  ].join('\n')
}

function screenOf ({ id, status, task }: StoredNode) {
  const { state, allowed_actions: allowed } = mapState(status, task)
  if (!visible.has(state)) {
    throw new ProblemError('invalid_state', `Node ${id} is ${state} and shows no screen`, { state, allowed_actions: allowed })
  }
  // RFC 6761 keeps .invalid: such a name leads nowhere, since there is no screen.
  return `https://console.dummy.invalid/nodes/${id}?token=${randomBytes(16).toString('hex')}`
}

/**
 * What a node has written: a boot log that tells its name, empty before it was launched first; or the address of its
 * screen, which looks as a real one does and leads nowhere. Throws invalid_state where it shows none.
 */
export function consoleOf (store: Store, node: StoredNode, kind: Console['kind']): Console {
  if (kind === 'text') return { kind, text: bootLog(store, node), url: null, expires_at: null }
  return { kind, text: null, url: screenOf(node), expires_at: new Date(Date.now() + validSeconds * 1000).toISOString() }
}
