import { createHash } from 'node:crypto'
import type { ImageCreate, ImageImport, ImageUpload } from '../../../openapi/model/index.ts'
import type { Call } from '../../call.ts'
import { untilAborted } from '../../common/single-flight.ts'
import { watchStream } from '../../common/stream.ts'
import {
  bytesPerGiB,
  findReferenced,
  nodeStateError,
  nodeStateOf,
  sizes,
  type NodeRecord,
  type Store
} from '../engine/index.ts'
import { rootVolumeOf } from './attachments.ts'
import { findImage } from './find-image.ts'

const defaults = { status: 'queued', visibility: 'private', checksum: null }
const unknownOs = { family: null, distro: null, version: null }

/** The states in which Nova creates an image of a node. */
const imageableStates: readonly string[] = ['running', 'stopped', 'paused', 'suspended']

function assertImageable (node: NodeRecord) {
  const { status, task } = node
  const isImageable = imageableStates.includes(nodeStateOf(node).state) && task === null &&
    status !== 'VERIFY_RESIZE' && !status.startsWith('SHELVED')
  if (!isImageable) throw nodeStateError(node, ', which does not allow creating an image')
}

/** Returns the fields of an image of a node, and its final size. */
export function imageOfNode (store: Store, { name, node_id: nodeId, tags }: ImageCreate) {
  const { data: node } = findReferenced(store.nodes, nodeId, '/node_id', 'a node')
  assertImageable(node)
  const source = findImage(store, node.image_id)
  const disk = rootVolumeOf(store, nodeId)?.size ?? sizes.get(node.size_id)?.disk ?? 0
  const image = {
    ...defaults,
    name,
    tags: { ...tags },
    min_ram: source?.min_ram ?? 0,
    min_disk: disk,
    size_bytes: null,
    architecture: 'x86_64',
    os: source?.os ?? unknownOs,
    is_snapshot: true,
    disk_format: 'qcow2'
  }
  return { image, sizeBytes: disk * bytesPerGiB }
}

export const imageOfFile = (input: ImageUpload | ImageImport) => ({
  ...defaults,
  name: input.name,
  tags: {},
  min_ram: input.min_ram ?? 0,
  min_disk: input.min_disk ?? 0,
  size_bytes: null,
  architecture: input.architecture ?? null,
  os: unknownOs,
  is_snapshot: false,
  disk_format: input.disk_format
})

/**
 * Computes the size and the SHA-256 of a file without keeping it. Throws invalid_request if the file ends early or no
 * data arrives for `idleTimeout` milliseconds, and the signal's reason if the call is aborted.
 */
export async function measureFile (
  file: AsyncIterable<Uint8Array>,
  idleTimeout: number,
  { signal: caller }: Call
) {
  const { body, signal, end } = watchStream(file, idleTimeout, caller)
  const chunks = body[Symbol.asyncIterator]() as AsyncIterator<Uint8Array>
  const hash = createHash('sha256')
  let size = 0
  try {
    for (;;) {
      signal.throwIfAborted()
      const { done, value } = await untilAborted(chunks.next(), signal)
      if (done === true) return { size_bytes: size, checksum: hash.digest('hex') }
      hash.update(value)
      size += value.length
    }
  } finally {
    end()
  }
}
