import { ProblemError, type ImageCreate, type ImageUpload } from '../../../openapi/model/index.ts'
import { bytesPerGiB, sizes } from '../catalog.ts'
import { field, refuse } from '../refusal.ts'
import { mapState } from '../states.ts'
import type { Store } from '../store.ts'
import type { StoredNode } from '../stored.ts'
import { rootDevice } from './attachments.ts'
import { findImage } from './find-image.ts'
import type { NewImage } from './images.ts'

const base = { status: 'queued', visibility: 'private', size_bytes: null, checksum: null, tags: {} }
const unknownOs = { family: null, distro: null, version: null }

/** States of a node of which Nova makes an image. */
const still: ReadonlySet<string> = new Set(['running', 'stopped', 'paused', 'suspended'])

function assertStill ({ id, status, task }: StoredNode) {
  const { state, allowed_actions: allowed } = mapState(status, task)
  if (still.has(state) && task === null && status !== 'VERIFY_RESIZE' && !status.startsWith('SHELVED')) return
  throw new ProblemError('invalid_state', `Node ${id} is ${state}, of which no image can be made`, { state, allowed_actions: allowed })
}

/** GiB of a node's disk: of its root volume where it has one. */
function diskOf ({ volumes, volumesOf }: Store, { id, size_id: sizeId }: StoredNode) {
  const root = volumesOf(id).map((volume) => volumes.find(volume)!.data).find(({ attachment }) => attachment!.device === rootDevice)
  return root?.size ?? sizes.get(sizeId)?.disk ?? 0
}

/** The image of a node, and its length once it is complete. Throws validation_failed or invalid_state where none can be made. */
export function fromNode (store: Store, { name, node_id: nodeId, tags }: ImageCreate): { image: NewImage, bytes: number } {
  const node = store.nodes.find(nodeId)?.data
  refuse(node === undefined ? [field('/node_id', 'must be the id of a node of this cloud')] : [])
  assertStill(node!)
  const source = findImage(store, node!.image_id)
  const disk = diskOf(store, node!)
  return {
    image: {
      ...base,
      name,
      tags: { ...tags },
      min_ram: source?.min_ram ?? 0,
      min_disk: disk,
      architecture: 'x86_64',
      os: source?.os ?? unknownOs,
      is_snapshot: true,
      disk_format: 'qcow2'
    },
    bytes: disk * bytesPerGiB
  }
}

/** The image of a file. */
export const fromFile = (
  { name, disk_format: format, min_ram: minRam = 0, min_disk: minDisk = 0, architecture = null }: Omit<ImageUpload, 'architecture'> & { architecture?: string | null }
): NewImage => ({
  ...base, name, min_ram: minRam, min_disk: minDisk, architecture, os: unknownOs, is_snapshot: false, disk_format: format
})
