import {
  Type,
  type Static,
  type TNumberOptions,
  type TObject,
  type TOptional,
  type TProperties,
  type TSchema,
  type TUnsafe
} from '#typebox'
import { model } from './model.ts'

/** An integer of at most 32 bits. Generated clients choose their type by the format. */
export const integer = (options: TNumberOptions = {}) =>
  Type.Integer({ format: 'int32', ...options })

/** An integer that may pass 2^31, such as a number of bytes. It never passes 2^53, which JSON cannot carry. */
export const long = (options: TNumberOptions = {}) => Type.Integer({ format: 'int64', ...options })

/** A number with a fraction. */
export const decimal = (options: TNumberOptions = {}) =>
  Type.Number({ format: 'double', ...options })

/**
 * A scalar or an inline object, or JSON null. One `type` array is faster to validate than `anyOf`, which tries each
 * branch.
 */
export function nullable<T extends TSchema & { type: string }> (schema: T) {
  const values = 'enum' in schema ? { enum: [...schema.enum as unknown[], null] } : {}
  return Type.Unsafe<Static<T> | null>({ ...schema, ...values, type: [schema.type, 'null'] })
}

const describedBy = (description?: string) => description === undefined ? {} : { description }

export const nullableString = (description?: string) =>
  nullable(Type.String(describedBy(description)))
export const nullableInteger = (description?: string) => nullable(integer(describedBy(description)))
export const nullableLong = (description?: string) => nullable(long(describedBy(description)))
export const nullableBoolean = (description?: string) =>
  nullable(Type.Boolean(describedBy(description)))

/** A model or JSON null. A `$ref` cannot have a second type beside it. */
export const nullableRef = <T extends TSchema>(schema: T, description?: string) =>
  Type.Unsafe<Static<T> | null>({ anyOf: [schema, { type: 'null' }], ...describedBy(description) })

/** A map with any keys. `Type.Record` would test every key against a pattern. */
export function map<T extends TSchema> (values: T, options: Record<string, unknown> = {}) {
  return Type.Unsafe<Record<string, Static<T>>>({
    type: 'object',
    additionalProperties: values,
    ...options
  })
}

/**
 * An enum of responses that may grow. In the document it is a string, because clients that were generated from an
 * `enum` throw at a value that was added later. `x-extensible-enum` (Zalando's guidelines, rule 112) has the values.
 */
export function openEnum<const T extends readonly string[]> (values: T, description: string) {
  return {
    ...Type.Unsafe<T[number]>({
      'x-extensible-enum': [...values],
      description: `${description} Values: ${
        values.map((value) => `\`${value}\``).join(', ')
      }. More values may be ` +
        'added: clients must accept values that are not listed.'
    }),
    type: 'string'
  }
}

export const strings = (description: string) => Type.Array(Type.String(), { description })

type Optional<T extends TProperties> = { [K in keyof T]: TOptional<T[K]> }

/** The body of a create or of an action. Any field that is not in the schema is an error. */
export function inputObject<
  Required extends TProperties,
  T extends TProperties = Record<never, never>
> (
  required: Required,
  optional?: T,
  options: object = {}
) {
  const entries = Object.entries(optional ?? {}).map((
    [name, schema]
  ) => [name, Type.Optional(schema)])
  const properties = { ...required, ...Object.fromEntries(entries) as Optional<T> }
  return Type.Object(properties, { additionalProperties: false, ...options })
}

/** The body of an action without fields. The document has no body for it, and `null` or an empty body is the same. */
export const noFields = Type.Object({}, { additionalProperties: false })

/**
 * Options of an input of which at least one field is required. The document cannot say that in a form that generated
 * clients understand, so the validator of plugins/http/index.ts checks `x-required-any`.
 */
export const requireAny = (...fields: [string, ...string[]]) => ({
  'x-required-any': fields,
  description: `Requires ${
    fields.map((field) => `\`${field}\``).join(' or ')
  }; without, the answer is 422.`
})

/** The body of a PATCH, a merge patch (RFC 7396) with at least one field. */
export const patchObject = <T extends TProperties>(fields: T, options: object = {}) =>
  inputObject({}, fields, { minProperties: 1, ...options })

/** A time in RFC 3339, UTC, or null. */
export const Timestamp = (description: string) =>
  nullable(
    Type.String({ format: 'date-time', description, examples: ['2026-01-31T12:00:00.000Z'] })
  )

/**
 * The provider's own id of another resource, unchanged. `x-collection` names the collection of its cloud, so that a
 * portal can offer what may be chosen.
 */
export const Id = (description: string, collection?: string) =>
  Type.String({
    minLength: 1,
    maxLength: 255,
    description,
    ...(collection !== undefined && { 'x-collection': collection })
  })

/** The pattern excludes names of blanks alone. `plugins/http/index.ts` defines the format. */
export const Name = Type.String({
  minLength: 1,
  maxLength: 255,
  pattern: '\\S',
  format: 'single-line',
  examples: ['web-1']
})

export const Cidr = Type.String({
  maxLength: 49,
  format: 'cidr',
  examples: ['10.0.0.0/24', '2001:db8::/64']
})
export const Ip = Type.String({ maxLength: 45, format: 'ip', examples: ['10.0.0.1'] })
export const IpVersion = nullableInteger('4 or 6.')

const tagDetails = {
  description: 'Labels: keys and values.',
  maxProperties: 200,
  examples: [{ env: 'prod' }]
}

/** The tags of a resource, as the cloud has them. */
const ResourceTags = map(Type.String({ maxLength: 1024 }), tagDetails)

/** Nova, Cinder and EC2 accept line breaks in values. */
const TagValue = Type.String({ maxLength: 1024, format: 'multi-line' })
const propertyNames = { format: 'single-line' }

/** The tags of a create. */
export const Tags = map(TagValue, { ...tagDetails, propertyNames })

export const TagsPatch = map(nullable(TagValue), {
  maxProperties: 200,
  propertyNames,
  description: 'Tags to set. null removes a tag. Other tags do not change.'
})

/** The fields that most updates have. */
export const nameAndTagsPatch = { name: Name, tags: TagsPatch }

/** The fields of every resource of every cloud. Each resource adds its own `state`. */
const resource = {
  id: Type.String({ description: "The provider's own id, unchanged." }),
  name: nullableString('The name, or null if the cloud has none.'),
  cloud: Type.String({ description: 'Name of the cloud in this server.' }),
  driver: Type.String({ description: 'Name of the driver of that cloud.' }),
  location: nullableString('Id of the region, or null if the cloud has none.'),
  provider_state: nullableString("The provider's own name of the state."),
  created_at: Timestamp('When the resource was created.'),
  updated_at: Timestamp('When the resource last changed.'),
  tags: ResourceTags,
  self: Type.String({ description: 'Path of the resource in this API, unique over all clouds.' }),
  extra: Type.Optional(map(Type.Unknown(), {
    description: "The cloud's own fields, unchanged. Only with `include=extra`."
  }))
}

type ResourceSchema<T extends TProperties> = TUnsafe<Static<TObject<typeof resource & T>>>

/** Names the model of a resource. The declaration of an inferred type would name types that typebox does not export. */
export function resourceModel<T extends TProperties> (id: string, description: string, fields: T) {
  return model(
    id,
    Type.Object({ ...resource, ...fields }, { description })
  ) as unknown as ResourceSchema<T>
}

/** The state of a resource that has no states but these. */
export const availability = openEnum(
  ['available', 'unavailable', 'unknown'],
  'Whether the resource can be used.'
)
