import { readFileSync } from 'node:fs'
import path from 'node:path'
import type { Test } from 'tap'
import { root } from '../helper/app.ts'
import type { Check } from './check.ts'
import type { Target } from './context.ts'
import { runSuite, type RunTodo } from './run.ts'
import { runTodo } from './todo.ts'

/** Driver → the capabilities it has: a driver must neither lose one nor gain one unseen. */
const matrix = JSON.parse(readFileSync(path.join(root, 'test/conformance/matrix.json'), 'utf8')) as Record<
  string,
  string[]
>

const quotas = ['vcpus', 'ram', 'volumes', 'volume_storage']

/** Runs the suite on a built-in driver, with the capabilities of matrix.json. */
export async function conformance (t: Test, target: Target) {
  const { driver } = target.app.clouds[target.cloud]!
  await runSuite(t as Check, { quotas, expected: matrix[driver] ?? [], ...target }, runTodo as unknown as RunTodo)
}
