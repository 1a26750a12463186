import type { ProblemError } from '../../openapi/model/index.ts'
import type { StoreChange } from '../store/tables.ts'
import type { OperationRow } from './rows.ts'

/**
 * The first answer to a request with an Idempotency-Key. The operation of the request keeps it in the same commits as
 * its own steps, so that an operation that another server has taken over keeps its key. All methods return changes of
 * the store.
 */
export interface FirstAnswer {
  /** Binds the key to an operation that is being inserted. */
  claim(operation: string): StoreChange[]
  /** Keeps the answer that shows this row. Undefined if the answer waits for a later row. */
  keep: ((row: OperationRow) => StoreChange[]) | undefined
  /** Keeps a refusal as the answer, or frees the key. */
  refuse(problem: ProblemError): StoreChange[]
}
