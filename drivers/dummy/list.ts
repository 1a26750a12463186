import type { Node } from '../../openapi/model/index.ts'
import type { Filters, ListQuery, ListResult } from '../driver.ts'
import { pageOf } from './page.ts'
import type { Store } from './store.ts'
import type { View } from './view.ts'

/** Filters that this cloud applies itself. */
export const listFilters = ['state', 'name'] as const

/** Whether a name fits a pattern in which `*` stands for anything: each part is sought once, so no pattern is slow. */
function fits (pattern: string, name: string) {
  const [first = '', ...rest] = pattern.split('*')
  const last = rest.pop()
  if (last === undefined) return name === pattern
  if (!name.startsWith(first) || !name.endsWith(last)) return false
  let at = first.length
  for (const part of rest) {
    const found = name.indexOf(part, at)
    if (found < 0) return false
    at = found + part.length
  }
  return at <= name.length - last.length
}

function createTest ({ state, name }: Filters) {
  if (state === undefined && name === undefined) return undefined
  return (node: Node) => (state?.includes(node.state) ?? true) && (name?.some((pattern) => fits(pattern, node.name ?? '')) ?? true)
}

/** One page of nodes, filtered here. */
export function listNodes ({ nodes }: Store, query: ListQuery, pageSize: number, view: View): ListResult<Node> {
  const applied = listFilters.filter((name) => query.filters[name] !== undefined)
  return { ...pageOf(nodes, query, pageSize, view, createTest(query.filters)), applied }
}
