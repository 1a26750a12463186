import { randomBytes } from 'node:crypto'
import { ProblemError, type FieldError, type NodeCreate } from '../../openapi/model/index.ts'
import type { Call } from '../call.ts'
import { createNics, networkIds, networks } from './addresses.ts'
import { images, impossibleSize, keyPairs, sizes, zonesOf } from './catalog.ts'
import type { CreateOptions } from './settings.ts'
import type { Store } from './store.ts'
import type { StoredNode } from './stored.ts'

/** Bytes of user data at most, as EC2 has it. */
export const mostUserData = 16 * 1024

export const field = (pointer: string, message: string): FieldError => ({ in: 'body', pointer, message })

/** Throws validation_failed with all of them, unless there are none. */
export function refuse (errors: FieldError[]) {
  if (errors.length === 0) return
  throw new ProblemError('validation_failed', errors.map(({ pointer, message }) => `${pointer} ${message}`).join('; '), { errors })
}

/** What is wrong with this image, and with its use on this size. */
export function imageErrors (imageId: string, sizeId: string): FieldError[] {
  const image = images.get(imageId)
  if (image === undefined) return [field('/image_id', 'must be the id of an image of this cloud')]
  const size = sizes.get(sizeId)
  if (size === undefined) return []
  return [
    ...(size.ram < image.min_ram ? [field('/size_id', `must have ${image.min_ram} MiB of memory for this image`)] : []),
    ...(size.disk < image.min_disk ? [field('/size_id', `must have ${image.min_disk} GiB of disk for this image`)] : [])
  ]
}

export const sizeErrors = (sizeId: string) => sizes.has(sizeId) ? [] : [field('/size_id', 'must be the id of a size of this cloud')]

function networkErrors (list: NodeCreate['networks'] = []) {
  return list.flatMap(({ network_id: id }, i) =>
    id !== undefined && networks.has(id) ? [] : [field(`/networks/${i}/network_id`, 'must be the id of a network of this cloud')])
}

/** Throws validation_failed with every field at fault. */
export function checkCreate (input: NodeCreate, location: string) {
  const { availability_zone: zone, key_pair_name: keyPair, user_data: userData = '' } = input
  refuse([
    ...sizeErrors(input.size_id),
    ...imageErrors(input.image_id, input.size_id),
    ...(zone === undefined || zonesOf(location).includes(zone) ? [] : [field('/availability_zone', 'must be the id of a zone of this cloud')]),
    ...(keyPair === undefined || keyPairs.has(keyPair) ? [] : [field('/key_pair_name', 'must be the name of a key pair of this cloud')]),
    ...(Buffer.byteLength(userData) <= mostUserData ? [] : [field('/user_data', `must have ${mostUserData} bytes at most`)]),
    ...networkErrors(input.networks)
  ])
}

/** What the create says to this driver alone; the core has checked its form. */
export const optionsOf = ({ provider_options: options }: NodeCreate) => (options?.['dummy'] ?? {}) as CreateOptions

const randomHex = () => randomBytes(4).toString('hex')

function newNodeId (store: Store) {
  for (;;) {
    const id = `node-${randomHex()}`
    if (!store.nodes.has(id)) return id
  }
}

/** A node as it is when the cloud has just accepted it. Throws provider_capacity where a network is full. */
export function newNode (store: Store, input: NodeCreate, location: string, { operation }: Call): StoredNode {
  const seq = store.nodes.newSeq()
  const now = Date.now()
  const wanted = input.networks?.flatMap(({ network_id: id }) => id ?? []) ?? networkIds
  const zones = zonesOf(location)
  return {
    seq,
    id: newNodeId(store),
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
    nics: input.size_id === impossibleSize ? [] : createNics(wanted, seq, store.taken, randomHex),
    tags: { ...input.tags },
    protected: input.protected ?? false,
    fault: null,
    // The text itself may hold secrets, and nothing here runs it.
    user_data_bytes: input.user_data === undefined ? null : Buffer.byteLength(input.user_data),
    created_at: now,
    updated_at: now,
    launched_at: null,
    operation: operation ?? null
  }
}

/** What is shown once with the answer to a create. */
export const newSecrets = ({ admin_password: wanted }: CreateOptions) =>
  wanted === true ? { secrets: { admin_password: randomBytes(12).toString('base64url') } } : {}
