import { ProblemError, type ResourceKind } from '../../../openapi/model/index.ts'
import type { Change, Until } from '../../driver.ts'
import type { Collection, Stored } from '../collection.ts'
import { newRecord } from '../record.ts'
import { newId } from '../records.ts'
import type { State } from '../state.ts'
import type { Store } from '../store.ts'

/** The steps of a change that begins now and takes so many seconds: its stages, spread evenly, then its end. */
export function stepsOf<Stage> (stages: Stage[], end: Stage, seconds: number) {
  const now = Date.now()
  return [
    ...stages.map((then, i) => ({ at: now + Math.round(seconds * 1000 * i / stages.length), then })),
    { at: now + Math.round(seconds * 1000), then: end }
  ]
}

/** The fields of a record that is created at this moment, with an id that nothing else has. */
export const born = <T extends Stored>(collection: Collection<T>, prefix: string, operation: string | undefined) =>
  newRecord(collection.newSeq(), newId(collection, prefix), operation)

/** What tells of the changes of one kind of resources. */
export function createChanges (
  { open, save }: State, kind: ResourceKind, of: (store: Store) => { createdBy (operation: string): string[] }
) {
  return {
    /** Resolves when the change is kept. */
    async changed (id: string, until: Until): Promise<Change> {
      await save()
      return { resources: [{ kind, id }], until }
    },
    findCreated: async ({ id: operation }: { id: string }) =>
      of(await open()).createdBy(operation).map((id) => ({ kind, id }))
  }
}

export const untilGone: Until = { states: [], gone: true }

/** An error that tells which state does not allow this. */
export const invalidState = (message: string, state: string, hint: string) => new ProblemError('invalid_state', message, { state, hint })
