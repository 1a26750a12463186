import { ProblemError } from '../../../openapi/model/index.ts'

interface Link {
  rel?: string
  href?: string
}

/**
 * Returns the marker of the next page, from the body of an answer; null on the last page. Nova and
 * Neutron link the next page in `servers_links`, `ports_links` and so on, Glance in `next`.
 */
export function nextMarker (root: unknown): string | null {
  if (typeof root !== 'object' || root === null) return null
  const { next } = root as { next?: unknown }
  if (typeof next === 'string') return markerOf(next)
  for (const [key, links] of Object.entries(root)) {
    if (!key.endsWith('_links') || !Array.isArray(links)) continue
    const link = (links as Link[]).find(({ rel }) => rel === 'next')
    if (typeof link?.href === 'string') return markerOf(link.href)
  }
  return null
}

/** Reads the marker of a link. Its host may be wrong, if the cloud is behind a proxy. */
function markerOf (href: string) {
  const query = href.indexOf('?')
  return query === -1 ? null : new URLSearchParams(href.slice(query + 1)).get('marker')
}

/** A page of a list, and the marker of the next page; null after the last one. */
export interface MarkedPage<T> {
  items: T[]
  next: string | null
}

/** Number of ids in a token: the last one of a page and those before it. An id has no comma. */
const idsInToken = 3

/**
 * Reads the page at a token. A marker is the id of the last item of the page before, and is useless
 * after that item was deleted (seen with Nova and Glance). So a token holds the ids of some items
 * before it, too: the items after the last one that still exists are the same page. Throws
 * invalid_request if all are deleted.
 */
export async function readFrom<T> (
  token: string | null,
  read: (marker: { marker?: string }) => Promise<MarkedPage<T>>,
  idOf = (item: T) => (item as { id: string }).id
): Promise<MarkedPage<T>> {
  const markers = token === null ? [] : token.split(',')
  const { items, next } = await readFirst(markers, read)
  if (next === null) return { items, next }
  const lastIds = [...items.slice(-idsInToken).map(idOf).reverse(), ...markers].slice(0, idsInToken)
  const ids = [next, ...lastIds.filter((id) => id !== next)].slice(0, idsInToken)
  return { items, next: ids.join(',') }
}

/** Reads at the first marker that the cloud still knows. */
async function readFirst<T> (
  markers: readonly string[],
  read: (marker: { marker?: string }) => Promise<T>
): Promise<T> {
  if (markers.length === 0) return await read({})
  let cause: unknown
  for (const marker of markers) {
    try {
      return await read({ marker })
    } catch (error) {
      if (!isUnknownMarker(error)) throw error
      cause = error
    }
  }
  throw new ProblemError('invalid_request', 'The cloud no longer knows where this page begins', {
    cause,
    hint: 'Begin the list anew, without a cursor.'
  })
}

/** Nova answers `marker [x] not found`, Glance `No image found with ID x` or an HTML page, Cinder 404. */
function isUnknownMarker (error: unknown) {
  if (!(error instanceof ProblemError)) return false
  if (error.code === 'resource_not_found') return true
  if (error.code !== 'provider_rejected') return false
  const message = error.details.provider_error?.message ?? null
  return message === null || /marker|found/i.test(message)
}
