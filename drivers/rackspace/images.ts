import { defres } from 'openstack-client'
import { ProblemError, type Image, type ImageState } from '../../openapi/model/index.ts'
import type { Call } from '../call.ts'
import { toChange, untilGone } from '../common/changes.ts'
import { describe, type Identity, type ImageService } from '../driver.ts'
import { toExactName, type FilterRule } from '../common/filters.ts'
import {
  bind,
  createImageOfNode,
  createReadService,
  type Client,
  type FindImage
} from '../openstack/public.ts'
import type { FieldRefusal } from '../common/refusals.ts'
import { runSteps, type Step } from '../common/steps.ts'
import { checkImageTags, imageOperationKey, toImageTags, withoutOperation } from './image-tags.ts'

export const capabilities = describe<ImageService>({
  list: { filters: ['name', 'state'], limits: { limit: 1000 } },
  create: { parameters: ['name', 'node_id', 'tags'], limits: { tag_characters: 255 } },
  update: { parameters: ['tags'], limits: { tag_characters: 255 } }
})

/** An image of Nova. Its metadata has the fields that are properties in Glance. */
export interface NovaImage {
  id: string
  name?: string | null
  status: string
  created?: string
  updated?: string
  minRam?: number
  minDisk?: number
  metadata?: Record<string, string>
  server?: { id: string }
  'OS-EXT-IMG-SIZE:size'?: number
}

/** Nova's calls for images. openstack-client has only those of Glance. */
const imageCalls = {
  ...defres('compute', '/images', 'image', { only: ['show', 'del'] }),
  ...defres('compute', '/images/detail', 'image', { only: ['list'] })
}

/** Keys are removed one by one, so that the metadata of the cloud is not written back. */
const metadataCalls = {
  ...defres('compute', '/images/:image_id/metadata', 'metadata', { only: ['create'] }),
  ...defres('compute', '/images/:image_id/metadata/:id', null, { only: [], del: ['del', ''] })
}

/**
 * Nova's form of Glance's statuses (`nova/api/openstack/compute/views/images.py`). Older versions
 * have QUEUED.
 */
const statuses: Readonly<Record<string, ImageState>> = {
  ACTIVE: 'available',
  SAVING: 'pending',
  QUEUED: 'pending',
  PREPARING: 'pending',
  DELETED: 'deleted',
  ERROR: 'error',
  FAILED: 'error'
}

/** Nova compares names exactly. Of the states only `available` has exactly one status. */
const filterRules: Readonly<Record<string, FilterRule>> = {
  name: { name: 'name', toValues: toExactName },
  state: { name: 'status', toValues: (state) => (state === 'available' ? ['ACTIVE'] : undefined) }
}

const createFields: readonly FieldRefusal[] = [
  { pattern: /^(instance|server) .*not (be )?found/i, pointer: '/node_id' },
  { pattern: /image name|attribute name|name/i, pointer: '/name' },
  { pattern: /metadata/i, pointer: '/tags' }
]

const updateFields: readonly FieldRefusal[] = [{ pattern: /metadata/i, pointer: '/tags' }]

/** The prefix of the keys that Rackspace shares with other clouds of OpenStack. */
const shared = 'org.openstack__1__'

/** Glance's names of distributions, where they differ from the domain of the publisher. */
const distros: Readonly<Record<string, string>> = {
  archlinux: 'arch',
  fedoraproject: 'fedora',
  redhat: 'rhel',
  microsoft: 'windows'
}

/** Rackspace writes a distribution as a reversed domain: `org.debian`, `com.microsoft.server`. */
function toDistro (domain: string | undefined) {
  const word = domain?.split('.')[1]
  return word === undefined ? undefined : distros[word] ?? word
}

/** `arch` is `x86-64`, the shared key has `x64`. */
const toArchitecture = (name: string | undefined) => name?.replace(/^x(86-)?64$/, 'x86_64')

function toSystem (metadata: Record<string, string>): Image['os'] {
  const { os_type: family, os_distro: distro, os_version: version } = metadata
  return {
    family: family ?? null,
    distro: distro ?? toDistro(metadata[`${shared}os_distro`]) ?? null,
    version: version ?? metadata[`${shared}os_version`] ?? null
  }
}

/** Converts a time to RFC 3339. Images of old have others too, such as `1972-01-01_15-59-11`. */
function toTimestamp (time = ''): string | null {
  const written = time.replace(/^(\d{4}-\d\d-\d\d)[T_ ](\d\d)[:-](\d\d)[:-](\d\d)/, '$1T$2:$3:$4')
  const date = new Date(/T[\d:.]+$/.test(written) ? `${written}Z` : written)
  return Number.isNaN(date.getTime()) ? null : date.toISOString()
}

/** Converts an image of Nova. The images of Rackspace are public, those of servers private. */
export function toImage (image: NovaImage, identity: Identity, extra: boolean): Image {
  const { metadata = {} } = image
  const { image_type: type, arch } = metadata
  return {
    name: image.name ?? null,
    state: statuses[image.status.toUpperCase()] ?? 'unknown',
    provider_state: image.status,
    created_at: toTimestamp(image.created),
    updated_at: toTimestamp(image.updated),
    tags: toImageTags(metadata),
    min_ram: image.minRam ?? null,
    min_disk: image.minDisk ?? null,
    size_bytes: image['OS-EXT-IMG-SIZE:size'] ?? null,
    architecture: toArchitecture(arch ?? metadata[`${shared}architecture`]) ?? null,
    os: toSystem(metadata),
    visibility: type === 'base' ? 'public' : type === 'snapshot' ? 'private' : null,
    owner: null,
    is_snapshot: type === undefined ? null : type === 'snapshot',
    extra: extra ? withoutOperation(image) : undefined,
    ...identity
  }
}

/**
 * Images of Nova: those of Rackspace, and those made of the account's servers. Nova cannot rename
 * an image.
 */
export function createImages (client: Client, identify: (id: string) => Identity): ImageService {
  const images = bind<NovaImage>(client, imageCalls, { service: 'compute' })
  const metadata = bind(client, metadataCalls, { service: 'compute' })

  /**
   * Finds the image that was just made of a node by what it carries, or by its name and its node, where the cloud keeps
   * no metadata. Returns undefined if it could be one of several.
   */
  const findImage: FindImage = async ({ name, node_id: node }, call) => {
    const all = await images.all({ limit: 1000 }, call)
    const named = all.filter((image) => image.name === name && image.server?.id === node)
    const marked = named.filter(({ metadata }) => metadata?.[imageOperationKey] === call.operation)
    const unmarked = named.filter(({ metadata }) => metadata?.[imageOperationKey] === undefined)
    const [found, second] = call.operation !== undefined && marked.length > 0 ? marked : unmarked
    return second === undefined ? found?.id : undefined
  }

  const createImage = createImageOfNode(client, createFields, findImage)
  const service = createReadService(
    images,
    (image, extra) => toImage(image, identify(image.id), extra),
    filterRules
  )
  const readImage = (id: string, call: Call) => service.get(id, { extra: false }, call)

  /** Removes a tag, if it is there. */
  const removeTag = async (id: string, key: string, call: Call) => {
    try {
      await metadata.of(id).remove(key, call, { fields: updateFields })
    } catch (error) {
      if (!(error instanceof ProblemError) || error.code !== 'resource_not_found') throw error
      // Throws resource_not_found if the image is missing, not the tag.
      await readImage(id, call)
    }
  }

  const toSteps = (id: string, tags: Record<string, string | null>, call: Call): Step[] => {
    const added = Object.entries(tags).filter(([, value]) => value !== null)
    const removed = Object.keys(tags).filter((key) => tags[key] === null)
    const add = () => metadata.post(id, Object.fromEntries(added), call, { fields: updateFields })
    return [
      ...(added.length === 0 ? [] : [{ name: 'tags', run: add }]),
      ...removed.map((key) => ({ name: `tags.${key}`, run: () => removeTag(id, key, call) }))
    ]
  }

  return {
    ...service,

    async create (input, call) {
      checkImageTags(input.tags)
      const metadata = { ...input.tags, [imageOperationKey]: call.operation }
      const id = await createImage(input, metadata, call)
      return toChange('image', id, { states: ['available'] })
    },

    /**
     * Compares the name too, because an image may inherit the metadata of the image that its node
     * was made from.
     */
    async findCreated (lost, _since, call) {
      const all = await images.all({ limit: 1000 }, call)
      return all
        .filter((image) =>
          image.name === lost.input.name && image.metadata?.[imageOperationKey] === lost.id
        )
        .map(({ id }) => ({ kind: 'image', id }))
    },

    async update (id, { tags = {} }, call) {
      checkImageTags(tags)
      return runSteps(toSteps(id, tags, call), () => readImage(id, call))
    },

    async destroy (id, call) {
      await images.remove(id, call)
      return toChange('image', id, untilGone)
    }
  }
}
