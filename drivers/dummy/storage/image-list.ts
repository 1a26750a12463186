import type { Image } from '../../../openapi/model/index.ts'
import type { ListQuery, ListResult } from '../../driver.ts'
import type { Entry } from '../collection.ts'
import { limitOf, pageOf, positionOf, tokenOf } from '../page.ts'
import type { Store } from '../store.ts'
import type { StoredImage } from './stored.ts'

/**
 * One page of all images: those built in, then those of the account in the order of their creation. A position less than
 * the number of those built in is one of them; from there on it is the place of one of the account.
 */
export function listImages (
  { images }: Store, builtIn: readonly Image[], query: ListQuery, pageSize: number,
  view: (entry: Entry<StoredImage>, extra?: boolean) => Image
): ListResult<Image> {
  const most = limitOf(query, pageSize)
  const position = positionOf(query.token)
  const total = builtIn.length + images.entries.length
  const items = builtIn.slice(position + 1, position + 1 + most).map((image) => query.extra ? { ...image, extra: { id: image.id } } : image)
  const reached = Math.max(position, position + items.length)
  const left = most - items.length
  if (left === 0) return { items, next: reached + 1 < total ? tokenOf(reached) : null, applied: [], total }
  const token = reached < builtIn.length ? null : tokenOf(reached - builtIn.length)
  const own = pageOf(images, { ...query, token, limit: left }, pageSize, view)
  return {
    items: [...items, ...own.items],
    next: own.next === null ? null : tokenOf(builtIn.length + positionOf(own.next)),
    applied: [],
    total
  }
}
