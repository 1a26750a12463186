import type { Filter } from '@aws-sdk/client-ec2'
import type { Filters, ListQuery } from '../../driver.ts'
import type { Cloud } from './cloud.ts'

/** The parameters of a page; none where the cloud sends each list whole. `most` keeps the event loop free while it is parsed. */
export function pageOf ({ dialect }: Cloud, { limit, token }: Pick<ListQuery, 'limit' | 'token'>, [least, most]: readonly [number, number]) {
  if (!dialect.paged) return {}
  return { MaxResults: Math.min(Math.max(limit, least), most), ...(token === null ? {} : { NextToken: token }) }
}

/** Where the next page begins: Amazon's last page has no token, others an empty one. */
export const nextOf = (token: string | undefined) => token === undefined || token === '' ? null : token

/** `*` is a wildcard in both; `?` and the backslash are only there. */
const pattern = (value: string) => value.replace(/[\\?]/g, '\\$&')
const exact = (value: string) => value.replace(/[\\?*]/g, '\\$&')

/** The most values that one filter takes. */
const mostValues = 200

/** Our filter → the cloud's; `values` translates where the words differ: undefined where it cannot be said there. */
export interface Pushed {
  name: string
  values?: (value: string) => readonly string[] | undefined
}

/**
 * The filters that the cloud can apply. `names` says which of ours it has; a name's filter is on the tag `Name`, tags are
 * on theirs. `applied` names those of ours.
 */
export function pushDown (filters: Filters, names: Readonly<Record<string, Pushed>>): { Filters?: Filter[], applied: string[] } {
  const pushed: Filter[] = []
  const applied: string[] = []
  for (const [field, { name, values = (value: string) => [exact(value)] }] of Object.entries(names)) {
    const given = filters[field]
    if (given === undefined || given.length === 0) continue
    const there = given.map(values)
    if (there.includes(undefined) || there.flat().length > mostValues) continue
    pushed.push({ Name: name, Values: there.flat() as string[] })
    applied.push(field)
  }
  for (const tag of filters['tag'] ?? []) {
    const at = tag.indexOf('=')
    pushed.push(at === -1 ? { Name: 'tag-key', Values: [exact(tag)] } : { Name: `tag:${tag.slice(0, at)}`, Values: [exact(tag.slice(at + 1))] })
  }
  if (filters['tag'] !== undefined) applied.push('tag')
  return { ...(pushed.length === 0 ? {} : { Filters: pushed }), applied }
}

/** The name of what is named by its tag. */
export const byName: Pushed = { name: 'tag:Name', values: (value) => [pattern(value)] }
