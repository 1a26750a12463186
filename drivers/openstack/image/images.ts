import type { Image, ImageState } from '../../../openapi/model/index.ts'
import type { Call } from '../../call.ts'
import type { Filters, Identity, ImageService, ListQuery, ListResult, ReadOptions } from '../../driver.ts'
import { encodeId, type Client } from '../client/client.ts'
import { surrogate } from '../client/filters.ts'
import { glance } from './glance.ts'
import { createImageChanges } from './image-changes.ts'
import { createImageFiles } from './image-files.ts'
import { readFrom } from '../client/paging.ts'
import { resources } from '../client/resources.ts'
import { operationKey } from '../../tags.ts'
import { fromTagList } from '../client/tags.ts'

/** An image as Glance v2 tells it: properties stand beside the fields. */
export interface GlanceImage {
  id: string
  name?: string | null
  status: string
  created_at?: string
  updated_at?: string
  tags?: string[]
  min_ram?: number
  min_disk?: number
  size?: number | null
  visibility?: string
  owner?: string | null
  architecture?: string
  hw_architecture?: string
  os_type?: string
  os_distro?: string
  os_version?: string
  image_type?: string
  /** Of an image of a node that boots from a volume: the volume's snapshot. */
  block_device_mapping?: string
  /** Stores of which an import came to nothing. */
  os_glance_failed_import?: string
  /** The operation that made it. */
  [operationKey]?: string
}

/** Glance's statuses (`glance/api/v2/images.py`); the last four are of tasks that make images, and of other clouds' Glance. */
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

/** An image of Glance as an image. */
export function toImage (image: GlanceImage, identity: Identity, extra: boolean): Image {
  return {
    // Not spread, see toNode.
    id: identity.id,
    cloud: identity.cloud,
    driver: identity.driver,
    location: identity.location,
    self: identity.self,
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
    os: { family: image.os_type ?? null, distro: image.os_distro ?? null, version: image.os_version ?? null },
    visibility: (image.visibility ?? null) as Image['visibility'],
    owner: image.owner ?? null,
    // Nova marks what it makes from a server.
    is_snapshot: image.image_type === 'snapshot' || image.block_device_mapping !== undefined,
    ...(extra ? { extra: toExtra(image) } : {})
  }
}

/** An image whose import has failed is queued again, for another that nobody will begin. */
function stateOf ({ status, os_glance_failed_import: failed }: GlanceImage): ImageState {
  const word = status.toLowerCase()
  return word === 'queued' && failed !== undefined && failed !== '' ? 'error' : imageStatuses[word] ?? 'unknown'
}

function toExtra ({ [operationKey]: _, ...raw }: GlanceImage): Record<string, unknown> {
  return raw
}

export const imageFilters = ['name', 'state']

/** Glance compares names as they are, but reads a list out of `in:`; of the states only `active` stands for all of one. */
function pushDown ({ name, state }: Filters) {
  const query: Record<string, unknown> = {}
  const [wanted = ''] = name?.length === 1 ? name : []
  if (wanted !== '' && !/\*|^in:/.test(wanted) && !surrogate.test(wanted)) query.name = wanted
  if (state?.length === 1 && state[0] === 'available') query.status = 'active'
  return { query, applied: [...('name' in query ? ['name'] : []), ...('status' in query ? ['state'] : [])] }
}

export interface ImagesOptions {
  client: Client
  identify: (id: string) => Identity
  /** Milliseconds that a call may take. */
  timeout: number
}

/** Images of Glance: all that the account can see without asking for others' by name. */
export function createImages ({ client, identify, timeout }: ImagesOptions) {
  const read = (id: string, call: Call) => client.show<GlanceImage>({ service: 'image' }, call, (token, region, headers) =>
    resources.image.show(token, region, encodeId(id), {}, headers))

  /** Only its task tells why an image is still queued; an older Glance does not show it. */
  const hasFailed = async ({ id, status }: GlanceImage, call: Call) => {
    if (status !== 'queued') return false
    const { items } = await client.list<{ status?: string }>({ service: 'image' }, call, (token, region, headers) =>
      glance.image.tasks(token, region, encodeId(id), {}, headers)).catch(() => ({ items: [] }))
    return items.length > 0 && items.every((task) => task.status === 'failure')
  }

  const get = async (id: string, { extra }: ReadOptions, call: Call): Promise<Image> => {
    const image = await read(id, call)
    const failed = await hasFailed(image, call)
    const shown = toImage(image, identify(image.id), extra)
    return failed ? { ...shown, state: 'error' } : shown
  }

  const { import: fetchFile, upload, discover, canImport, forget } = createImageFiles(client, timeout)
  const images: ImageService = {
    async list ({ limit, token, filters, extra }: ListQuery, call: Call): Promise<ListResult<Image>> {
      const { query, applied } = pushDown(filters)
      const { items, next } = await readFrom(token, (marker) =>
        client.list<GlanceImage>({ service: 'image' }, call, (access, region, headers) =>
          resources.image.list(access, region, { ...query, limit, ...marker }, headers)))
      return { items: items.map((image) => toImage(image, identify(image.id), extra)), next, applied }
    },
    get,
    ...createImageChanges({ client, read, get: (id, call) => get(id, { extra: false }, call) }),
    upload
  }
  const withImport: ImageService = { ...images, import: fetchFile }

  return {
    /** The service, as far as it is known what this Glance can do. */
    service: () => canImport() ? withImport : images,
    discover,
    forget
  }
}
