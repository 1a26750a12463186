import { Type, type Static, type TSchema } from 'typebox'

/** A scalar or JSON null: one `type` array, which is validated at once, where `anyOf` would try each branch. */
export function nullable<T extends TSchema & { type: string }> (schema: T) {
  const values = 'enum' in schema ? { enum: [...schema.enum as unknown[], null] } : {}
  return Type.Unsafe<Static<T> | null>({ ...schema, ...values, type: [schema.type, 'null'] })
}

/** A model or JSON null. */
export const nullableRef = <T extends TSchema>(schema: T) =>
  Type.Unsafe<Static<T> | null>({ anyOf: [schema, { type: 'null' }] })

/** A map with free keys. `Type.Record` would test every key against a pattern. */
export function map<T extends TSchema> (values: T, options: Record<string, unknown> = {}) {
  return Type.Unsafe<Record<string, Static<T>>>({ type: 'object', additionalProperties: values, ...options })
}

/** An enum that may grow: documented values, typed as a string in JSON Schema. */
export function openEnum<const T extends readonly string[]> (values: T, description: string) {
  return {
    ...Type.Unsafe<T[number]>({
      enum: [...values], description: `${description} More values may come: a client must accept one that is not listed.`
    }),
    type: 'string'
  }
}

/** A moment in RFC 3339, UTC. */
export const Timestamp = (description: string) =>
  nullable(Type.String({ format: 'date-time', description, examples: ['2026-01-31T12:00:00.000Z'] }))

/** A provider's id, as it comes. */
export const Id = (description: string, options: Record<string, unknown> = {}) =>
  Type.String({ minLength: 1, maxLength: 255, description, ...options })

export const Tags = map(Type.String({ maxLength: 1024 }), {
  description: 'Key and value labels.', maxProperties: 200, examples: [{ env: 'prod' }]
})

/** Tags of a merge patch. */
export const TagsPatch = map(nullable(Type.String({ maxLength: 1024 })), {
  maxProperties: 200, description: 'Tags to set; null removes one; those not named stay.'
})

/** A name that says something. */
export const Name = Type.String({ minLength: 1, maxLength: 255, pattern: '\\S', examples: ['web-1'] })

/** What every resource of every cloud has. `state` is added by each resource, with its own values. */
export const resource = {
  id: Type.String({ description: "The provider's own id, never remapped." }),
  name: nullable(Type.String({ description: 'The name, or null where the cloud has none.' })),
  cloud: Type.String({ description: 'Name of the cloud in this server.' }),
  driver: Type.String({ description: 'Name of the driver of that cloud.' }),
  location: nullable(Type.String({ description: 'Id of the region, or null where the cloud has none.' })),
  provider_state: nullable(Type.String({ description: "The provider's own word for the state." })),
  created_at: Timestamp('When the resource was created.'),
  updated_at: Timestamp('When the resource was changed last.'),
  tags: Tags,
  self: Type.String({ description: "The resource's path in this API, unique over all clouds." }),
  extra: Type.Optional(map(Type.Unknown(), {
    description: "The cloud's own fields, as it sent them. Only with `include=extra`."
  }))
}
