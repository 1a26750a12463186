import { randomBytes } from 'node:crypto'
import type { FieldError, NodeCreate } from '../../openapi/model/index.ts'
import { impossibleSize, sizes, zonesOf } from './catalog.ts'
import { defaultNics, groupErrors, newNics, nicErrors } from './network/nics.ts'
import { newId } from './records.ts'
import { field, refuse } from './refusal.ts'
import type { CreateOptions } from './settings.ts'
import { findImage } from './storage/find-image.ts'
import { rootVolumeErrors } from './storage/root-volume.ts'
import type { Store } from './store.ts'
import type { StoredNode } from './stored.ts'

/** Bytes of user data at most, as EC2 has it. */
export const mostUserData = 16 * 1024

/** What is wrong with the use of this image on this size; nothing where either is not there. */
export function fitErrors (store: Store, imageId: string, sizeId: string, fromVolume: boolean): FieldError[] {
  const image = findImage(store, imageId)
  const size = sizes.get(sizeId)
  if (image === undefined || size === undefined) return []
  return [
    ...(size.ram < image.min_ram ? [field('/size_id', `must have ${image.min_ram} MiB of memory for this image`)] : []),
    ...(size.disk < image.min_disk && !fromVolume ? [field('/size_id', `must have ${image.min_disk} GiB of disk for this image`)] : [])
  ]
}

/** What is wrong with this image, and with its use on this size, whose disk does not count with a root volume. */
export function imageErrors (store: Store, imageId: string, sizeId: string, fromVolume: boolean): FieldError[] {
  const image = findImage(store, imageId)
  if (image === undefined) return [field('/image_id', 'must be the id of an image of this cloud')]
  if (!image.usable) return [field('/image_id', 'must be an image that is available')]
  return fitErrors(store, imageId, sizeId, fromVolume)
}

export const sizeErrors = (sizeId: string) => sizes.has(sizeId) ? [] : [field('/size_id', 'must be the id of a size of this cloud')]

function networkErrors (store: Store, { networks: list = [], security_group_ids: groups, count = 1 }: NodeCreate) {
  const shared = count === 1
    ? []
    : list.flatMap(({ fixed_ip: address }, i) =>
      address === undefined ? [] : [field(`/networks/${i}/fixed_ip`, 'must not stand beside a count of nodes')])
  const twice = list.flatMap(({ fixed_ip: address, network_id: network, subnet_id: subnet }, i) => {
    const first = list.findIndex((one) => one.fixed_ip === address && one.network_id === network && one.subnet_id === subnet)
    return address === undefined || first === i ? [] : [field(`/networks/${i}/fixed_ip`, `must not be that of NIC ${first} too`)]
  })
  return [...list.flatMap((wanted, i) => nicErrors(store, wanted, `/networks/${i}`)), ...twice, ...shared, ...groupErrors(store, groups, '')]
}

/** Throws validation_failed with every field at fault. */
export function checkCreate (store: Store, input: NodeCreate, location: string) {
  const { availability_zone: zone, key_pair_name: keyPair, user_data: userData = '' } = input
  refuse([
    ...sizeErrors(input.size_id),
    ...imageErrors(store, input.image_id, input.size_id, input.root_volume !== undefined),
    ...rootVolumeErrors(store, input),
    ...(zone === undefined || zonesOf(location).includes(zone) ? [] : [field('/availability_zone', 'must be the id of a zone of this cloud')]),
    ...(keyPair === undefined || store.key_pairs.has(keyPair) ? [] : [field('/key_pair_name', 'must be the name of a key pair of this cloud')]),
    ...(Buffer.byteLength(userData) <= mostUserData ? [] : [field('/user_data', `must have ${mostUserData} bytes at most`)]),
    ...networkErrors(store, input)
  ])
}

/** What the create says to this driver alone; the core has checked its form. */
export const optionsOf = ({ provider_options: options }: NodeCreate) => (options?.['dummy'] ?? {}) as CreateOptions

/** A node as it is when the cloud has just accepted it, created by nobody yet. Throws provider_capacity where a network is full. */
export function newNode (store: Store, input: NodeCreate, location: string): StoredNode {
  const seq = store.nodes.newSeq()
  const now = Date.now()
  const wanted = input.networks ?? defaultNics(store)
  const zones = zonesOf(location)
  return {
    seq,
    id: newId(store.nodes, 'node'),
    name: input.name,
    status: 'BUILD',
    task: null,
    progress: 0,
    steps: [],
    size_id: input.size_id,
    image_id: input.image_id,
    before: null,
    key_pair_name: input.key_pair_name ?? null,
    availability_zone: input.availability_zone ?? zones[seq % zones.length]!,
    nics: input.size_id === impossibleSize ? [] : newNics(store, wanted, seq, input.security_group_ids),
    tags: { ...input.tags },
    protected: input.protected ?? false,
    fault: null,
    // The text itself may hold secrets, and nothing here runs it.
    user_data_bytes: input.user_data === undefined ? null : Buffer.byteLength(input.user_data),
    created_at: now,
    updated_at: now,
    launched_at: null,
    operation: null
  }
}

/** What is shown once with the answer to a create. */
export const newSecrets = ({ admin_password: wanted }: CreateOptions) =>
  wanted === true ? { secrets: { admin_password: randomBytes(12).toString('base64url') } } : {}
