import { Type, type Static, type TProperties, type TSchema } from '#typebox'
import { decimal, inputObject, integer } from './common.ts'
import { propertiesOf, sortableFieldsOf } from './models.ts'
import { partialType } from './page.ts'

const text = Type.String({ minLength: 1, maxLength: 255 })

const commaSeparated = (items: TSchema, description: string) =>
  Type.Optional(Type.Unsafe<string[]>({
    type: 'array',
    items,
    maxItems: 100,
    description: `${description} Comma separated, or repeated.`
  }))

/** A filter whose values are alternatives. */
export const anyOf = (description: string, values?: readonly string[]) =>
  commaSeparated(
    values === undefined ? text : Type.Enum([...values], { type: 'string' }),
    description
  )

/** Whether a query parameter may hold several values with commas between them. A value of `tag` may have a comma. */
export const isCommaSeparated = (name: string, schema: TSchema | undefined) =>
  name !== 'tag' && (schema as { type?: string } | undefined)?.type === 'array'

/** The parameters of every list, beside its own filters. */
export const paging = {
  limit: integer({
    minimum: 1,
    maximum: 1000,
    default: 100,
    description: 'Maximum number of items on a page.'
  }),
  cursor: Type.Optional(Type.String({
    minLength: 1,
    maxLength: 4096,
    description: '`next_cursor` of the previous page, with the same query.'
  }))
}

export const cloudFilter = { cloud: anyOf('Only these clouds.') }

/** The parameter of lists over all clouds. */
export const listTimeout = {
  timeout: decimal({
    minimum: 0.1,
    maximum: 60,
    default: 10,
    description:
      'Seconds to wait for the clouds. `sources` names those that did not answer in time. A cloud that is ' +
      'down gets one second.'
  })
}

export const partial = {
  partial: Type.Boolean({
    default: true,
    description: 'If false, the list fails if any cloud fails.'
  })
}

const common = {
  // No example: Swagger UI would send it, and the list would be empty.
  name: Type.Optional(Type.String({
    minLength: 1,
    maxLength: 255,
    description: 'Exactly this name. `*` matches any text: `web*`.'
  })),
  tag: Type.Optional(Type.Unsafe<string[]>({
    type: 'array',
    items: text,
    maxItems: 20,
    description:
      '`key=value`, or `key` for any value. If repeated, all must match. `tag.key=value` means the same.'
  })),
  include: commaSeparated(
    Type.Enum(['extra'], { type: 'string' }),
    "`extra` adds the cloud's own fields."
  ),
  ...partial
}

/** A query with these parameters and no others. */
export const queryOf = <T extends TProperties>(parameters: T, options: object = {}) =>
  inputObject(parameters, {}, options)

/** The parameters that name fields of the model of the list. */
const fieldParameters = (model: string) => {
  const sortable = sortableFieldsOf(model)
  const sort = [...sortable, ...sortable.map((name) => `-${name}`)]
  return {
    sort: commaSeparated(
      Type.Enum(sort, { type: 'string' }),
      'Fields to sort by; `-` means descending.'
    ),
    fields: commaSeparated(
      Type.Enum(Object.keys(propertiesOf(model)), { type: 'string' }),
      `Only these fields of each item. The answer is then \`${partialType}\`.`
    )
  }
}

const withTags = { patternProperties: { '^tag\\..{1,255}$': {} } }

/** The query of a list of resources of a model, over one cloud or all. */
export const listQuery = <T extends TProperties>(model: string, filters: T) =>
  queryOf({ ...paging, ...common, ...fieldParameters(model), ...filters }, withTags)

type ListQuery = ReturnType<typeof listQuery<typeof cloudFilter>>

/** The query of a list, as its route receives it. */
export type ListParameters = Static<ListQuery> & { timeout?: number } & Record<string, unknown>

export const getQuery = queryOf({ include: common.include })
