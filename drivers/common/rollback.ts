import { ProblemError } from '../../openapi/model/index.ts'
import { openCall, type Call } from '../call.ts'

/** Milliseconds for a rollback. It has its own deadline, because the failed call may have used its time. */
const rollbackTimeout = 10_000

/** Undoes the first step, under a call of its own. */
export type Rollback = (call: Call) => Promise<unknown>

/**
 * Runs the step after a first step. If it fails, the first step is rolled back. If the rollback fails too, the error
 * names what remains, for example `vpc-1 exists`.
 */
export async function runOrRollBack<T> (
  call: Call,
  remains: string,
  run: () => Promise<T>,
  rollBack: Rollback
): Promise<T> {
  try {
    return await run()
  } catch (error) {
    if (!(error instanceof ProblemError)) throw error
    const rollbackCall = openCall({
      timeout: rollbackTimeout,
      log: call.log,
      requestId: call.requestId
    })
    try {
      await rollBack(rollbackCall)
    } catch (failure) {
      const reason = failure instanceof Error ? failure.message : String(failure)
      throw error.with({ detail: `${error.message} (${remains}; the rollback failed: ${reason})` })
    } finally {
      rollbackCall.end()
    }
    throw error.with({ outcomeUnknown: false })
  }
}
