import { ProblemError, type Image } from '../../../openapi/model/index.ts'
import type { Context, ImageService } from '../../driver.ts'
import { createReadsOf } from '../records.ts'
import type { Settings } from '../settings.ts'
import type { State } from '../state.ts'
import type { Store } from '../store.ts'
import { mergeTags } from '../tags.ts'
import { born, createChanges, stepsOf, untilGone } from './common.ts'
import { measure } from './file.ts'
import { fromFile, fromNode } from './image-create.ts'
import { listImages } from './image-list.ts'
import type { StoredImage } from './stored.ts'
import type { StorageViews } from './view.ts'

/** What a new image is, beside what every record has. */
export type NewImage = Omit<StoredImage, 'seq' | 'id' | 'steps' | 'created_at' | 'updated_at' | 'operation'>

/**
 * The images of the dummy cloud: those built in, which belong to the cloud, and those of the account. Of a file only the
 * length and the hash are kept; what `import` names is never fetched: an image of unknown length stands for it.
 */
export function createImages (
  settings: Settings, { timeout }: Context, state: State, builtIn: readonly Image[], views: StorageViews
): ImageService {
  const { delay, delays, page_size: pageSize } = settings
  const seconds = delays.image ?? delay
  const { open, save } = state
  const { find, view } = createReadsOf(state, 'image', ({ images }) => images, pageSize, views.image)
  const { changed, findCreated } = createChanges(state, 'image', ({ images }) => images)
  const always = new Map(builtIn.map((image) => [image.id, image]))

  /** An image of the account. Throws provider_permission_denied for one that is built in. */
  const own = (store: Store, id: string) => {
    if (!always.has(id)) return find(store, id)
    throw new ProblemError('provider_permission_denied', `Image ${id} belongs to the cloud, not to this account`, {
      hint: 'Only images of the account can be changed; make one of a node, or upload one.'
    })
  }

  /** Adds an image which is as `end` says after a while. */
  const add = ({ images }: Store, image: NewImage, stages: string[], end: { size_bytes?: number }, operation: string | undefined) => {
    const fields = born(images, 'img', operation)
    images.add({ ...fields, ...image, steps: stepsOf(stages.map((status) => ({ status })), { status: 'active', ...end }, seconds) })
    return changed(fields.id, { states: ['available'] })
  }

  return {
    list: async (query) => listImages(await open(), builtIn, query, pageSize, view),
    async get (id, { extra }) {
      const store = await open()
      const one = always.get(id)
      if (one !== undefined) return extra ? { ...one, extra: { id } } : one
      return view(find(store, id), extra)
    },
    async create (input, { operation }) {
      const store = await open()
      const { image, bytes } = fromNode(store, input)
      return add(store, image, ['queued', 'saving'], { size_bytes: bytes }, operation)
    },
    findCreated,
    async upload (input, file, call) {
      // Nothing is there until the last byte is: who breaks off leaves nothing.
      const { size, checksum } = await measure(file, timeout, call)
      return add(await open(), { ...fromFile(input), size_bytes: size, checksum }, ['saving'], {}, call.operation)
    },
    async import ({ tags, ...input }, { operation }) {
      return add(await open(), { ...fromFile(input), tags: { ...tags } }, ['queued', 'importing'], {}, operation)
    },
    async update (id, { name, tags, visibility }) {
      const store = await open()
      const entry = own(store, id)
      store.images.set(entry, {
        ...(name === undefined ? {} : { name }),
        tags: mergeTags(entry.data.tags, tags),
        ...(visibility === undefined ? {} : { visibility })
      })
      await save()
      return view(entry)
    },
    async destroy (id) {
      const store = await open()
      const entry = own(store, id)
      const under = entry.data.status === 'pending_delete'
      // As in Glance, nodes and volumes that were made of it stay as they are.
      if (!under) store.images.move(entry, stepsOf([{ status: 'pending_delete' }], { gone: true }, seconds))
      return changed(id, untilGone)
    }
  }
}
