import { ProblemError } from '../../../openapi/model/index.ts'
import { openCall, type Call } from '../../call.ts'
import type { Cloud } from './cloud.ts'
import { setTags, toTagList, type Labels } from './tags.ts'

/** Milliseconds that taking something back may need, beyond the deadline of the call that failed. */
const patience = 10_000

/** Takes back what was made, under a call of its own. */
type Undo = (call: Call) => Promise<unknown>

/**
 * Runs what follows a first step. Where it fails the first step is taken back; where that fails too, the error says with
 * `left` what exists now.
 */
export async function orUndo<T> (call: Call, left: string, run: () => Promise<T>, undo: Undo): Promise<T> {
  try {
    return await run()
  } catch (error) {
    if (!(error instanceof ProblemError)) throw error
    const { code, message, details, outcomeUnknown } = error
    const own = openCall({ timeout: patience, log: call.log, requestId: call.requestId })
    try {
      await undo(own)
    } catch (failure) {
      const why = failure instanceof Error ? failure.message : String(failure)
      throw new ProblemError(code, `${message} (${left}, which could not be taken back: ${why})`, { ...details, cause: error, outcomeUnknown })
    } finally {
      own.end()
    }
    throw new ProblemError(code, message, { ...details, cause: error })
  }
}

/** Sets name and tags of what was just made, where the cloud took none with the create; `undo` deletes it where that fails. */
export async function labelMade (cloud: Cloud, id: string, labels: Labels, call: Call, undo: Undo): Promise<void> {
  if (cloud.dialect.tagsOnCreate) return
  await orUndo(call, `${id} is there`, () => setTags(cloud, [id], toTagList(labels), call), undo)
}
