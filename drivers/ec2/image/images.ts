import type { Image as RawImage } from '@aws-sdk/client-ec2'
import { ProblemError } from '../../../openapi/model/index.ts'
import type { Call } from '../../call.ts'
import { describe, type ImageService, type ReadOptions } from '../../driver.ts'
import {
  createRecentIds,
  exactRule,
  filterNames,
  findById,
  notFound,
  patternRule,
  readPage,
  tagLimits,
  toFilters,
  toIdFilter,
  toPageParameters,
  toStatuses,
  type Cloud
} from '../client/index.ts'
import { createImageChanges } from './image-changes.ts'
import { imageStates, toImage } from './image-mapping.ts'
import {
  isInSources,
  isOwnSource,
  parsePosition,
  sourcesOf,
  toNextPosition,
  toSourceParameters,
  type ImageSource,
  type Recommended
} from './image-sources.ts'

const filterRules = {
  name: patternRule('name'),
  state: { name: 'state', toValues: (state: string) => toStatuses(imageStates, state) },
  architecture: exactRule('architecture'),
  // Private and shared images are not public; the core tells them apart.
  visibility: {
    name: 'is-public',
    toValues: (visibility: string) => [String(visibility === 'public')]
  }
}

export const imageCapabilities = describe<ImageService>({
  list: { filters: [...filterNames(filterRules), 'owner'], limits: { limit: 200 } },
  create: { parameters: ['name', 'node_id', 'tags'], limits: tagLimits },
  update: { parameters: ['tags', 'visibility'], limits: tagLimits },
  destroy: { parameters: ['delete_snapshots'] }
})

/** Excludes kernels and ramdisks. */
const machineFilter = { Name: 'image-type', Values: ['machine'] }

export interface ImagesOptions {
  cloud: Cloud
  recommended: Recommended
}

/** AMIs: those of the account, the recommended ones, and, with the filter `owner`, all others. */
export function createImages ({ cloud, recommended }: ImagesOptions): ImageService {
  const { client } = cloud
  const identify = cloud.identify('images')
  const recent = createRecentIds()
  /** The account of the cloud. Its images carry it. */
  let account: string | undefined

  const learnAccount = (ownImages: readonly RawImage[]) => {
    account ??= ownImages[0]?.OwnerId
  }

  const read = (id: string, call: Call): Promise<RawImage> =>
    recent.read(id, call, async () => {
      const { Images: images = [] } = await client.read('DescribeImages', { ImageIds: [id] }, call)
      const found = findById(images, id, 'ImageId')
      if (found === undefined) throw notFound('image', id)
      return found
    })

  /** Learns the account from an image that is not public, if the account owns the image. */
  const learnAccountFrom = async ({ ImageId: id = '', Public: isPublic }: RawImage, call: Call) => {
    if (isPublic !== false || account !== undefined) return
    const input = { Owners: ['self'], Filters: [{ Name: 'image-id', Values: [id] }] }
    const { Images: images = [] } = await client.read('DescribeImages', input, call)
    learnAccount(images)
  }

  const toItem = (image: RawImage, extra: boolean, owners?: readonly string[]) =>
    toImage(image, identify(image.ImageId ?? ''), { account, owners, extra })

  const get = async (id: string, { extra, brief = false }: ReadOptions, call: Call) => {
    const image = await read(id, call)
    if (!brief) await learnAccountFrom(image, call)
    return toItem(image, extra)
  }

  return {
    async list ({ limit, token, filters, extra, ids }, call) {
      const idFilter = toIdFilter('image-id', ids)
      const sources = idFilter.length === 0 ? sourcesOf(filters['owner'], recommended) : [{}]
      const requestFilters = [machineFilter, ...toFilters(filters, filterRules, idFilter) ?? []]

      /** Reads a page of one source, without the images of the sources before it. */
      const readSource = async (nextToken: string | null) => {
        const position = parsePosition(nextToken)
        const source: ImageSource | undefined = sources[position.index]
        if (source === undefined) {
          throw new ProblemError('invalid_request', 'This list has no such page')
        }
        const page = toPageParameters(cloud, { limit, token: position.token }, [5, 200])
        const input = { ...toSourceParameters(source, requestFilters), ...page }
        const { items, next = null } = await readPage(
          client,
          'DescribeImages',
          'Images',
          input,
          call
        )
        if (isOwnSource(source)) learnAccount(items)
        const earlier = sources.slice(0, position.index)
        return {
          images: items.filter((image) => !isInSources(image, earlier, account)),
          next: toNextPosition(position, next, sources.length)
        }
      }

      let page = await readSource(token)
      while (page.images.length === 0 && page.next !== null) page = await readSource(page.next)
      return {
        items: page.images.map((image) => toItem(image, extra, filters['owner'])),
        next: page.next
      }
    },

    get,
    ...createImageChanges({
      cloud,
      recent,
      read,
      get: (id, call) => get(id, { extra: false }, call)
    })
  }
}
