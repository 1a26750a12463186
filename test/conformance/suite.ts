import { readFileSync } from 'node:fs'
import path from 'node:path'
import type { Test } from 'tap'
import { nodeVerbs } from '../../openapi/model/index.ts'
import { root } from '../helper/app.ts'
import { allowing } from './allowed.ts'
import { cases, general } from './cases/index.ts'
import { createContext, type Target } from './context.ts'
import { refusalOf } from './refusal.ts'

/** Driver → the capabilities it has: a driver must neither lose one nor gain one unseen. */
const matrix = JSON.parse(readFileSync(path.join(root, 'test/conformance/matrix.json'), 'utf8')) as Record<string, string[]>

/**
 * The one suite that every driver passes. Each capability of the cloud is tried by its case; each that it has not is
 * asserted as 501 with its name. Prints capability × cloud.
 */
export async function conformance (t: Test, target: Target) {
  const { api, cloud, driver, allowed = {} } = target
  const { body } = await api.get(`/api/v2/clouds/${cloud}`)
  const capabilities = body.capabilities as Record<string, { parameters: string[], filters: string[], limits: Record<string, number> }>
  const listed = new Set(matrix[driver] ?? [])
  const results: string[] = []

  /** Runs what may fail where it is allowed to; resolves to what came of it. */
  const run = async (t: Test, name: string, body: (t: Test) => Promise<void>) => {
    const reason = allowed[name]
    if (reason !== undefined) {
      await allowing(t, reason, body)
      return t.passing() ? `failed, as allowed: ${reason}` : 'PASSED, and is allowed to fail'
    }
    await body(t)
    return t.passing() ? 'passed' : 'FAILED'
  }

  await t.test('the cloud is up', async (t) => {
    t.equal(body.health.status, 'up', 'healthy', { health: body.health })
  })
  await t.test('the capabilities are those of the committed matrix, and each has a case', async (t) => {
    t.same(Object.keys(capabilities).filter((name) => !listed.has(name)), [], 'none that the matrix does not list')
    t.same([...listed].filter((name) => !(name in capabilities)), [], 'none that the matrix lists is lost')
    t.same(Object.keys(capabilities).filter((name) => !(name in cases)), [], 'none without a case')
    const tried = new Set([...Object.keys(cases).filter((name) => name in capabilities), ...general.map(({ title }) => title)])
    t.same(Object.keys(allowed).filter((name) => !tried.has(name)), [], 'nothing is allowed to fail that is not tried')
    t.same(nodeVerbs.filter((verb) => !(`nodes.${verb}` in cases)), [], 'every verb has a case')
  })

  for (const [name, { title, run: runCase }] of Object.entries(cases)) {
    const there = name in capabilities
    await t.test(`${name}: ${there ? title : 'is refused as not_supported'}`, async (t) => {
      if (there) {
        results.push(`${name.padEnd(30)} ${await run(t, name, (t) => runCase(createContext(t, target, capabilities)))}`)
        return
      }
      const context = createContext(t, target, capabilities)
      const { method, path, ...options } = refusalOf(name, target.absent)
      const answer = await api.request(method, `${context.base}${path}`, options)
      context.problem(answer, 501, 'not_supported')
      t.equal(answer.body.capability, name)
      results.push(`${name.padEnd(30)} ${t.passing() ? '501 asserted' : 'FAILED'}`)
    })
  }
  for (const { title, run: runCase } of general) {
    await t.test(title, async (t) => {
      const result = await run(t, title, (t) => runCase(createContext(t, target, capabilities)))
      if (title in allowed) results.push(`${title}: ${result}`)
    })
  }
  t.comment(`capability × ${driver}\n${results.join('\n')}`)
}
