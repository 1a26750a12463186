import { Type, type TProperties } from '#typebox'
import { decimal } from './common.ts'
import { anyOf } from './query.ts'

/*
 * The filters beyond equality. Their names say what they do, in every list alike; plugins/lists/filters.ts applies
 * them by their prefix. docs/filters.md describes them for clients.
 */

/** `min_FIELD` and `max_FIELD`, both inclusive. `words` names the field with its unit: `GiB of disk`. */
export const rangeOf = (field: string, words: string): TProperties =>
  Object.fromEntries(
    [['min', 'least'], ['max', 'most']].map((
      [prefix, bound]
    ) => [
      `${prefix}_${field}`,
      Type.Optional(decimal({
        minimum: 0,
        description: `Only those with at ${bound} so many ${words}.`
      }))
    ])
  )

const time = (description: string) =>
  Type.Optional(Type.String({ format: 'date-time', maxLength: 64, description }))

/** The interval of `created_at`: from one time on, and before another, so that adjacent intervals share no item. */
export const createdFilters = {
  created_after: time('Only those created at this time or later (RFC 3339).'),
  created_before: time('Only those created before this time (RFC 3339).')
}

/** `state` and `exclude_state` of a list whose resources have these states. */
export const stateFilters = (plural: string, states: readonly string[]) => ({
  state: anyOf(`Only ${plural} in these states.`, states),
  exclude_state: anyOf(`Only ${plural} in other states than these.`, states)
})

/** Of sizes: prices are decimal numbers in the currency of each price. */
export const priceFilters = {
  ...rangeOf('price', 'units of its currency per hour'),
  price_currency: anyOf('Only sizes with a price in these currencies, such as `EUR`.')
}
