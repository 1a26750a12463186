import { Type, type Static, type TSchema } from 'typebox'

/** Every named model, in the order of definition; `plugins/schemas.ts` registers them. */
export const models: TSchema[] = []

/**
 * Names a schema: it becomes `#/components/schemas/<id>`, and the value returned is a typed `$ref` to it.
 * Names are what generated clients call their types, so they are part of the contract.
 */
export function model<T extends TSchema> (id: string, schema: T) {
  models.push({ ...schema, $id: id })
  return ref<Static<T>>(id)
}

/** A typed reference to a model that is registered elsewhere. */
export const ref = <T>(id: string) => Type.Unsafe<T>({ $ref: `${id}#` })
