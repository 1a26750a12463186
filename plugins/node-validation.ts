import type { CollectionName, ReadService } from '../drivers/driver.ts'
import {
  type FieldError,
  type Image,
  type NodeCreate,
  type ProblemError,
  type Quota,
  type Size,
  type Validation
} from '../openapi/model/index.ts'
import { fieldPointer } from './clouds/capabilities.ts'
import type { CloudHandle } from './clouds/handle.ts'

/** `ok` is null if the check could not be made. `pointer` is the field that was checked; "" means the whole body. */
type Check = Validation['checks'][number]
type Resource = { name: string | null, state: string, kind?: string }
interface Reference {
  service: CollectionName
  id: string
  pointer: string
}

const nouns: Partial<Record<CollectionName, string>> = {
  images: 'image',
  sizes: 'size',
  networks: 'network',
  subnets: 'subnet',
  security_groups: 'security group',
  key_pairs: 'key pair',
  locations: 'zone'
}

/** Collects the resources that a create request references, each id once. */
function collectReferences (input: NodeCreate): Reference[] {
  const {
    image_id,
    size_id,
    key_pair_name,
    availability_zone,
    networks = [],
    security_group_ids = []
  } = input
  const found: { service: CollectionName, id: string | undefined, pointer: string }[] = [
    { service: 'images', id: image_id, pointer: '/image_id' },
    { service: 'sizes', id: size_id, pointer: '/size_id' },
    ...networks.map(({ network_id: id }, i) => ({
      service: 'networks' as const,
      id,
      pointer: `/networks/${i}/network_id`
    })),
    ...networks.map(({ subnet_id: id }, i) => ({
      service: 'subnets' as const,
      id,
      pointer: `/networks/${i}/subnet_id`
    })),
    ...security_group_ids.map((id, i) => ({
      service: 'security_groups' as const,
      id,
      pointer: `/security_group_ids/${i}`
    })),
    ...networks.flatMap(({ security_group_ids: own = [] }, i) =>
      own.map((id, j) => ({
        service: 'security_groups' as const,
        id,
        pointer: `/networks/${i}/security_group_ids/${j}`
      }))
    ),
    { service: 'key_pairs', id: key_pair_name, pointer: '/key_pair_name' },
    { service: 'locations', id: availability_zone, pointer: '/availability_zone' }
  ]
  const byKey = new Map<string, Reference>()
  for (const { service, id, pointer } of found) {
    const key = `${service} ${id}`
    if (id !== undefined && !byKey.has(key)) byKey.set(key, { service, id, pointer })
  }
  return [...byKey.values()]
}

/** Reads resources, each one once. The promise rejects with the error of the cloud. */
function createReader (cloud: CloudHandle) {
  const reads = new Map<string, Promise<object>>()
  return <T extends object>(service: CollectionName, id: string): Promise<T> | undefined => {
    const reader = cloud.connection[service] as ReadService<object> | undefined
    if (reader === undefined) return undefined
    const key = `${service} ${id}`
    const read = reads.get(key) ?? cloud.call((_, call) => reader.get(id, { extra: false }, call))
    reads.set(key, read)
    return read as Promise<T>
  }
}
type Reader = ReturnType<typeof createReader>

const isUsable = (state: string) => ['available', 'unknown'].includes(state)

/** Checks that a referenced resource exists and can be used. */
async function checkReference (
  cloud: CloudHandle,
  read: Reader,
  { service, id, pointer }: Reference
): Promise<Check> {
  const noun = nouns[service]!
  const check = { name: noun, pointer }
  if (cloud.connection[service] === undefined) {
    return { ...check, ok: null, detail: `This cloud does not list its ${service}` }
  }
  if (cloud.connection.ids[service]?.test(id) === false) {
    return { ...check, ok: false, detail: `"${id.slice(0, 64)}" cannot be the id of a ${noun}` }
  }
  try {
    const { name, state, kind = noun } = await read<Resource>(service, id)!
    if (kind !== noun) {
      return { ...check, ok: false, detail: `${name ?? id} is a ${kind}, not a ${noun}` }
    }
    const isGood = isUsable(state)
    return {
      ...check,
      ok: isGood,
      detail: `The ${noun} ${name ?? id} is ${isGood ? 'available' : state}`
    }
  } catch (error) {
    const { code, message } = error as ProblemError
    return { ...check, ok: code === 'resource_not_found' ? false : null, detail: message }
  }
}

/**
 * Checks the needs of an image against a size, as Nova does (nova/compute/api.py, _validate_flavor_image_nostatus): a
 * root volume replaces the disk of the size, and a size whose disk is 0 has no limit.
 */
function compareFit (
  { min_ram: minRam, min_disk: minDisk }: Image,
  size: Size,
  input: NodeCreate
): Check[] {
  const root = input.root_volume
  const checks: Check[] = []
  if (minRam !== null && size.ram !== null) {
    const detail = `The image needs ${minRam} MiB of memory; the size has ${size.ram}`
    checks.push({ name: 'fit', ok: size.ram >= minRam, pointer: '/size_id', detail })
  }
  const disk = root === undefined ? size.disk : root.size ?? null
  if (minDisk !== null && disk !== null && disk > 0) {
    const [pointer, owner] = root === undefined
      ? ['/size_id', 'size']
      : ['/root_volume/size', 'root volume']
    const detail = `The image needs a disk of ${minDisk} GiB; the ${owner} has ${disk}`
    checks.push({ name: 'fit', ok: disk >= minDisk, pointer, detail })
  }
  return checks
}

/** Returns no checks if the image or the size cannot be read: their own checks say so. */
async function checkFit (read: Reader, input: NodeCreate): Promise<Check[]> {
  const [image, size] = await Promise.all([
    read<Image>('images', input.image_id),
    read<Size>('sizes', input.size_id)
  ])
    .catch(() => [])
  return image === undefined || size === undefined ? [] : compareFit(image, size, input)
}

/** The amount of each quota that a create needs. */
function neededQuotas (
  { count = 1, root_volume: root }: NodeCreate,
  size: Size | undefined
): Record<string, number> {
  const needs = { nodes: count, vcpus: count * (size?.vcpus ?? 0), ram: count * (size?.ram ?? 0) }
  return root === undefined
    ? needs
    : { ...needs, volumes: count, volume_storage: count * (root.size ?? 0) }
}

const quotaPointers: Readonly<Record<string, string>> = {
  nodes: '/count',
  vcpus: '/size_id',
  ram: '/size_id',
  volumes: '/root_volume',
  volume_storage: '/root_volume/size'
}

function compareQuotas (quotas: readonly Quota[], needs: Record<string, number>): Check[] {
  const exceeded = quotas.filter(({ resource, limit, used }) => {
    const need = needs[resource] ?? 0
    return need > 0 && limit !== null && used !== null && used + need > limit
  })
  if (exceeded.length === 0) {
    return [{ name: 'quota', ok: true, pointer: '', detail: 'The quotas allow it' }]
  }
  return exceeded.map(({ resource, limit, used }) => ({
    name: 'quota',
    ok: false,
    pointer: quotaPointers[resource] ?? '',
    detail: `${resource}: ${used} of ${limit} used, ${needs[resource]} needed`
  }))
}

async function checkQuotas (cloud: CloudHandle, read: Reader, input: NodeCreate): Promise<Check[]> {
  const { quotas } = cloud.connection
  const unknown = (detail: string) => [{ name: 'quota', ok: null, pointer: '', detail }]
  if (quotas === undefined) return unknown('This cloud does not report quotas')
  try {
    const size = Promise.resolve(read<Size>('sizes', input.size_id)).catch(() => undefined)
    const items = await cloud.call((_, call) => quotas.list(call))
    return compareQuotas(items, neededQuotas(input, await size))
  } catch (error) {
    return unknown((error as Error).message)
  }
}

/** Converts the errors of fields to failed checks. */
export const toChecks = (name: string, errors: readonly FieldError[]): Check[] =>
  errors.map(({ pointer, message }) => ({
    name,
    ok: false,
    pointer,
    detail: `${pointer} ${message}`.trim()
  }))

/** Converts an error to failed checks. An error of the server or the cloud itself leaves the check open: null. */
function toFailedChecks (name: string, error: ProblemError, pointer = ''): Check[] {
  const { errors = [] } = error.details
  if (errors.length > 0) return toChecks(name, errors)
  const isOpen = error.status >= 500 && error.code !== 'not_supported'
  return [{ name, ok: isOpen ? null : false, pointer, detail: error.message }]
}

function checkCapability (input: NodeCreate, check: () => void): Check[] {
  try {
    check()
    return [{ name: 'capability', ok: true, pointer: '', detail: 'The cloud honours every field' }]
  } catch (thrown) {
    const error = thrown as ProblemError
    const field = error.details.capability?.replace(/^nodes\.create\.?/, '')
    return toFailedChecks(
      'capability',
      error,
      field === undefined ? '' : fieldPointer(input, field)
    )
  }
}

/** Makes the checks of the driver's own. */
async function checkByDriver (cloud: CloudHandle, input: NodeCreate): Promise<Check[]> {
  if (cloud.connection.nodes?.checkCreate === undefined) return []
  try {
    await cloud.call(({ nodes }, call) => nodes!.checkCreate!(input, call))
    return [{ name: 'cloud', ok: true, pointer: '', detail: 'The rules of this cloud allow it' }]
  } catch (error) {
    return toFailedChecks('cloud', error as ProblemError)
  }
}

/** Drops failures of a driver that another check has reported: at the same field, or of the quota. */
function withoutRepeats (own: readonly Check[], others: readonly Check[]) {
  const failed = new Set(others.filter(({ ok }) => ok === false).map(({ pointer }) => pointer))
  const isQuotaExceeded = others.some(({ name, ok }) => name === 'quota' && ok === false)
  return own.filter(({ ok, pointer }) =>
    ok !== false || !(failed.has(pointer) || (pointer === '' && isQuotaExceeded))
  )
}

/**
 * Checks a create without creating anything: whether the cloud honours every field, whether all referenced resources
 * exist and can be used, whether the image fits the size, whether the quotas allow it, and the driver's own rules.
 */
export async function validateNode (
  cloud: CloudHandle,
  input: NodeCreate,
  checkCreate: () => void
): Promise<Validation> {
  const read = createReader(cloud)
  const capability = checkCapability(input, checkCreate)
  const isHonoured = capability.every(({ ok }) => ok)
  const [references, fit, quota, own] = await Promise.all([
    Promise.all(
      collectReferences(input).map((reference) => checkReference(cloud, read, reference))
    ),
    checkFit(read, input),
    checkQuotas(cloud, read, input),
    // A driver relies on the check of the capabilities.
    isHonoured ? checkByDriver(cloud, input) : []
  ])
  const checks: Check[] = [
    { name: 'schema', ok: true, pointer: '', detail: 'The body is valid' },
    ...capability,
    ...references,
    ...fit,
    ...quota
  ]
  checks.push(...withoutRepeats(own, checks))
  return { valid: checks.every(({ ok }) => ok !== false), checks }
}
