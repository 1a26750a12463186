import { readFileSync } from 'node:fs'
import path from 'node:path'
import type { Test } from 'tap'
import { nodeVerbs } from '../../openapi/model/index.ts'
import { root } from '../helper/app.ts'
import type { Case } from './cases/case.ts'
import { cases, general } from './cases/index.ts'
import { createContext, type Context, type Target } from './context.ts'
import { requestFor } from './refusal.ts'
import { runTodo } from './todo.ts'

/** Driver → the capabilities it has: a driver must neither lose one nor gain one unseen. */
const matrix = JSON.parse(readFileSync(path.join(root, 'test/conformance/matrix.json'), 'utf8')) as Record<
  string,
  string[]
>

/**
 * The one suite that every driver passes. Each capability of the cloud is tried by its case; each that it has not is
 * asserted as 501 with its name. Prints capability × cloud.
 */
export async function conformance (t: Test, target: Target) {
  const { api, cloud, todo = {} } = target
  const { body } = await api.get(`/api/v2/clouds/${cloud}`)
  const driver: string = body.driver
  const capabilities: Context['capabilities'] = body.capabilities
  const listed = new Set(matrix[driver] ?? [])
  const results: string[] = []

  /** Runs a case, as a todo if it is listed as one; resolves to a line for the table of results. */
  const runCase = async (t: Test, name: string, run: Case['run']) => {
    const reason = todo[name]
    const start = (t: Test) => run(createContext(t, target, capabilities))
    if (reason !== undefined) return await runTodo(t, reason, start) ? 'PASSED, and is a todo' : `todo: ${reason}`
    await start(t)
    return t.passing() ? 'passed' : 'FAILED'
  }

  await t.test('the cloud is up', async (t) => {
    t.equal(body.health.status, 'up', 'healthy', { health: body.health })
  })
  await t.test('the capabilities are those of the committed matrix, and each has a case', async (t) => {
    t.same(Object.keys(capabilities).filter((name) => !listed.has(name)), [], 'none that the matrix does not list')
    t.same([...listed].filter((name) => !(name in capabilities)), [], 'none that the matrix lists is lost')
    t.same(Object.keys(capabilities).filter((name) => !(name in cases)), [], 'none without a case')
    const tried = new Set([
      ...Object.keys(cases).filter((name) => name in capabilities),
      ...general.map(({ title }) => title)
    ])
    t.same(Object.keys(todo).filter((name) => !tried.has(name)), [], 'every todo is a case that runs')
    t.same(nodeVerbs.filter((verb) => !(`nodes.${verb}` in cases)), [], 'every verb has a case')
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
      if (title in todo) results.push(`${title}: ${result}`)
    })
  }
  t.comment(`capability × ${driver}\n${results.join('\n')}`)
}
