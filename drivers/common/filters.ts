import type { Filters } from '../services.ts'

/** How a cloud's list expresses one of the API's filters. */
export interface FilterRule {
  /** The provider's name of the filter. */
  name: string
  /** Translates one value; returns undefined if the provider cannot express it. By default values stay as they are. */
  toValues?(value: string): readonly string[] | undefined
}

/** A filter in the provider's terms. Its values are alternatives. */
export interface ProviderFilter {
  name: string
  values: readonly string[]
}

/**
 * Translates the filters that a cloud can apply itself. The core applies all filters again, so a filter that the cloud
 * cannot express, or that has more than `maxValues` values, is left out.
 */
export function translateFilters (
  filters: Filters,
  rules: Readonly<Record<string, FilterRule>>,
  maxValues: number
): ProviderFilter[] {
  return Object.entries(rules).flatMap(
    ([field, { name, toValues = (value: string) => [value] }]) => {
      const given = filters[field] ?? []
      const translated = given.map(toValues)
      const values = translated.flatMap((value) => value ?? [])
      if (given.length === 0 || translated.includes(undefined) || values.length > maxValues) {
        return []
      }
      return [{ name, values }]
    }
  )
}

/** Translates filters to query parameters, for clouds whose filters have one value each. */
export const toQuery = (
  filters: Filters,
  rules: Readonly<Record<string, FilterRule>>
): Record<string, string> =>
  Object.fromEntries(
    translateFilters(filters, rules, 1).map(({ name, values }) => [name, values[0]!])
  )

/** Half of a four-byte character, which some databases of clouds cannot hold. */
export const surrogate = /[\ud800-\udfff]/

const isExact = (value: string) => value !== '' && !value.includes('*') && !surrogate.test(value)

/** Translates a value for a cloud that compares exactly: without wildcards and four-byte characters. */
export const toExactName = (name: string): readonly string[] | undefined =>
  isExact(name) ? [name] : undefined

/** Returns the only value of a filter, if a cloud that compares exactly finds the same; otherwise undefined. */
export const exactValue = (values: readonly string[] = []): string | undefined =>
  values.length === 1 ? toExactName(values[0]!)?.[0] : undefined
