import { readFile } from 'node:fs/promises'
import path from 'node:path'
import t from 'tap'
import { renderDocument } from '../openapi/export.ts'
import { build, root } from './helper/app.ts'

interface Operation {
  operationId?: string
  summary?: string
  tags?: string[]
  responses: Record<string, unknown>
}

t.test('the exported document is up to date; `npm run openapi` writes it', async (t) => {
  t.equal(await readFile(path.join(root, 'openapi/openapi.json'), 'utf8'), await renderDocument())
})

t.test('the document does not depend on the settings', async (t) => {
  const { app } = await build(t)
  t.same(app.swagger(), JSON.parse(await renderDocument()))
})

t.test('every operation has a unique operationId, a summary, a tag and the error responses', async (t) => {
  const { paths } = JSON.parse(await renderDocument()) as { paths: Record<string, Record<string, Operation>> }
  const operations = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ at: `${method} ${path}`, ...operation })))
  const names = operations.map(({ operationId }) => operationId)
  t.equal(new Set(names).size, operations.length, 'operationIds are unique')
  for (const { at, operationId, summary, tags, responses } of operations) {
    t.match(operationId, /^[a-z][A-Za-z]+$/, `${at} has an operationId`)
    t.ok(summary, `${at} has a summary`)
    t.equal(tags?.length, 1, `${at} has a tag`)
    t.ok('4XX' in responses && '5XX' in responses, `${at} has error responses`)
  }
})

t.test('every reference in the document resolves, and every model is used', async (t) => {
  const text = await renderDocument()
  const document = JSON.parse(text) as { components: { schemas: Record<string, object> } }
  const used = new Set([...text.matchAll(/"#\/components\/schemas\/([^"]+)"/g)].map(([, name]) => name!))
  t.same([...used].filter((name) => !(name in document.components.schemas)), [], 'no reference is dangling')
  t.same(Object.keys(document.components.schemas).filter((name) => !used.has(name)), [], 'no model is unused')
  t.notMatch(text, /def-\d/, 'every component has a name')
})
