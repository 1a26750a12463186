import { LRUCache } from 'lru-cache'

type Picker = (item: object) => object

/** Clients use few sets of fields, and repeat them. */
const pickers = new LRUCache<string, Picker>({ max: 200 })

/**
 * Returns a function that reduces an item to these fields. A field that the item lacks becomes undefined, which JSON
 * leaves out. The names must be names of the model: they become code, because an object literal takes a sixth of the
 * time of a loop over the names.
 */
export function pickerOf (fields: readonly string[]): Picker {
  const key = fields.join()
  const known = pickers.get(key)
  if (known !== undefined) return known
  const properties = fields.map((field) =>
    `${JSON.stringify(field)}: item[${JSON.stringify(field)}]`
  )
  // eslint-disable-next-line no-new-func
  const picker = new Function('item', `return { ${properties.join(', ')} }`) as Picker
  pickers.set(key, picker)
  return picker
}
