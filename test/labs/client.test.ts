import { execFile } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'
import { build, dummy, root } from '../helper/app.ts'

const run = promisify(execFile)
const bin = (name: string) => path.join(root, 'node_modules/.bin', name)

/** The README's five steps, as a user of the generated client writes them: all types come from the document. */
const program = `
import { createNode, destroyNode, getOperation, listNodes, listSizes, stopNode, type Node, type Operation, type Problem } from './client/index.js'
import { client } from './client/client.gen.js'

client.setConfig({ baseUrl: process.argv[2]! })
const path = { cloud: 'default' }

async function ended (operation: Operation): Promise<Operation> {
  if (operation.finished_at !== null) return operation
  const { data } = await getOperation({ path: { id: operation.id }, query: { wait: 30 }, throwOnError: true })
  return ended(data)
}

const sizes = await listSizes({ path, query: { fields: ['id', 'vcpus', 'ram'], limit: 2 }, throwOnError: true })
const asked = { name: 'web-1', image_id: 'img-debian-12', size_id: sizes.data.items[1]!.id }
const created = await createNode({ path, body: asked, headers: { 'idempotency-key': 'readme' }, throwOnError: true })
const id: string = (await ended(created.data)).resource!.id
const nodes = await listNodes({ path, query: { name: 'web-1' }, throwOnError: true })
const node: Node = nodes.data.items[0]!
const stopped = await ended((await stopNode({ path: { ...path, id }, body: {}, throwOnError: true })).data)
const refused = await stopNode({ path: { ...path, id: 'node-00000000' }, body: {} })
const problem: Problem = refused.error!
const destroyed = await ended((await destroyNode({ path: { ...path, id }, query: { if_state: 'stopped' }, throwOnError: true })).data)
const left = await listNodes({ path, throwOnError: true })
console.log(JSON.stringify({
  state: node.state, name: node.name, stopped: stopped.status, refused: problem.code, destroyed: destroyed.status, left: left.data.items.length
}))
`

t.test('a generated TypeScript client type-checks and runs the five steps of the README', async (t) => {
  const { app, origin } = await build(t, { clouds: { default: dummy({ delay: 0.05 }) }, listen: true })
  const folder = t.testdir({ 'package.json': '{"type": "module"}', 'steps.ts': program })
  await writeFile(path.join(folder, 'openapi.json'), JSON.stringify(app.swagger()))
  await run(bin('openapi-ts'), ['-i', './openapi.json', '-o', './client', '--no-log-file'], { cwd: folder })
  await run(
    bin('tsc'),
    [
      '--ignoreConfig',
      '--strict',
      '--target',
      'es2022',
      '--module',
      'nodenext',
      '--skipLibCheck',
      '--lib',
      'es2022,dom,dom.iterable',
      '--types',
      'node',
      '--typeRoots',
      path.join(root, 'node_modules/@types'),
      'steps.ts'
    ],
    { cwd: folder }
  ).catch((error: { stdout: string }) => {
    throw new Error(`the client does not type-check:\n${error.stdout}`)
  })
  const { stdout } = await run(process.execPath, ['steps.js', origin], { cwd: folder })
  t.same(JSON.parse(stdout), {
    state: 'running',
    name: 'web-1',
    stopped: 'succeeded',
    refused: 'resource_not_found',
    destroyed: 'succeeded',
    left: 0
  })
})
