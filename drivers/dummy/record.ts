import { Type, type TProperties, type TSchema } from 'typebox'

/** Labels as a record keeps them. */
export const StoredTags = Type.Unsafe<Record<string, string>>({ type: 'object', additionalProperties: { type: 'string' } })

/**
 * The fields that every record has. `stage` is what it takes on at one moment of a change, by itself and by the clock:
 * `{ status: 'available' }`, or `{ gone: true }` where it ceases to be.
 */
export const record = <Stage extends TSchema>(stage: Stage) => ({
  /** Its place in the order of creation, never used twice in its collection. */
  seq: Type.Integer(),
  id: Type.String(),
  /** The changes that lie before it, in their order. `at`: milliseconds since 1970, as all times here. */
  steps: Type.Array(Type.Object({ at: Type.Number(), then: stage })),
  created_at: Type.Number(),
  updated_at: Type.Number(),
  /** Id of the operation that created it, by which a lost create is found. */
  operation: Type.Unsafe<string | null>({ type: ['string', 'null'] })
})

/** The stage of records that never change by themselves. */
export const Still = Type.Object({ gone: Type.Optional(Type.Boolean()) })

/** A record that does not change by itself: networks, key pairs. */
export const stillRecord = <Fields extends TProperties>(fields: Fields) => Type.Object({ ...record(Still), ...fields })

/** Operation and resource of creates whose resource is gone, so that none is taken for a create that never happened. */
export const Departed = Type.Array(Type.Object({ operation: Type.String(), id: Type.String() }))

/** A collection in the state file. */
export const kept = <T extends TSchema>(schema: T) =>
  Type.Object({ next_seq: Type.Integer(), departed: Departed, items: Type.Array(schema) })

/** The fields of a record that is created at this moment. */
export function newRecord (seq: number, id: string, operation?: string) {
  const now = Date.now()
  return { seq, id, steps: [], created_at: now, updated_at: now, operation: operation ?? null }
}
