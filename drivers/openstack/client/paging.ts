import { ProblemError } from '../../../openapi/model/index.ts'

interface Link {
  rel?: string
  href?: string
}

/**
 * The marker of the next page, from an answer's root: Nova and Neutron link it in `servers_links`, `ports_links` and so
 * on, Glance in `next`. Null on the last page.
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

/** Only the marker is taken from a link: its host is what the cloud believes to be called by. */
function markerOf (href: string) {
  const query = href.indexOf('?')
  return query === -1 ? null : new URLSearchParams(href.slice(query + 1)).get('marker')
}

/** A page of a list, and the marker of the next page; null after the last one. */
export interface MarkedPage<T> {
  items: T[]
  next: string | null
}

/** Ids that a token holds: the last of a page and those before it. None has a comma in it. */
const kept = 3

/**
 * Reads the page at a token. A marker is the id of the last item of the page before, and means nothing once that item
 * is deleted (seen with Nova and Glance), so a token holds the ids of some items before it as well: what follows the
 * last one that is left is the same page. Throws invalid_request where all are gone.
 */
export async function readFrom<T> (
  token: string | null,
  read: (marker: { marker?: string }) => Promise<MarkedPage<T>>,
  idOf = (item: T) => (item as { id: string }).id
): Promise<MarkedPage<T>> {
  const markers = token === null ? [] : token.split(',')
  const { items, next } = await readFirst(markers, read)
  const last = [...items.slice(-kept).map(idOf).reverse(), ...markers].slice(0, kept)
  return { items, next: next === null ? null : [next, ...last.filter((id) => id !== next)].slice(0, kept).join(',') }
}

async function readFirst<T> (markers: readonly string[], read: (marker: { marker?: string }) => Promise<T>): Promise<T> {
  if (markers.length === 0) return await read({})
  let stale: unknown
  for (const marker of markers) {
    try {
      return await read({ marker })
    } catch (error) {
      if (!isStale(error)) throw error
      stale = error
    }
  }
  throw new ProblemError('invalid_request', 'The cloud no longer knows where this page begins', {
    cause: stale, hint: 'Begin the list anew, without a cursor.'
  })
}

/**
 * Nova says `marker [x] not found`, Glance `No image found with ID x`, or HTML of which no word is left; Cinder answers
 * 404.
 */
function isStale (error: unknown) {
  if (!(error instanceof ProblemError)) return false
  if (error.code === 'resource_not_found') return true
  if (error.code !== 'provider_rejected') return false
  const said = error.details.provider_error?.message
  return said === null || said === undefined || /marker|found/i.test(said)
}
