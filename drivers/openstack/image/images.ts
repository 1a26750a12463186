import type { Image, ImageState } from '../../../openapi/model/index.ts'
import { describe, type Filters, type Identity, type ImageService } from '../../driver.ts'
import { toExactName, toQuery, type FilterRule } from '../../common/filters.ts'
import { operationKey } from '../../common/tags.ts'
import type { Client } from '../client/client.ts'
import { fromTagList, tagLimits } from '../client/tags.ts'
import { createGlance, type GlanceImage } from './glance.ts'
import { createImageChanges } from './image-changes.ts'
import { createImageFiles } from './image-files.ts'

export const capabilities = describe<ImageService>({
  list: { filters: ['name', 'state', 'visibility'], limits: { limit: 1000 } },
  create: { parameters: ['name', 'node_id', 'tags'], limits: tagLimits },
  update: { parameters: ['name', 'tags', 'visibility'], limits: tagLimits },
  upload: { parameters: ['name', 'disk_format', 'min_ram', 'min_disk', 'architecture'] },
  import: {
    parameters: ['name', 'disk_format', 'min_ram', 'min_disk', 'architecture', 'url', 'tags'],
    limits: tagLimits
  }
})

/**
 * Glance's statuses (`glance/api/v2/images.py`). The last four are of tasks that make images, and
 * of the Glance of other clouds.
 */
export const imageStatuses: Readonly<Record<string, ImageState>> = {
  queued: 'pending',
  saving: 'pending',
  uploading: 'pending',
  importing: 'pending',
  active: 'available',
  deactivated: 'disabled',
  pending_delete: 'deleting',
  deleted: 'deleted',
  killed: 'error',
  pending: 'pending',
  failed: 'error',
  invalid: 'error',
  deregistered: 'deleted'
}

/** Converts an image of Glance. */
export function toImage (image: GlanceImage, identity: Identity, extra: boolean): Image {
  return {
    name: image.name ?? null,
    state: stateOf(image),
    provider_state: image.status,
    created_at: image.created_at ?? null,
    updated_at: image.updated_at ?? null,
    tags: fromTagList(image.tags),
    min_ram: image.min_ram ?? null,
    min_disk: image.min_disk ?? null,
    size_bytes: image.size ?? null,
    architecture: image.hw_architecture ?? image.architecture ?? null,
    os: {
      family: image.os_type ?? null,
      distro: image.os_distro ?? null,
      version: image.os_version ?? null
    },
    visibility: (image.visibility ?? null) as Image['visibility'],
    hidden: image.os_hidden ?? null,
    owner: image.owner ?? null,
    // Nova marks the images that it makes of servers.
    is_snapshot: image.image_type === 'snapshot' || image.block_device_mapping !== undefined,
    extra: extra ? withoutOperation(image) : undefined,
    ...identity
  }
}

/** The raw fields without our operation key. */
const withoutOperation = ({ [operationKey]: _, ...raw }: GlanceImage): Record<string, unknown> =>
  raw

/** Glance queues an image again after its import has failed. */
function stateOf ({ status, os_glance_failed_import: failed = '' }: GlanceImage): ImageState {
  const name = status.toLowerCase()
  return name === 'queued' && failed !== '' ? 'error' : (imageStatuses[name] ?? 'unknown')
}

/**
 * The filters that Glance can apply. It reads `in:` in a name as a list. Of the states only
 * `available` has exactly one status.
 */
const filterRules: Readonly<Record<string, FilterRule>> = {
  name: {
    name: 'name',
    toValues: (name) => (name.startsWith('in:') ? undefined : toExactName(name))
  },
  state: { name: 'status', toValues: (state) => (state === 'available' ? ['active'] : undefined) }
}

/**
 * Translates the filter of visibilities. By default Glance lists neither community images nor those that were shared
 * with the account and not accepted yet; `all` includes community images.
 */
function toVisibilityQuery ({ visibility = [] }: Filters) {
  const isSpecial = visibility.some((one) => one === 'community' || one === 'shared')
  if (!isSpecial) return visibility.length === 1 ? { visibility: visibility[0] } : {}
  return {
    visibility: visibility.length === 1 ? visibility[0] : 'all',
    member_status: visibility.includes('shared') ? 'all' : undefined
  }
}

/** Hidden images are left out of lists, unless the filter asks for them. */
const toHiddenQuery = ({ hidden = [] }: Filters) =>
  hidden.includes('true') ? { os_hidden: true } : {}

export interface ImagesOptions {
  client: Client
  identify: (id: string) => Identity
  /** Milliseconds that a call may take. */
  timeout: number
}

/** Images of Glance that the account can list. */
export function createImages ({ client, identify, timeout }: ImagesOptions) {
  const glance = createGlance(client)

  const convert = (image: GlanceImage, extra: boolean) => toImage(image, identify(image.id), extra)

  const readImage: ImageService['get'] = async (id, { extra }, call) => {
    const image = await glance.show(id, call)
    const converted = convert(image, extra)
    if (image.status !== 'queued') return converted
    // Only the tasks show that the import of a queued image has failed. An older Glance does not
    // list them.
    const tasks = await glance.readTasks(id, call).catch(() => [])
    const hasFailed = tasks.length > 0 && tasks.every(({ status }) => status === 'failure')
    return hasFailed ? { ...converted, state: 'error' } : converted
  }

  const { import: importFile, upload, discover, canImport, forget } = createImageFiles(
    glance,
    timeout
  )
  const images: ImageService = {
    async list ({ limit, token, filters, extra }, call) {
      const query = {
        ...toQuery(filters, filterRules),
        ...toVisibilityQuery(filters),
        ...toHiddenQuery(filters),
        limit
      }
      const { items, next } = await glance.page(query, token, call)
      return { items: items.map((image) => convert(image, extra)), next }
    },
    get: readImage,
    ...createImageChanges({
      client,
      glance,
      get: (id, call) => readImage(id, { extra: false }, call)
    }),
    upload
  }
  const withImport: ImageService = { ...images, import: importFile }

  return {
    /** The service, with `import` unless this Glance is known to lack it. */
    service: () => (canImport() ? withImport : images),
    discover,
    forget
  }
}
