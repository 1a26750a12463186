import { ProblemError } from '../../openapi/model/index.ts'

/** One call of a change that needs several. */
export interface Step {
  /** The field of the request or the resource that the call changes. Errors contain it. */
  name: string
  run: () => Promise<unknown>
}

/** Returns the step for a field, or no step if the request does not have the field or the field is an empty object. */
export function step<T> (
  field: string,
  value: T | undefined,
  run: (value: T) => Promise<unknown>
): Step[] {
  const isEmpty = value === undefined ||
    (typeof value === 'object' && value !== null && Object.keys(value).length === 0)
  return isEmpty ? [] : [{ name: field, run: () => run(value) }]
}

/** Runs the steps one after the other, then `last`. An error names what was changed before it. */
export async function runSteps<T = void> (
  steps: readonly Step[],
  last?: () => Promise<T>,
  explain: (error: unknown) => Promise<unknown> = async (error) => error
): Promise<T> {
  const applied: string[] = []
  try {
    for (const { name, run } of steps) {
      await run()
      applied.push(name)
    }
    return await last?.() as T
  } catch (error) {
    throw withApplied(await explain(error), applied)
  }
}

function withApplied (error: unknown, applied: readonly string[]) {
  if (!(error instanceof ProblemError) || applied.length === 0) return error
  return error.with({ detail: `${error.message} (already applied: ${applied.join(', ')})` })
}
