import { Test } from 'tap'

/**
 * Runs a case that is known to fail, for this reason. It runs in a test of its own, so that its failure does not count,
 * and is reported as a todo. A case that passes fails the run, so that it is taken off the list. Resolves to whether it
 * passed.
 */
export async function runTodo (t: Test, reason: string, run: (t: Test) => Promise<void>): Promise<boolean> {
  const aside = new Test({ name: 'todo' }) as Test
  // The test that reports the todo waits for the cleanup.
  aside.teardown = (cleanUp) => t.teardown(cleanUp)
  let output = ''
  aside.on('data', (chunk) => { output += String(chunk) })
  let error: Error | undefined
  try {
    await run(aside)
  } catch (thrown) {
    error = thrown as Error
  }
  aside.end()
  const passed = error === undefined && aside.passing()
  for (const [, not, message = ''] of output.matchAll(/^(not )?ok \d+ - (.*)$/gm)) {
    if (not === undefined) t.pass(message)
    else t.fail(message, { todo: reason })
  }
  if (error !== undefined) t.fail(error.message, { todo: reason })
  t.notOk(passed, `still fails: ${reason}`)
  return passed
}
