import type { Image, ImageState } from '../../openapi/model/index.ts'
import type { Call } from '../call.ts'
import type { Filters, Identity, ImageService, ListQuery, ListResult, ReadOptions } from '../driver.ts'
import { encodeId, type Client } from '../openstack/public.ts'
import { createImageChanges } from './image-changes.ts'
import { toImageTags, withoutOperation } from './image-tags.ts'
import { novaImage, readImages, upstream, type NovaImage } from './nova-images.ts'

/** What Nova makes of Glance's statuses (`nova/api/openstack/compute/views/images.py`); QUEUED was told by older ones. */
const statuses: Readonly<Record<string, ImageState>> = {
  ACTIVE: 'available', SAVING: 'pending', QUEUED: 'pending', PREPARING: 'pending', DELETED: 'deleted', ERROR: 'error', FAILED: 'error'
}

/** An image of Nova as an image. Those of Rackspace are everybody's, those made of servers one's own. */
export function toImage (image: NovaImage, identity: Identity, extra: boolean): Image {
  const { metadata = {} } = image
  const kind = metadata['image_type']
  return {
    // Not spread: an object that begins with a spread is slow to make.
    id: identity.id,
    cloud: identity.cloud,
    driver: identity.driver,
    location: identity.location,
    self: identity.self,
    name: image.name ?? null,
    state: statuses[image.status.toUpperCase()] ?? 'unknown',
    provider_state: image.status,
    created_at: image.created ?? null,
    updated_at: image.updated ?? null,
    tags: toImageTags(metadata),
    min_ram: image.minRam ?? null,
    min_disk: image.minDisk ?? null,
    size_bytes: image['OS-EXT-IMG-SIZE:size'] ?? null,
    architecture: metadata['arch']?.replace('x86-64', 'x86_64') ?? null,
    os: { family: metadata['os_type'] ?? null, distro: metadata['os_distro'] ?? null, version: metadata['os_version'] ?? null },
    visibility: kind === 'base' ? 'public' : kind === 'snapshot' ? 'private' : null,
    owner: null,
    is_snapshot: kind === undefined ? null : kind === 'snapshot',
    ...(extra ? { extra: withoutOperation(image) } : {})
  }
}

export const imageFilters = ['name', 'state']

/** Nova compares names as they are; of the states only ACTIVE stands for all of one. */
function pushDown ({ name, state }: Filters) {
  const query: Record<string, unknown> = {}
  const [wanted = ''] = name?.length === 1 ? name : []
  if (wanted !== '' && !/[*\ud800-\udfff]/.test(wanted)) query['name'] = wanted
  if (state?.length === 1 && state[0] === 'available') query['status'] = 'ACTIVE'
  return { query, applied: [...('name' in query ? ['name'] : []), ...('status' in query ? ['state'] : [])] }
}

/** Images of Nova: Rackspace's own and those made of the account's servers. */
export function createImages (client: Client, identify: (id: string) => Identity): ImageService {
  const get = async (id: string, { extra }: ReadOptions, call: Call): Promise<Image> => {
    const image = await client.show<NovaImage>(upstream, call, (token, region, headers) =>
      novaImage.show(token, region, encodeId(id), {}, headers))
    return toImage(image, identify(image.id), extra)
  }

  return {
    async list ({ limit, token, filters, extra }: ListQuery, call: Call): Promise<ListResult<Image>> {
      const { query, applied } = pushDown(filters)
      const { items, next } = await readImages(client, { ...query, limit }, token, call)
      return { items: items.map((image) => toImage(image, identify(image.id), extra)), next, applied }
    },
    get,
    ...createImageChanges(client, (id, call) => get(id, { extra: false }, call))
  }
}
