import { ProblemError, type Image } from '../../../openapi/model/index.ts'
import { describe, type ImageService, type ListQuery, type ListResult } from '../../driver.ts'
import { scheduleSteps, type BaseRecord } from '../engine/collection.ts'
import type { Engine } from '../engine/engine.ts'
import { maxTags, mergeTags } from '../engine/errors.ts'
import { limitOf, pageOf, positionOf, tokenOf } from '../engine/paging.ts'
import type { ImageRecord } from '../engine/records.ts'
import { commonFieldsOf, createRepository, untilGone } from '../engine/repository.ts'
import type { Store } from '../engine/store.ts'
import { imageStateOf } from './find-image.ts'
import { measureFile } from './measure.ts'
import { imageOfFile, imageOfNode } from './new-image.ts'

const limits = { tags: maxTags }
const fileParameters = ['name', 'disk_format', 'min_ram', 'min_disk', 'architecture'] as const

export const imageCapabilities = describe<ImageService>({
  create: { parameters: ['name', 'node_id', 'tags'], limits },
  upload: { parameters: fileParameters },
  import: { parameters: [...fileParameters, 'url', 'tags'], limits },
  update: { parameters: ['name', 'tags', 'visibility'], limits }
})

/** The owner of the images of the account. */
const owner = 'account'

type NewImage = Omit<ImageRecord, keyof BaseRecord>

/**
 * The service of images: the built-in images of the cloud, and the images of the account. Of an uploaded file, only the
 * size and the hash are kept. An import fetches nothing; its image has an unknown size.
 */
export function createImages (engine: Engine, builtIn: readonly Image[]): ImageService {
  const { open, settings: { delay, delays, page_size: pageSize }, context: { timeout } } = engine
  const seconds = delays.image ?? delay
  const { view, reads, update, createAsync, changeAsync, findCreated } = createRepository(
    engine, 'image', ({ images }) => images, (data): Image => ({
      ...commonFieldsOf(engine, 'images', data),
      provider_state: data.status,
      state: imageStateOf(data.status),
      min_ram: data.min_ram,
      min_disk: data.min_disk,
      size_bytes: data.size_bytes,
      architecture: data.architecture,
      os: data.os,
      visibility: data.visibility as Image['visibility'],
      owner,
      is_snapshot: data.is_snapshot
    }))

  const builtInById = new Map(builtIn.map((image) => [image.id, image]))
  const withExtra = (image: Image, extra: boolean): Image => extra ? { ...image, extra: { id: image.id } } : image

  const assertOwned = (id: string) => {
    if (!builtInById.has(id)) return
    throw new ProblemError('provider_permission_denied', `Image ${id} belongs to the cloud, not to this account`, {
      hint: 'Only images of the account can change: create one of a node, or upload one.'
    })
  }

  /**
   * Reads a page of the built-in images and then the account's. A position below the number of built-in images is the
   * index of one of them; other positions are that number plus the position in the collection.
   */
  const listImages = ({ images }: Store, query: ListQuery): ListResult<Image> => {
    const limit = limitOf(query, pageSize)
    const position = positionOf(query.token)
    const total = builtIn.length + images.entries.length
    const items = builtIn.slice(position + 1, position + 1 + limit).map((image) => withExtra(image, query.extra))
    const last = Math.max(position, position + items.length)
    const rest = limit - items.length
    if (rest === 0) return { items, next: last + 1 < total ? tokenOf(last) : null, total }
    const token = last < builtIn.length ? null : tokenOf(last - builtIn.length)
    const page = pageOf(images, { ...query, token, limit: rest }, pageSize, view)
    return {
      items: [...items, ...page.items],
      next: page.next === null ? null : tokenOf(builtIn.length + positionOf(page.next)),
      total
    }
  }

  /** Adds the record of an image that passes through these statuses and then becomes active. */
  const addImage = (
    operation: string | undefined, statuses: string[], create: (store: Store) => { image: NewImage, sizeBytes?: number }
  ) => createAsync('available', (store) => {
    const { image, sizeBytes } = create(store)
    const stages = statuses.map((status) => ({ status }))
    const end = { status: 'active', ...(sizeBytes !== undefined && { size_bytes: sizeBytes }) }
    return {
      ...store.images.newRecord('img', operation),
      steps: scheduleSteps(stages, end, seconds),
      ...image
    }
  })

  return {
    list: async (query) => listImages(await open(), query),
    async get (id, options) {
      await open()
      const image = builtInById.get(id)
      return image === undefined ? reads.get(id, options) : withExtra(image, options.extra)
    },
    create: (input, { operation }) =>
      addImage(operation, ['queued', 'saving'], (store) => imageOfNode(store, input)),
    findCreated,
    async upload (input, file, call) {
      // Add the image after the last byte, so that an interrupted upload leaves nothing.
      const measured = await measureFile(file, timeout, call)
      return addImage(call.operation, ['saving'], () => ({ image: { ...imageOfFile(input), ...measured } }))
    },
    import: (input, { operation }) => addImage(operation, ['queued', 'importing'], () => (
      { image: { ...imageOfFile(input), tags: { ...input.tags } } }
    )),
    async update (id, { name, tags, visibility }) {
      assertOwned(id)
      return update(id, (image) => ({
        name: name ?? image.name,
        tags: mergeTags(image.tags, tags),
        visibility: visibility ?? image.visibility
      }))
    },
    // As in Glance, nodes and volumes that were created from the image stay as they are.
    async destroy (id) {
      assertOwned(id)
      return changeAsync(id, ({ status }) => {
        if (status === 'pending_delete') return { until: untilGone }
        return { steps: scheduleSteps([{ status: 'pending_delete' }], { gone: true }, seconds), until: untilGone }
      })
    }
  }
}
