import { randomBytes } from 'node:crypto'
import { ProblemError, type ResourceKind } from '../../../openapi/model/index.ts'
import type { ResourceRef } from '../../driver.ts'
import type { Collection, Entry, Stored } from '../collection.ts'
import { newRecord } from '../record.ts'

/** The steps of a change that begins now and takes so many seconds: its stages, spread evenly, then its end. */
export function stepsOf<Stage> (stages: Stage[], end: Stage, seconds: number) {
  const now = Date.now()
  return [
    ...stages.map((then, i) => ({ at: now + Math.round(seconds * 1000 * i / stages.length), then })),
    { at: now + Math.round(seconds * 1000), then: end }
  ]
}

/** Throws resource_not_found. */
export function mustFind<T extends Stored> (collection: Collection<T>, kind: string, id: string): Entry<T> {
  const entry = collection.find(id)
  if (entry === undefined) throw new ProblemError('resource_not_found', `There is no ${kind} ${id}`)
  return entry
}

/** The fields of a record that is created at this moment, with an id that nothing else has. */
export function born<T extends Stored> (collection: Collection<T>, prefix: string, operation: string | undefined) {
  let id: string
  do id = `${prefix}-${randomBytes(4).toString('hex')}`
  while (collection.has(id))
  return newRecord(collection.newSeq(), id, operation)
}

/** What an operation created in a collection. */
export const createdBy = <T extends Stored>(collection: Collection<T>, kind: ResourceKind, operation: string): ResourceRef[] =>
  collection.createdBy(operation).map((id) => ({ kind, id }))

/** An error that tells what does not allow this; a node's has its allowed actions beside. */
export const invalidState = (message: string, state: string, hint: string) => new ProblemError('invalid_state', message, { state, hint })
