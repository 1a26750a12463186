import type { FieldError, NodeCreate } from '../../../openapi/model/index.ts'
import { sizes } from '../catalog.ts'
import { field } from '../refusal.ts'
import type { Store } from '../store.ts'
import type { StoredNode } from '../stored.ts'
import { rootDevice } from './attachments.ts'
import { born, stepsOf } from './common.ts'
import { findImage } from './find-image.ts'
import { defaultType } from './types.ts'
import { typeErrors } from './volume-create.ts'

/** What is wrong with the root volume that a create asks for. */
export function rootVolumeErrors (store: Store, { root_volume: root, image_id: imageId }: NodeCreate): FieldError[] {
  if (root === undefined) return []
  const least = findImage(store, imageId)?.min_disk ?? 0
  return [
    ...((root.size ?? Infinity) >= least ? [] : [field('/root_volume/size', `must be ${least} GiB or more for this image`)]),
    ...typeErrors(root.type, '/root_volume/type')
  ]
}

/** GiB of a root volume: as large as the disk of the node would be, unless the create says so or the image needs more. */
const sizeOf = (store: Store, { root_volume: root, image_id: imageId, size_id: sizeId }: NodeCreate) =>
  root?.size ?? Math.max(1, sizes.get(sizeId)?.disk ?? 0, findImage(store, imageId)?.min_disk ?? 0)

/** What the root volumes of so many nodes take of the quotas. */
export const rootDemand = (store: Store, input: NodeCreate, count: number) =>
  input.root_volume === undefined ? {} : { volumes: count, volume_storage: count * sizeOf(store, input) }

/** Makes the volume from which a new node boots: it is attached when the node runs. */
export function addRootVolume (store: Store, node: StoredNode, input: NodeCreate, seconds: number) {
  const { type = defaultType, delete_on_termination: goes = true } = input.root_volume ?? {}
  store.volumes.add({
    ...born(store.volumes, 'vol', undefined),
    name: null,
    status: 'creating',
    tags: {},
    size: sizeOf(store, input),
    type,
    availability_zone: node.availability_zone,
    bootable: true,
    snapshot_id: null,
    image_id: input.image_id,
    attachment: { node_id: node.id, device: rootDevice, delete_on_termination: goes },
    steps: stepsOf(['creating', 'downloading', 'attaching'].map((status) => ({ status })), { status: 'in-use' }, seconds)
  })
}

/** Whether a node boots from a volume, so that the disk of its size does not count. */
export const hasRootVolume = ({ volumes, volumesOf }: Store, nodeId: string) =>
  volumesOf(nodeId).some((id) => volumes.find(id)!.data.attachment!.device === rootDevice)
