/**
 * Filters: the names of one list are all asked for at once, the values of one name are alternatives, `*` and `?` stand
 * for any text and any sign. A name that the list does not have is refused (Eucalyptus' FilterSupport,
 * VmInstanceFilterSupport and their likes).
 */
import { fault } from './faults.ts'
import type { Query } from './query.ts'
import type { Cloud } from './state.ts'

type Value = string | number | boolean | null | undefined
export type Fields<T> = Record<string, (thing: T) => Value | Value[]>

export function filtered<T> (
  cloud: Cloud,
  query: Query,
  things: T[],
  fields: Fields<T>,
  idOf?: (thing: T) => string
): T[] {
  return query.groups('Filter').reduce((left, filter) => {
    const name = filter.need('Name')
    const values = filter.list('Value').map(wildcard)
    const read = fields[name] ?? tagField(cloud, name, idOf)
    if (!read) throw fault('InvalidParameterValue', `The filter '${name}' is invalid`)
    const matches = (value: Value) =>
      value !== null && value !== undefined && values.some((one) => one.test(String(value)))
    return left.filter((thing) => [read(thing)].flat().some(matches))
  }, things)
}

function tagField<T> (cloud: Cloud, name: string, idOf: ((thing: T) => string) | undefined) {
  if (!idOf) return undefined
  const tags = (thing: T) => cloud.tags.get(idOf(thing)) ?? new Map<string, string>()
  if (name.startsWith('tag:')) return (thing: T) => tags(thing).get(name.slice(4))
  if (name === 'tag-key') return (thing: T) => [...tags(thing).keys()]
  if (name === 'tag-value') return (thing: T) => [...tags(thing).values()]
  return undefined
}

function wildcard (text: string): RegExp {
  const source = text.replace(/\\?[\s\S]/g, sign => {
    if (sign === '*') return '[\\s\\S]*'
    if (sign === '?') return '[\\s\\S]'
    return sign.at(-1)!.replace(/[.*+?^${}()|[\]\\]/, '\\$&')
  })
  return new RegExp(`^${source}$`)
}
