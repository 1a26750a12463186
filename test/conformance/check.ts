import assert from 'node:assert/strict'
import { isDeepStrictEqual } from 'node:util'

/** The part of a test of tap that the suite uses. */
export interface Check {
  test (name: string, run: (t: Check) => Promise<void>): Promise<unknown>
  equal (found: unknown, wanted: unknown, ...message: [string?, object?]): unknown
  same (found: unknown, wanted: unknown, ...message: [string?, object?]): unknown
  ok (value: unknown, ...message: [string?, object?]): unknown
  notOk (value: unknown, ...message: [string?, object?]): unknown
  /** `wanted` may be a part of an object, a regular expression, or a constructor such as String. */
  match (found: unknown, wanted: unknown, ...message: [string?, object?]): unknown
  notMatch (found: unknown, wanted: unknown, ...message: [string?, object?]): unknown
  type (found: unknown, wanted: string, ...message: [string?, object?]): unknown
  comment (...texts: string[]): unknown
  /** Runs when the test ends; the last one first. */
  teardown (run: () => unknown): unknown
  passing (): boolean
}

/** The part of the context of a test of node:test that the suite uses. */
export interface NodeTestContext {
  test (name: string, run: (t: NodeTestContext) => Promise<void>): Promise<void>
  diagnostic (text: string): void
  after (run: () => Promise<void>): void
}

const isTap = (t: Check | NodeTestContext): t is Check => 'teardown' in t

/** Returns the assertions of a test of tap, or makes those of a test of node:test. */
export const checkOf = (t: Check | NodeTestContext): Check => isTap(t) ? t : fromNode(t).check

function fits (found: unknown, wanted: unknown): boolean {
  if (wanted instanceof RegExp) return typeof found === 'string' && wanted.test(found)
  if (typeof wanted === 'function') return found !== undefined && found !== null && Object(found) instanceof wanted
  if (typeof wanted !== 'object' || wanted === null) return Object.is(found, wanted)
  if (typeof found !== 'object' || found === null) return false
  return Object.entries(wanted).every(([key, value]) => fits((found as Record<string, unknown>)[key], value))
}

function fromNode (context: NodeTestContext) {
  const failures: string[] = []
  const teardowns: (() => unknown)[] = []

  const report = (passed: boolean, found: unknown, wanted: unknown, text = 'fits', details?: object) => {
    if (passed) return
    const values = JSON.stringify({ found, wanted, ...details }, (_, value: unknown) =>
      value instanceof RegExp || typeof value === 'function' ? String(value) : value)
    failures.push(`${text}: ${values}`)
  }

  const check: Check = {
    test: (name, run) => context.test(name, async (inner) => {
      const child = fromNode(inner)
      try {
        await run(child.check)
      } finally {
        await child.end()
      }
      child.throwFailures()
    }),
    equal: (found, wanted, ...message) => report(Object.is(found, wanted), found, wanted, ...message),
    same: (found, wanted, ...message) => report(isDeepStrictEqual(found, wanted), found, wanted, ...message),
    ok: (value, ...message) => report(Boolean(value), value, true, ...message),
    notOk: (value, ...message) => report(!value, value, false, ...message),
    match: (found, wanted, ...message) => report(fits(found, wanted), found, wanted, ...message),
    notMatch: (found, wanted, ...message) => report(!fits(found, wanted), found, wanted, ...message),
    type (found, wanted, ...message) {
      const type = typeof found
      report(type === wanted, type, wanted, ...message)
    },
    comment (...texts) {
      for (const line of texts.join('\n').split('\n')) context.diagnostic(line)
    },
    teardown: (run) => { teardowns.push(run) },
    passing: () => failures.length === 0
  }

  const end = async () => {
    for (let run = teardowns.pop(); run !== undefined; run = teardowns.pop()) await run()
  }
  context.after(end)

  return { check, end, throwFailures: () => { assert.ok(failures.length === 0, failures.join('\n')) } }
}
