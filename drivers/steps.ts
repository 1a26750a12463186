import { ProblemError } from '../openapi/model/index.ts'

/** One call of an update that takes several. */
export interface Step {
  /** What it changes, as the request names it. */
  field: string
  run: () => Promise<unknown>
}

/** The step for a field; none where the request does not have it, or has nothing in it. */
export function step<T> (field: string, value: T | undefined, run: (value: T) => Promise<unknown>): Step[] {
  const empty = value === undefined || (typeof value === 'object' && value !== null && Object.keys(value).length === 0)
  return empty ? [] : [{ field, run: () => run(value) }]
}

/** Runs the steps one after the other, then `last`. Who gets an error is told which of them were made. */
export async function runSteps<T> (
  steps: readonly Step[], last: () => Promise<T>, explain: (error: unknown) => Promise<unknown> = async (error) => error
): Promise<T> {
  const applied: string[] = []
  try {
    for (const { field, run } of steps) {
      await run()
      applied.push(field)
    }
    return await last()
  } catch (error) {
    throw tellApplied(await explain(error), applied)
  }
}

function tellApplied (error: unknown, applied: readonly string[]) {
  if (!(error instanceof ProblemError) || applied.length === 0) return error
  const detail = `${error.message} (already applied: ${applied.join(', ')})`
  return new ProblemError(error.code, detail, { ...error.details, outcomeUnknown: error.outcomeUnknown, cause: error })
}
