import { ProblemError, type Image } from '../../../openapi/model/index.ts'
import { describe, type ImageService } from '../../driver.ts'
import {
  commonFieldsOf,
  createRepository,
  createStaticService,
  mergeLabels,
  pageOfList,
  scheduleSteps,
  tagLimits,
  toListItems,
  untilGone,
  type BaseRecord,
  type Engine,
  type ImageRecord,
  type Store
} from '../engine/index.ts'
import { imageStateOf } from './find-image.ts'
import { imageOfFile, imageOfNode, measureFile } from './new-image.ts'

const fileParameters = ['name', 'disk_format', 'min_ram', 'min_disk', 'architecture'] as const

export const imageCapabilities = describe<ImageService>({
  create: { parameters: ['name', 'node_id', 'tags'], limits: tagLimits },
  upload: { parameters: fileParameters },
  import: { parameters: [...fileParameters, 'url', 'tags'], limits: tagLimits },
  update: { parameters: ['name', 'tags', 'visibility'], limits: tagLimits }
})

const owner = 'account'

type NewImage = Omit<ImageRecord, keyof BaseRecord>

/** The built-in images and those of the account. An image of an import has an unknown size. */
export function createImages (engine: Engine, builtIn: readonly Image[]): ImageService {
  const { open, settings: { delay, delays, page_size: pageSize }, context: { timeout } } = engine
  const seconds = delays.image ?? delay
  const { view, reads, update, createAsync, changeAsync, findCreated } = createRepository(
    engine,
    'image',
    ({ images }) => images,
    (data): Image => ({
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
    })
  )

  const builtInItems = toListItems(builtIn)
  const builtInService = createStaticService(builtIn, 'image', pageSize)
  const isBuiltIn = (id: string) => builtIn.some((image) => image.id === id)

  const assertOwned = (id: string) => {
    if (!isBuiltIn(id)) return
    const detail = `Image ${id} belongs to the cloud, not to this account`
    const hint = 'Only images of the account can change: create one of a node, or upload one.'
    throw new ProblemError('provider_permission_denied', detail, { hint })
  }

  /** Adds an image that passes these statuses and then becomes active. */
  const addImage = (
    operation: string | undefined,
    statuses: string[],
    create: (store: Store) => { image: NewImage, sizeBytes?: number }
  ) =>
    createAsync('available', (store) => {
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
    async list (query) {
      const { images } = await open()
      const ownItems = images.entries.map((entry) => ({
        position: builtIn.length + entry.data.seq,
        read: (extra: boolean) => view(entry, extra)
      }))
      return pageOfList([...builtInItems, ...ownItems], query, pageSize)
    },
    async get (id, options, call) {
      await open()
      return (isBuiltIn(id) ? builtInService : reads).get(id, options, call)
    },
    create: (input, { operation }) =>
      addImage(operation, ['queued', 'saving'], (store) => imageOfNode(store, input)),
    findCreated,
    async upload (input, file, call) {
      // Add the image after the last byte, so that an interrupted upload leaves nothing.
      const measured = await measureFile(file, timeout, call)
      return addImage(
        call.operation,
        ['saving'],
        () => ({ image: { ...imageOfFile(input), ...measured } })
      )
    },
    import: (input, { operation }) =>
      addImage(operation, ['queued', 'importing'], () => (
        { image: { ...imageOfFile(input), tags: { ...input.tags } } }
      )),
    async update (id, patch) {
      assertOwned(id)
      return update(id, (image) => ({
        ...mergeLabels(image, patch),
        visibility: patch.visibility ?? image.visibility
      }))
    },
    // As in Glance, nodes and volumes that were created from the image stay as they are.
    async destroy (id) {
      assertOwned(id)
      return changeAsync(id, ({ status }) => {
        if (status === 'pending_delete') return { until: untilGone }
        return {
          steps: scheduleSteps([{ status: 'pending_delete' }], { gone: true }, seconds),
          until: untilGone
        }
      })
    }
  }
}
