import { ProblemError, type Image, type ImageCreate } from '../../../openapi/model/index.ts'
import type { Call } from '../../call.ts'
import { toChange, untilGone } from '../../common/changes.ts'
import type { ImageService } from '../../driver.ts'
import { explaining, type FieldRefusal } from '../../common/refusals.ts'
import { operationKey } from '../../common/tags.ts'
import type { Client } from '../client/client.ts'
import { checkTagList, patchTagList } from '../client/tags.ts'
import type { Glance } from './glance.ts'
import { createImageOfNode } from './image-of-node.ts'

export interface ImageChangesOptions {
  client: Client
  glance: Glance
  get: (id: string, call: Call) => Promise<Image>
}

const createFields: readonly FieldRefusal[] = [
  { pattern: /^instance .* (could not be|not) found/i, pointer: '/node_id' },
  { pattern: /attribute name|image name/i, pointer: '/name' }
]

const updateFields: readonly FieldRefusal[] = [
  { pattern: /visibility/i, pointer: '/visibility' },
  { pattern: /tag/i, pointer: '/tags' },
  { pattern: /name/i, pointer: '/name' }
]

/** Makes images of nodes with Nova, and changes images with Glance. */
export function createImageChanges ({ client, glance, get }: ImageChangesOptions) {
  const createImage = createImageOfNode(client, createFields)

  /**
   * Sets the tags in a call of its own, because Nova gives an image only properties. If it fails,
   * the image is deleted.
   */
  const setTags = async (id: string, { tags = {} }: ImageCreate, call: Call) => {
    if (Object.keys(tags).length === 0) return
    try {
      await glance.patch(id, { tags: patchTagList([], tags) }, call, updateFields)
    } catch (error) {
      if (!(error instanceof ProblemError) || error.outcomeUnknown) throw error
      // An image without its tags may remain. The caller looks for it as after a lost answer.
      await explaining(
        () => error.with({ outcomeUnknown: true }),
        () => glance.remove(id, call)
      )
      throw error
    }
  }

  return {
    async create (input, call) {
      checkTagList(input.tags)
      const id = await createImage(input, { [operationKey]: call.operation }, call)
      await setTags(id, input, call)
      return toChange('image', id, { states: ['available'] })
    },

    /**
     * Compares the name too, because an image inherits the properties of the image that its node
     * was made from.
     */
    async findCreated ({ id, input }, _since, call) {
      const all = await glance.all({ [operationKey]: id, limit: 1000 }, call)
      const found = all.filter((image) => image[operationKey] === id && image.name === input.name)
      for (const image of found) {
        if ((image.tags ?? []).length === 0) await setTags(image.id, input, call)
      }
      return found.map((image) => ({ kind: 'image' as const, id: image.id }))
    },

    /** Replaces the whole list of tags, so a concurrent change of tags may be lost. */
    async update (id, { name, tags, visibility }, call) {
      checkTagList(tags)
      const list = tags && patchTagList((await glance.show(id, call)).tags ?? [], tags)
      await glance.patch(id, { name, tags: list, visibility }, call, updateFields)
      return get(id, call)
    },

    async destroy (id, call) {
      await glance.remove(id, call)
      return toChange('image', id, untilGone)
    }
  } satisfies Partial<ImageService>
}
