import { nodeVerbs } from '../../openapi/model/index.ts'
import type { Case } from './cases/case.ts'
import { cases, general } from './cases/index.ts'
import { checkOf, type Check, type NodeTestContext } from './check.ts'
import { createContext, type Context, type Target } from './context.ts'
import { requestFor } from './refusal.ts'
import { Unmet } from './unmet.ts'

/** Runs a case that is known to fail for a reason. Resolves to whether it passed. */
export type RunTodo = (t: Check, reason: string, run: (t: Check) => Promise<void>) => Promise<boolean>

/**
 * The one suite that every driver passes. Each capability of the cloud is tried by its case; each that it has not is
 * asserted as 501 with its name. A case that needs another capability which the cloud lacks is skipped. Prints
 * capability × cloud.
 */
export async function runSuite (test: Check | NodeTestContext, target: Target, runTodo?: RunTodo) {
  const t = checkOf(test)
  const { api, cloud, expected, todo = {} } = target
  const { body } = await api.get(`/api/v2/clouds/${cloud}`)
  const driver: string = body.driver
  const capabilities: Context['capabilities'] = body.capabilities
  const results: string[] = []

  /** Runs a case, as a todo if it is listed as one; resolves to a line for the table of results. */
  const runCase = async (t: Check, name: string, run: Case['run']) => {
    const reason = todo[name]
    const start = (t: Check) => run(createContext(t, target, capabilities))
    if (reason !== undefined && runTodo !== undefined) {
      return await runTodo(t, reason, start) ? 'PASSED, and is a todo' : `todo: ${reason}`
    }
    try {
      await start(t)
    } catch (error) {
      if (!(error instanceof Unmet)) throw error
      t.comment(`The rest is skipped: ${error.message}`)
      return t.passing() ? `skipped, ${error.message}` : 'FAILED'
    }
    return t.passing() ? 'passed' : 'FAILED'
  }

  await t.test('the cloud is up', async (t) => {
    t.equal(body.health.status, 'up', 'healthy', { health: body.health })
  })
  await t.test('each capability has a case, and is expected', async (t) => {
    t.same(Object.keys(capabilities).filter((name) => !(name in cases)), [], 'none without a case')
    t.same(nodeVerbs.filter((verb) => !(`nodes.${verb}` in cases)), [], 'every verb has a case')
    const tried = new Set([
      ...Object.keys(cases).filter((name) => name in capabilities),
      ...general.map(({ title }) => title)
    ])
    t.same(Object.keys(todo).filter((name) => !tried.has(name)), [], 'every todo is a case that runs')
    if (expected === undefined) return
    t.same(Object.keys(capabilities).filter((name) => !expected.includes(name)), [], 'none that is not expected')
    t.same(expected.filter((name) => !(name in capabilities)), [], 'none that is expected is lost')
  })

  for (const [name, { title, run }] of Object.entries(cases)) {
    const there = name in capabilities
    await t.test(`${name}: ${there ? title : 'is refused as not_supported'}`, async (t) => {
      if (there) {
        results.push(`${name.padEnd(30)} ${await runCase(t, name, run)}`)
        return
      }
      const context = createContext(t, target, capabilities)
      const { method, path, ...options } = requestFor(name, context.absent)
      const answer = await api.request(method, `${context.base}${path}`, options)
      context.problem(answer, 501, 'not_supported')
      t.equal(answer.body.capability, name)
      results.push(`${name.padEnd(30)} ${t.passing() ? '501 asserted' : 'FAILED'}`)
    })
  }
  for (const { title, run } of general) {
    await t.test(title, async (t) => {
      const result = await runCase(t, title, run)
      if (result !== 'passed') results.push(`${title}: ${result}`)
    })
  }
  t.comment(`capability × ${driver}\n${results.join('\n')}`)
}
