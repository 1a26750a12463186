import { Type, type Static, type TSchema } from '#typebox'

const definition = Symbol('definition')

/** A typed reference to a model. */
export const ref = <T>(id: string) => Type.Unsafe<T>({ $ref: `${id}#` })

/**
 * Names a schema and returns a typed `$ref` to it. The document has it as `#/components/schemas/<id>`. Generated
 * clients use the names for their types, so the names are part of the contract. A model must be exported: `models`
 * lists the exports, and the server does not start if it cannot resolve a reference.
 */
export function model<T extends TSchema> (id: string, schema: T) {
  // Not enumerable: validators, serializers and the document see the reference alone.
  return Object.defineProperty(ref<Static<T>>(id), definition, { value: { ...schema, $id: id } })
}

/** The schema that `model` named; undefined for any other value. */
export function definitionOf (value: unknown): TSchema & { $id: string } | undefined {
  return typeof value === 'object' && value !== null
    ? (value as { [definition]?: TSchema & { $id: string } })[definition]
    : undefined
}
