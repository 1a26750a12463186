import { readFile } from 'node:fs/promises'
import path from 'node:path'
import t from 'tap'
import { root } from './helper/app.ts'

type Tree = Record<string, unknown>
interface Operation {
  operationId: string
  parameters?: Tree[]
  requestBody?: unknown
  responses: Record<string, { content?: unknown }>
}
interface Document {
  paths: Record<string, Record<string, Operation>>
  components: { schemas: Record<string, unknown> }
}

const texts = new Set(['description', 'summary', 'example', 'examples'])

/** Leaves out the texts for people, and sorts the keys. A field may have the name of a text. */
function withoutTexts (node: unknown, isProperties = false): unknown {
  if (Array.isArray(node)) return node.map((item) => withoutTexts(item))
  if (typeof node !== 'object' || node === null) return node
  const kept = Object.entries(node).filter(([key]) => isProperties || !texts.has(key))
  const sorted = kept.sort(([a], [b]) => a < b ? -1 : 1)
  return Object.fromEntries(sorted.map(([key, value]) => [key, withoutTexts(value, key === 'properties')]))
}

/** The parts of an operation that a generated client depends on: place, parameters, body, successful answers. */
function contractOf (path: string, method: string, { parameters = [], requestBody, responses }: Operation) {
  const sorted = [...parameters].sort((a, b) => `${a['in']} ${a['name']}` < `${b['in']} ${b['name']}` ? -1 : 1)
  const answers = Object.entries(responses).filter(([status]) => status.startsWith('2'))
    .map(([status, { content }]) => [status, content])
  return JSON.stringify(withoutTexts({ path, method, parameters: sorted, requestBody, answers }))
}

/** Returns the contracts of a document by their names: operationIds and schemas. */
function contractsOf ({ paths, components: { schemas } }: Document) {
  const operations = Object.entries(paths).flatMap(([path, methods]) => Object.entries(methods)
    .map(([method, operation]) => [operation.operationId, contractOf(path, method, operation)] as const))
  const models = Object.entries(schemas).map(([name, schema]) => [name, JSON.stringify(withoutTexts(schema))] as const)
  return new Map([...operations, ...models])
}

const readDocument = async (name: string) =>
  contractsOf(JSON.parse(await readFile(path.join(root, 'openapi', name), 'utf8')) as Document)

t.test('CHANGELOG names every operation and schema that has changed since the last release', async (t) => {
  const [released, present] = await Promise.all([readDocument('released.json'), readDocument('openapi.json')])
  const changelog = await readFile(path.join(root, 'CHANGELOG.md'), 'utf8')
  const [, unreleased = ''] = changelog.split(/^## /m)
  const named = new Set([...unreleased.matchAll(/`([A-Za-z0-9]+)`/g)].map(([, name]) => name))
  const names = [...new Set([...released.keys(), ...present.keys()])]
  const changed = names.filter((name) => released.get(name) !== present.get(name))
  t.same(changed.filter((name) => !named.has(name)), [], 'stand under Unreleased')
})
