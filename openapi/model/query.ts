import { Type, type Static, type TObject, type TProperties, type TSchema } from 'typebox'

type StaticProperties<T extends TProperties> = Static<TObject<T>>

const words = (items: TSchema, description: string) =>
  Type.Optional(Type.Unsafe<string[]>({ type: 'array', items, maxItems: 100, description: `${description} Comma separated, or repeated.` }))

const text = Type.String({ minLength: 1, maxLength: 255 })

/** A filter whose values are alternatives. */
export const anyOf = (description: string, values?: readonly string[]) =>
  words(values === undefined ? text : Type.Enum([...values], { type: 'string' }), description)

/** Query parameters whose values may stand in one parameter, separated by commas. */
export const commaSeparated = new Set<string>()

/** Every list has these beside its own filters. */
export const paging = {
  limit: Type.Integer({ minimum: 1, maximum: 1000, default: 100, description: 'Items on a page, at the most.' }),
  cursor: Type.Optional(Type.String({ minLength: 1, maxLength: 4096, description: '`next_cursor` of the page before, with the same query.' }))
}

export const cloudFilter = { cloud: anyOf('Only these clouds.') }

const common = {
  // Without an example: Swagger UI would send it, and find nothing.
  name: Type.Optional(Type.String({ minLength: 1, maxLength: 255, description: 'Exactly this name; `*` stands for any text, as in `web*`.' })),
  tag: Type.Optional(Type.Unsafe<string[]>({
    type: 'array', items: text, maxItems: 20, description: '`key=value`, or `key` for any value; repeated, all must hold. `tag.key=value` is the same.'
  })),
  sort: words(Type.String({ pattern: '^-?[a-z_]+$', maxLength: 64 }), 'Fields to sort by, with `-` descending.'),
  fields: words(Type.String({ pattern: '^[a-z_]+$', maxLength: 64 }), 'Only these fields of each item.'),
  include: words(Type.Enum(['extra'], { type: 'string' }), "`extra` adds the cloud's own fields."),
  partial: Type.Boolean({ default: true, description: 'With false, the list fails where any cloud fails.' })
}

/** A query in which these parameters may stand, and no other. */
export function queryOf<T extends TProperties> (parameters: T, options: object = {}) {
  const schema = Type.Object(parameters, { additionalProperties: false, ...options })
  for (const [name, { type }] of Object.entries(schema.properties) as [string, { type?: string }][]) {
    if (type === 'array' && name !== 'tag') commaSeparated.add(name)
  }
  return schema
}

/** The query of a list of resources, over one cloud or all. */
export const listQuery = <T extends TProperties>(filters: T) =>
  queryOf({ ...paging, ...common, ...filters }, { patternProperties: { '^tag\\..{1,255}$': {} } })

/** A list's query as its route receives it. */
export type ListParameters = StaticProperties<typeof paging & typeof common & typeof cloudFilter> & Record<string, unknown>

export const getQuery = Type.Object({ include: common.include }, { additionalProperties: false })
