import { readFileSync } from 'node:fs'
import path from 'node:path'
import type { Test } from 'tap'
import { nodeVerbs } from '../../openapi/model/index.ts'
import { root } from '../helper/app.ts'
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
  const { api, cloud, driver } = target
  const { body } = await api.get(`/api/v2/clouds/${cloud}`)
  const capabilities = body.capabilities as Record<string, { parameters: string[], filters: string[], limits: Record<string, number> }>
  const listed = new Set(matrix[driver] ?? [])
  const results: string[] = []

  await t.test('the cloud is up', async (t) => {
    t.equal(body.health.status, 'up', 'healthy', { health: body.health })
  })
  await t.test('the capabilities are those of the committed matrix, and each has a case', async (t) => {
    t.same(Object.keys(capabilities).filter((name) => !listed.has(name)), [], 'none that the matrix does not list')
    t.same([...listed].filter((name) => !(name in capabilities)), [], 'none that the matrix lists is lost')
    t.same(Object.keys(capabilities).filter((name) => !(name in cases)), [], 'none without a case')
    t.same(nodeVerbs.filter((verb) => !(`nodes.${verb}` in cases)), [], 'every verb has a case')
  })

  for (const [name, { title, run }] of Object.entries(cases)) {
    const there = name in capabilities
    await t.test(`${name}: ${there ? title : 'is refused as not_supported'}`, async (t) => {
      const context = createContext(t, target, capabilities)
      if (there) {
        await run(context)
      } else {
        const { method, path, ...options } = refusalOf(name, target.absent)
        const answer = await api.request(method, `${context.base}${path}`, options)
        context.problem(answer, 501, 'not_supported')
        t.equal(answer.body.capability, name)
      }
      results.push(`${name.padEnd(30)} ${t.passing() ? there ? 'passed' : '501 asserted' : 'FAILED'}`)
    })
  }
  for (const { title, run } of general) {
    await t.test(title, async (t) => run(createContext(t, target, capabilities)))
  }
  t.comment(`capability × ${driver}\n${results.join('\n')}`)
}
