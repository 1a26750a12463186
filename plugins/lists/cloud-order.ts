import type { ListParameters } from '../../openapi/model/index.ts'
import type { Position, Walk } from './cursor.ts'
import { throwIfFailed, type FailureRules } from './failures.ts'
import type { matcher } from './filters.ts'
import { readPage, type CloudPage, type PageRequest } from './read.ts'

export interface ListRequest extends PageRequest, FailureRules {
  /** Identifies the caller, to whom a kept list belongs. */
  owner: string
  query: ListParameters
  /** The test that every item must pass; undefined without filters. */
  match: ReturnType<typeof matcher>
  /** Returns the fingerprint that binds the cursor. Called only if there is a cursor. */
  bind(): string
}

export interface ListPage {
  items: object[]
  reads: CloudPage[]
  /** Where the walk continues; null at its end. */
  next: Omit<Walk, 'query'> | null
  total: number | null
}

/** Where the list of a cloud begins. */
export const firstPosition = (cloud: string): Position => ({ cloud, token: null, skip: 0 })

/** Milliseconds during which a list reads on instead of answering an empty page. */
const readOnMs = 1000

/** Joins the reads of two pages by cloud. The later read of a cloud has its present status. */
function mergeReads (earlier: readonly CloudPage[], later: readonly CloudPage[]): CloudPage[] {
  const reads = new Map(earlier.map((read) => [read.cloud, read]))
  for (const read of later) {
    const { elapsed_ms: before = 0 } = reads.get(read.cloud)?.source ?? {}
    reads.set(read.cloud, {
      ...read,
      source: { ...read.source, elapsed_ms: before + read.source.elapsed_ms }
    })
  }
  return [...reads.values()]
}

/** Reads a share of the page from each cloud, concurrently, in the clouds' own order. */
async function readInCloudOrder (
  request: ListRequest,
  positions: readonly Position[],
  isOnlyCloud: boolean
): Promise<ListPage> {
  const { limit } = request.query
  // If there are more clouds than items on a page, the others follow on a later page.
  const now = positions.slice(0, limit)
  const share = Math.ceil(limit / now.length)
  const reads = await Promise.all(
    now.map((position) => readPage(request, position, share + position.skip))
  )
  throwIfFailed(request, reads, positions.length > now.length)

  const { match } = request
  const next: Position[] = []
  const items: object[] = []
  let left = limit
  reads.forEach((read, i) => {
    const { cloud, token, skip } = now[i]!
    const fresh = skip === 0 ? read.items : read.items.slice(skip)
    const taken = fresh.length > left || fresh.length > share
      ? fresh.slice(0, Math.min(left, share))
      : fresh
    const matching = match === undefined ? taken : taken.filter(match)
    items.push(...matching)
    left -= taken.length
    read.source.count = matching.length
    if (taken.length < fresh.length) next.push({ cloud, token, skip: skip + taken.length })
    else if (read.next !== null) next.push({ cloud, token: read.next, skip: 0 })
  })
  next.push(...positions.slice(limit))
  const total = isOnlyCloud && match === undefined ? reads[0]?.total ?? null : null
  return { items, reads, next: next.length === 0 ? null : { places: next }, total }
}

/**
 * Reads a page. If a sparse filter leaves nothing of it, reads on for up to a second, so that the caller does not get
 * a row of empty pages. If a later read fails, the empty page is the answer, and its cursor leads to the failure.
 */
export async function readUntilFound (
  request: ListRequest,
  positions: readonly Position[],
  isOnlyCloud: boolean
): Promise<ListPage> {
  const end = performance.now() + readOnMs
  let page = await readInCloudOrder(request, positions, isOnlyCloud)
  while (page.items.length === 0 && page.next?.places !== undefined && performance.now() < end) {
    const later = await readInCloudOrder(request, page.next.places, isOnlyCloud).catch(() =>
      undefined
    )
    if (later === undefined) break
    page = { ...later, reads: mergeReads(page.reads, later.reads) }
  }
  return page
}
