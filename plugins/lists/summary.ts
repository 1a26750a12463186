import type { NodeCounts, Source, Summary } from '../../openapi/model/index.ts'
import { throwIfFailed, type FailureRules } from './failures.ts'
import { readPage, type CloudPage, type PageRequest } from './read.ts'

/** The largest page that a driver is asked for. */
const pageSize = 1000

interface CountedCloud {
  read: CloudPage
  counts: NodeCounts
}

const emptyCounts = (): NodeCounts => ({ total: 0, by_state: {} })

function count (counts: NodeCounts, state: string, more = 1) {
  counts.total += more
  counts.by_state[state] = (counts.by_state[state] ?? 0) + more
}

/** Reads all pages of a cloud and keeps only the counts. */
async function countCloud (request: PageRequest, cloud: string): Promise<CountedCloud> {
  const counts = emptyCounts()
  let elapsed = 0
  let token: string | null = null
  let read: CloudPage
  let status: Source['status'] = 'ok'
  do {
    read = await readPage(request, { cloud, token, skip: 0 }, pageSize)
    for (const { state } of read.items as { state: string }[]) count(counts, state)
    elapsed += read.source.elapsed_ms
    if (status === 'ok') status = read.source.status
    token = read.next
  } while (token !== null && read.error === undefined)
  const isRead = read.error === undefined
  const source = {
    ...read.source,
    status,
    count: isRead ? counts.total : 0,
    elapsed_ms: Math.round(elapsed * 10) / 10
  }
  return { read: { ...read, source }, counts }
}

/** Counts the nodes of clouds by state. The counts of a cloud that fails are null, because they are not known. */
export async function countNodes (
  clouds: readonly string[],
  rules: FailureRules,
  request: PageRequest
): Promise<Summary> {
  const counted = await Promise.all(clouds.map((cloud) => countCloud(request, cloud)))
  throwIfFailed(rules, counted.map(({ read }) => read), false)
  const nodes = emptyCounts()
  for (const { read, counts } of counted) {
    if (read.error !== undefined) continue
    for (const [state, more] of Object.entries(counts.by_state)) count(nodes, state, more)
  }
  return {
    nodes,
    clouds: counted.map(({ read: { cloud, error }, counts }) => ({
      cloud,
      nodes: error === undefined ? counts : null
    })),
    sources: counted.map(({ read }) => read.source)
  }
}
