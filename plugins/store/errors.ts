import { ProblemError } from '../../openapi/model/index.ts'

/**
 * A commit that was undone, because a change met other rows than it expects, or a row with the same unique value. The
 * store is unharmed.
 */
export class StoreConflict extends Error {
  override name = 'StoreConflict'
}

/** Makes the error of a store that cannot be used now. `hint` tells the operator what to do. */
export const storeUnavailable = (detail: string, hint?: string, cause?: unknown) =>
  new ProblemError('store_unavailable', detail, { retry_after: 2, cause, hint })
