import type { Filter, Image as Ami } from '@aws-sdk/client-ec2'
import { ProblemError, type Image } from '../../../openapi/model/index.ts'
import type { Call } from '../../call.ts'
import type { ImageService, ListQuery, ListResult, ReadOptions } from '../../driver.ts'
import type { Cloud } from '../client/cloud.ts'
import { malformed } from '../client/errors.ts'
import { createFresh } from '../client/consistency.ts'
import { createImageChanges } from './image-changes.ts'
import { statusesOf, toImage } from './image-mapping.ts'
import { isShown, nextPlace, queryOf, readPlace, sourcesOf, type ImagePlace, type ImageSource, type Recommended } from './image-sources.ts'
import { nextOf, pageOf, pushDown, type Pushed } from '../client/lists.ts'

/** Our filters of images, as Amazon has them. What is private or shared is not public. */
const filterNames: Readonly<Record<string, Pushed>> = {
  name: { name: 'name', values: (value) => [value.replace(/[\\?]/g, '\\$&')] },
  state: { name: 'state', values: statusesOf },
  architecture: { name: 'architecture' },
  visibility: { name: 'is-public', values: (value) => [String(value === 'public')] }
}
export const imageFilters = [...Object.keys(filterNames), 'owner', 'tag']

/** Kernels and ramdisks are in the list too. */
const machines = { Name: 'image-type', Values: ['machine'] }

export interface ImagesOptions {
  cloud: Cloud
  /** Images of others that are listed beside the own. */
  recommended: Recommended
}

/** AMIs: the own, those that are recommended, and, where they are asked for by `owner`, all others. */
export function createImages ({ cloud, recommended }: ImagesOptions): ImageService {
  const { client } = cloud
  const identify = cloud.identify('images')
  const fresh = createFresh()
  /** The own account, which own images tell. */
  let account: string | undefined

  const note = (own: readonly Ami[]) => { account ??= own[0]?.OwnerId }

  const read = (id: string, call: Call): Promise<Ami> => fresh.read(id, call, async () => {
    const { Images: images = [] } = await client.read((sdk) => new sdk.DescribeImagesCommand({ ImageIds: [id] }), call)
    const found = images.find(({ ImageId: own }) => own?.toLowerCase() === id.toLowerCase())
    if (found === undefined) throw new ProblemError('resource_not_found', `There is no image ${id}`)
    return found
  })

  /** Whether an image that is not public is the own one: its list of owners tells. */
  const learn = async ({ ImageId: id = '', Public: open }: Ami, call: Call) => {
    if (open !== false || account !== undefined) return
    const input = { Owners: ['self'], Filters: [{ Name: 'image-id', Values: [id] }] }
    const { Images: own = [] } = await client.read((sdk) => new sdk.DescribeImagesCommand(input), call)
    note(own)
  }

  const get = async (id: string, { extra }: ReadOptions, call: Call): Promise<Image> => {
    const image = await read(id, call)
    await learn(image, call)
    return toImage(image, identify(image.ImageId ?? id), { account, extra })
  }

  /** A page of one of the sources, without what those before it have shown. */
  const readPage = async (sources: readonly ImageSource[], place: ImagePlace, pushed: readonly Filter[], limit: number, call: Call) => {
    const source = sources[place.index]
    if (source === undefined) throw new ProblemError('invalid_request', 'This list has no such page')
    const input = { ...queryOf(source, [machines, ...pushed]), ...pageOf(cloud, { limit, token: place.token }, [5, 200]) }
    const { Images: images, NextToken: next } = await client.read((sdk) => new sdk.DescribeImagesCommand(input), call)
    if (images === undefined) throw malformed('The cloud answered without a list of images')
    if (source.Owners?.length === 1 && source.Owners[0] === 'self') note(images)
    const unseen = images.filter((image) => !isShown(image, sources.slice(0, place.index), account))
    return { images: unseen, next: nextPlace(place, nextOf(next), sources.length) }
  }

  return {
    /** Where a source has nothing the next one is asked at once. */
    async list ({ limit, token, filters, extra }: ListQuery, call: Call): Promise<ListResult<Image>> {
      const { applied, Filters: pushed = [] } = pushDown(filters, filterNames)
      const sources = sourcesOf(filters['owner'], recommended)
      let page = await readPage(sources, readPlace(token), pushed, limit, call)
      while (page.images.length === 0 && page.next !== null) page = await readPage(sources, readPlace(page.next), pushed, limit, call)
      const items = page.images.map((image) => toImage(image, identify(image.ImageId ?? ''), { account, extra }))
      return { items, next: page.next, applied: [...applied, ...(filters['owner'] === undefined ? [] : ['owner'])] }
    },

    get,
    ...createImageChanges({ cloud, fresh, read, get: (id, call) => get(id, { extra: false }, call) })
  }
}
