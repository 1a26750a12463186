import { randomBytes } from 'node:crypto'
import type { FieldError, NodeCreate } from '../../../openapi/model/index.ts'
import {
  errorUnless,
  fieldError,
  impossibleSize,
  mustBeIdOf,
  rejectFields,
  sizes,
  zonesOf,
  type CreateOptions,
  type NodeEntry,
  type NodeRecord,
  type Settings,
  type Store
} from '../engine/index.ts'
import { createNics, defaultNics, groupErrors, nicErrors } from '../network/nics.ts'
import { findImage } from '../storage/find-image.ts'
import { addRootVolume, rootVolumeErrors } from '../storage/new-volume.ts'
import { planCreate, schedulePlan } from './plans.ts'

/** Checks whether an image fits a size, if both exist. */
export function fitErrors (
  store: Store,
  imageId: string,
  sizeId: string,
  hasRootVolume: boolean
): FieldError[] {
  const image = findImage(store, imageId)
  const size = sizes.get(sizeId)
  if (image === undefined || size === undefined) return []
  const hasMemory = size.ram >= image.min_ram
  const hasDisk = size.disk >= image.min_disk || hasRootVolume
  return [
    ...errorUnless(
      hasMemory,
      '/size_id',
      `must have ${image.min_ram} MiB of memory for this image`
    ),
    ...errorUnless(hasDisk, '/size_id', `must have ${image.min_disk} GiB of disk for this image`)
  ]
}

/** With a root volume, the disk of the size does not count. */
export function imageErrors (
  store: Store,
  imageId: string,
  sizeId: string,
  hasRootVolume: boolean
): FieldError[] {
  const image = findImage(store, imageId)
  if (image === undefined) return [fieldError('/image_id', mustBeIdOf('an image'))]
  if (!image.isAvailable) return [fieldError('/image_id', 'must be an image that is available')]
  return fitErrors(store, imageId, sizeId, hasRootVolume)
}

export const sizeErrors = (sizeId: string) =>
  errorUnless(sizes.has(sizeId), '/size_id', mustBeIdOf('a size'))

function networkErrors (
  store: Store,
  { networks = [], security_group_ids: groups, count = 1 }: NodeCreate
) {
  const errors = networks.flatMap((nic, i) => nicErrors(store, nic, `/networks/${i}`))
  const keys = networks.map((nic) => JSON.stringify([nic.fixed_ip, nic.network_id, nic.subnet_id]))
  const duplicates: FieldError[] = []
  const shared: FieldError[] = []
  networks.forEach(({ fixed_ip: fixedIp }, i) => {
    if (fixedIp === undefined) return
    const pointer = `/networks/${i}/fixed_ip`
    const first = keys.indexOf(keys[i]!)
    duplicates.push(
      ...errorUnless(first === i, pointer, `must not be the address of NIC ${first} too`)
    )
    shared.push(...errorUnless(count === 1, pointer, 'cannot be combined with a count of nodes'))
  })
  return [...errors, ...duplicates, ...shared, ...groupErrors(store, groups, '')]
}

export function checkCreate (store: Store, input: NodeCreate, location: string) {
  const { availability_zone: zone, key_pair_name: keyPair } = input
  const hasZone = zone === undefined || zonesOf(location).includes(zone)
  const hasKeyPair = keyPair === undefined || store.key_pairs.has(keyPair)
  rejectFields([
    sizeErrors(input.size_id),
    imageErrors(store, input.image_id, input.size_id, input.root_volume !== undefined),
    rootVolumeErrors(store, input),
    errorUnless(hasZone, '/availability_zone', mustBeIdOf('a zone')),
    errorUnless(hasKeyPair, '/key_pair_name', 'must be the name of a key pair of this cloud'),
    networkErrors(store, input)
  ].flat())
}

/** Returns the options for this driver, whose schema the core has checked. */
const optionsOf = ({ provider_options: options }: NodeCreate) =>
  (options?.['dummy'] ?? {}) as CreateOptions

function createNode (
  store: Store,
  input: NodeCreate,
  name: string,
  { location, delay, delays }: Settings
): NodeRecord {
  const { seq, id, created_at: createdAt } = store.nodes.newRecord('node')
  const { size_id: sizeId, image_id: imageId, user_data: userData } = input
  const zones = zonesOf(location)
  const nics = sizeId === impossibleSize
    ? []
    : createNics(store, input.networks ?? defaultNics(store), seq, input.security_group_ids)
  const fault = {
    code: '500',
    message: `Build of ${id} aborted, as the option \`fail\` requests.`
  }
  const plan = planCreate(
    sizeId,
    input.root_volume !== undefined,
    optionsOf(input).fail ? fault : null
  )
  // No spread here: with so many fields it creates a dictionary, which takes ten times as long.
  return {
    seq,
    id,
    steps: schedulePlan(plan, delays.create ?? delay),
    name,
    status: 'BUILD',
    task: null,
    progress: 0,
    size_id: sizeId,
    image_id: imageId,
    before: null,
    key_pair_name: input.key_pair_name ?? null,
    availability_zone: input.availability_zone ?? zones[seq % zones.length]!,
    nics,
    tags: { ...input.tags },
    protected: input.protected ?? false,
    fault: null,
    // Keep the size only: user data can contain secrets, and nothing here runs it.
    user_data_bytes: userData === undefined ? null : Buffer.byteLength(userData),
    created_at: createdAt,
    updated_at: createdAt,
    launched_at: null,
    operation: null
  }
}

/** Adds all nodes of a create or none. Throws provider_capacity if there are too few addresses. */
export function addNodes (
  store: Store,
  input: NodeCreate,
  settings: Settings,
  operation: string | undefined
) {
  const { name, count = 1 } = input
  const entries: NodeEntry[] = []
  try {
    for (let i = 1; i <= count; i++) {
      const node = createNode(store, input, count === 1 ? name : `${name}-${i}`, settings)
      entries.push(store.nodes.add(node))
    }
  } catch (error) {
    for (const entry of entries) store.nodes.remove(entry)
    throw error
  }
  for (const entry of entries) {
    // Set the operation last, so that nodes which are removed above do not count as created by it.
    store.nodes.set(entry, { operation: operation ?? null })
    // A node without a host has no disk.
    if (input.root_volume === undefined || input.size_id === impossibleSize) continue
    addRootVolume(store, entry.data, input, settings.delays.create ?? settings.delay)
  }
  return entries.map(({ data }) => data.id)
}

/** Creates the secrets that only the answer to a create contains. */
export const createSecrets = (input: NodeCreate) =>
  optionsOf(input).admin_password && {
    secrets: { admin_password: randomBytes(12).toString('base64url') }
  }
