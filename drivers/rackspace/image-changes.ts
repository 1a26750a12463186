import { defres, type Write } from 'openstack-client'
import { ProblemError, type Image, type ImageCreate, type ImageUpdate } from '../../openapi/model/index.ts'
import type { Call } from '../call.ts'
import type { Change, ImageService, LostCreate, ResourceRef } from '../driver.ts'
import { encodeId, malformed, pointed, resources, type Client, type RefusedField } from '../openstack/public.ts'
import { runSteps, type Step } from '../steps.ts'
import { checkImageTags, imageOperationKey } from './image-tags.ts'
import { novaImage, readImages, upstream } from './nova-images.ts'

/** One key at a time where one is removed: the rest of the metadata is the cloud's, and is not written back. */
const metadata = {
  ...defres<{ create: Write<[id: string]> }>('compute', '/images/:image_id/metadata', 'metadata', { only: ['create'] }),
  ...defres<{ del: Write<[id: string, key: string]> }>('compute', '/images/:image_id/metadata/:id', null, { only: [], del: ['del', ''] })
}

const createFields: readonly RefusedField[] = [
  { said: /^(instance|server) .*not (be )?found|no resource has such/i, pointer: '/node_id' },
  { said: /image name|attribute name|name/i, pointer: '/name' },
  { said: /metadata/i, pointer: '/tags' }
]

/** Images of nodes and their tags. Their names cannot be changed by Nova. */
export function createImageChanges (client: Client, get: (id: string, call: Call) => Promise<Image>) {
  const setTags = (id: string, tags: Record<string, string>, call: Call) => client.change(upstream, call, (token, region, headers) =>
    metadata.create(token, region, encodeId(id), tags, {}, headers))

  /** What is not there need not be removed. */
  const removeTag = async (id: string, key: string, call: Call) => {
    try {
      await client.change(upstream, call, (token, region, headers) =>
        metadata.del(token, region, encodeId(id), encodeId(key), undefined, {}, headers))
    } catch (error) {
      if (!(error instanceof ProblemError) || error.code !== 'resource_not_found') throw error
      await get(id, call)
    }
  }

  const stepsOf = (id: string, tags: Record<string, string | null>, call: Call): Step[] => {
    const set = Object.entries(tags).filter((tag): tag is [string, string] => tag[1] !== null)
    const removed = Object.keys(tags).filter((key) => tags[key] === null)
    return [
      ...(set.length === 0 ? [] : [{ field: 'tags', run: () => setTags(id, Object.fromEntries(set), call) }]),
      ...removed.map((key) => ({ field: `tags.${key}`, run: () => removeTag(id, key, call) }))
    ]
  }

  return {
    async create (input: ImageCreate, call: Call): Promise<Change> {
      checkImageTags(input.tags)
      const operation = call.operation === undefined ? {} : { [imageOperationKey]: call.operation }
      const body = { createImage: { name: input.name, metadata: { ...input.tags, ...operation } } }
      const { location = '' } = await client.headersOf(upstream, call, (token, region, headers) =>
        resources.serverAction.create(token, region, encodeId(input.node_id), body, {}, headers))
        .catch((error: unknown) => { throw explain(error, createFields) })
      const id = location.split('/').pop() ?? ''
      if (id === '') throw malformed('compute', false)
      return { resources: [{ kind: 'image', id }], until: { states: ['available'] } }
    },

    /** The name too, since an image of a node may inherit the metadata of the image that the node was made from. */
    async findCreated ({ id, input }: LostCreate<ImageCreate>, _since: Date, call: Call): Promise<ResourceRef[]> {
      const found: ResourceRef[] = []
      let token: string | null = null
      do {
        const page: Awaited<ReturnType<typeof readImages>> = await readImages(client, { limit: 1000 }, token, call)
        const made = page.items.filter(({ name, metadata: told }) => name === input.name && told?.[imageOperationKey] === id)
        found.push(...made.map((image) => ({ kind: 'image' as const, id: image.id })))
        token = page.next
      } while (token !== null)
      return found
    },

    async update (id: string, { tags = {} }: ImageUpdate, call: Call): Promise<Image> {
      checkImageTags(tags)
      return runSteps(stepsOf(id, tags, call), () => get(id, call), async (error) => explain(error, [{ said: /metadata/i, pointer: '/tags' }]))
    },

    async destroy (id: string, call: Call): Promise<Change> {
      await client.change(upstream, call, (token, region, headers) => novaImage.del(token, region, encodeId(id), undefined, {}, headers))
      return { resources: [{ kind: 'image', id }], until: { states: [], gone: true } }
    }
  } satisfies Partial<ImageService>
}

function explain (error: unknown, fields: readonly RefusedField[]) {
  if (!(error instanceof ProblemError) || (error.code !== 'provider_rejected' && error.code !== 'resource_not_found')) return error
  return pointed(error, fields) ?? error
}
