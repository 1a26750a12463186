import type { Filter } from '@aws-sdk/client-ec2'
import type { Call } from '../../call.ts'
import type { Filters, ListQuery } from '../../driver.ts'
import { translateFilters, type FilterRule } from '../../common/filters.ts'
import { readAll, type ProviderPage } from '../../common/pages.ts'
import type { Action, ActionInput, ActionOutput, Client } from './client.ts'
import type { Cloud } from './cloud.ts'
import { malformed } from './errors.ts'

/** The smallest and the largest page that an action accepts. A large page blocks the event loop while it is parsed. */
export type PageSizes = readonly [smallest: number, largest: number]

export interface PageParameters {
  MaxResults?: number
  NextToken?: string
}

/** Returns the parameters of a page; none if the cloud sends each list whole. */
export function toPageParameters (
  { dialect }: Cloud,
  { limit, token }: Pick<ListQuery, 'limit' | 'token'>,
  [smallest, largest]: PageSizes
): PageParameters {
  if (!dialect.paged) return {}
  return { MaxResults: Math.min(Math.max(limit, smallest), largest), NextToken: token ?? undefined }
}

type ItemOf<List> = NonNullable<List> extends (infer Item)[] ? Item : never

/** The items of a list of the cloud: those of the field `Key` in the response of the action. */
export type ListItem<A extends Action, Key> = ItemOf<ActionOutput<A>[Key & keyof ActionOutput<A>]>

type ListKey<A extends Action> = keyof ActionOutput<A> & string

/** Reads one page of a list. Throws provider_error if the response has no such list. */
export async function readPage<A extends Action, Key extends ListKey<A>> (
  client: Client,
  action: A,
  key: Key,
  input: ActionInput<A>,
  call: Call
): Promise<ProviderPage<ListItem<A, Key>>> {
  const output = await client.read(action, input, call)
  const { NextToken: token } = output as { NextToken?: string }
  const items = output[key] as ListItem<A, Key>[] | undefined
  if (items === undefined) throw malformed(`The response of the cloud to ${action} has no ${key}`)
  // Amazon's last page has no token, that of other clouds an empty one.
  return { items, next: token || null }
}

/** Reads all pages of a list. */
export function readAllPages<A extends Action, Key extends ListKey<A>> (
  client: Client,
  action: A,
  key: Key,
  input: ActionInput<A>,
  call: Call
): Promise<ListItem<A, Key>[]> {
  return readAll((token) => {
    const page = { ...input, NextToken: token ?? undefined } as ActionInput<A>
    return readPage(client, action, key, page, call)
  })
}

/** Whether two ids are equal. The cloud ignores their case. */
export const isSameId = (id: unknown, other: string) =>
  String(id).toLowerCase() === other.toLowerCase()

/** Finds a resource by its id, which is the field `key`. */
export const findById = <T>(items: readonly T[], id: string, key: keyof T) =>
  items.find((item) => isSameId(item[key], id))

/** `*` is a wildcard of the API and of the cloud, `?` only of the cloud. */
const toPattern = (value: string) => [value.replace(/[\\?]/g, '\\$&')]
const toExactValue = (value: string) => value.replace(/[\\?*]/g, '\\$&')

/** A filter whose value is a pattern. */
export const patternRule = (name: string): FilterRule => ({ name, toValues: toPattern })

/** A filter whose value has no wildcards. */
export const exactRule = (name: string): FilterRule => ({
  name,
  toValues: (value) => [toExactValue(value)]
})

/** The filter on the name of resources whose name is their tag `Name`. */
export const nameRule = patternRule('tag:Name')

/** Number of values that one filter accepts. */
export const maxFilterValues = 200

export type FilterRules = Readonly<Record<string, FilterRule>>

/** Translates the values of a state filter with the table that maps the cloud's states to those of the API. */
export function toStatuses (
  states: Readonly<Record<string, string>>,
  state: string
): string[] | undefined {
  const statuses = Object.keys(states).filter((status) => states[status] === state)
  // If the cloud has no such state, the core filters the whole list.
  return statuses.length === 0 ? undefined : statuses
}

/** The filters of a list that has these rules. */
export const filterNames = <Rules extends FilterRules>(
  rules: Rules
) => [...Object.keys(rules) as (keyof Rules & string)[], 'tag' as const]

/** Translates `key=value` or `key`. With several `=` the key is unknown, so the core filters the whole list. */
function toTagFilter (tag: string): Filter[] {
  const [key, value, ...others] = tag.split('=')
  if (others.length > 0) return []
  if (value === undefined) return [{ Name: 'tag-key', Values: [toExactValue(tag)] }]
  return [{ Name: `tag:${key}`, Values: [toExactValue(value)] }]
}

/** Returns the filter on ids; none if there are more ids than a filter accepts. */
export const toIdFilter = (name: string, ids: readonly string[] = []): Filter[] =>
  ids.length === 0 || ids.length > maxFilterValues ? [] : [{ Name: name, Values: [...ids] }]

/** Translates the filters that the cloud can apply, and adds others; undefined if there are none. */
export function toFilters (
  filters: Filters,
  rules: FilterRules,
  others: readonly Filter[] = []
): Filter[] | undefined {
  const translated = translateFilters(filters, rules, maxFilterValues)
    .map(({ name, values }): Filter => ({ Name: name, Values: [...values] }))
  const all = [...others, ...translated, ...(filters['tag'] ?? []).flatMap(toTagFilter)]
  return all.length === 0 ? undefined : all
}
