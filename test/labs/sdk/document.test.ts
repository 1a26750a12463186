import { readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import t, { type Test } from 'tap'
import { makeDirectory, root } from '../../helper/app.ts'
import { runProgram, tools } from './tools.ts'

const documents = ['openapi/openapi.json', 'openapi/openapi-3.0.json']

/** Lints a copy of a document in a folder of its own, so that no settings from outside count. */
async function lint (t: Test, document: string, program: string, args: readonly string[]) {
  const directory = makeDirectory(t)
  const content = JSON.parse(await readFile(path.join(root, document), 'utf8'))
  // With line breaks, because the linters name lines.
  await writeFile(path.join(directory, 'openapi.json'), JSON.stringify(content, null, 2))
  await writeFile(path.join(directory, 'ruleset.json'), '{ "extends": ["spectral:oas"] }')
  return runProgram(directory, path.join(tools, 'npm/node_modules/.bin', program), args)
}

for (const document of documents) {
  t.test(`${document} passes redocly's recommended-strict`, async (t) => {
    const { stdout, output } = await lint(t, document, 'redocly', [
      'lint', '--extends=recommended-strict', '--format=json', '--max-problems=1000', 'openapi.json'
    ])
    if (!stdout.startsWith('{')) throw new Error(output)
    const { problems } = JSON.parse(stdout) as { problems: object[] }
    t.same(problems.slice(0, 20), [])
  })

  t.test(`${document} passes spectral's oas, warnings included`, async (t) => {
    const args = ['lint', '--ruleset=ruleset.json', '--fail-severity=hint', 'openapi.json']
    const { code, output } = await lint(t, document, 'spectral', args)
    t.equal(code, 0, 'without a finding', { output: output.slice(0, 6000) })
  })
}
