import type { Image, ImageState } from '../../openapi/model/index.ts'
import type { Call } from '../call.ts'
import type { Filters, Identity, ListQuery, ListResult, ReadOptions, ReadService } from '../driver.ts'
import { encodeId, type Client } from './client.ts'
import { surrogate } from './filters.ts'
import { readFrom } from './paging.ts'
import { resources } from './resources.ts'
import { fromTagList } from './tags.ts'

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
    state: imageStatuses[image.status.toLowerCase()] ?? 'unknown',
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
    is_snapshot: image.image_type === 'snapshot',
    ...(extra ? { extra: { ...image } } : {})
  }
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

/** Images of Glance: all that the account can see without asking for others' by name. */
export function createImages (client: Client, identify: (id: string) => Identity): ReadService<Image> {
  return {
    async list ({ limit, token, filters, extra }: ListQuery, call: Call): Promise<ListResult<Image>> {
      const { query, applied } = pushDown(filters)
      const { items, next } = await readFrom(token, (marker) =>
        client.list<GlanceImage>({ service: 'image' }, call, (access, region, headers) =>
          resources.image.list(access, region, { ...query, limit, ...marker }, headers)))
      return { items: items.map((image) => toImage(image, identify(image.id), extra)), next, applied }
    },
    async get (id: string, { extra }: ReadOptions, call: Call) {
      const image = await client.show<GlanceImage>({ service: 'image' }, call, (token, region, headers) =>
        resources.image.show(token, region, encodeId(id), {}, headers))
      return toImage(image, identify(image.id), extra)
    }
  }
}
