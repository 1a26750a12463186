import { cp, readFile, symlink } from 'node:fs/promises'
import path from 'node:path'
import t, { type Test } from 'tap'
import { makeDirectory, root } from '../../helper/app.ts'
import { serve } from '../../fixtures/process.ts'
import { commandFor, commands, generatorVersion, type Language } from './generators.ts'
import { startTomorrow, unknownValue } from './tomorrow.ts'
import { runOrThrow, tools } from './tools.ts'

const here = path.join(root, 'test/labs/sdk')
const bin = (name: string) => path.join(root, 'node_modules/.bin', name)

type Run = (program: string, ...args: string[]) => Promise<string>

/** Compiles the scenario with the generated client; the result runs it with the given arguments. */
const compile: { [L in Language]: (run: Run, folder: string) => Promise<(...args: string[]) => Promise<string>> } = {
  async Python (run) {
    const python = path.join(tools, 'python/bin/python')
    await run(python, '-m', 'compileall', '-q', 'orchestrator/cloud_orchestrator')
    return (...args) => run(python, 'scenario.py', ...args)
  },

  async Go (run) {
    await run('go', 'vet', './...')
    await run('go', 'build', '-o', 'scenario', '.')
    return (...args) => run('./scenario', ...args)
  },

  async Java (run, folder) {
    await cp(path.join(folder, 'orchestrator/src/main/java'), path.join(folder, 'src/main/java'), { recursive: true })
    const maven = ['-o', '-q', '-B', '-Dstyle.color=never']
    await run('mvn', ...maven, 'compile')
    return async (...args) => {
      const output = await run('mvn', ...maven, 'exec:java', `-Dexec.args=${args.join(' ')}`)
      // Maven writes control sequences for colors around it.
      return output.slice(output.indexOf('{'), output.lastIndexOf('}') + 1)
    }
  },

  async TypeScript (run, folder) {
    await symlink(path.join(root, 'node_modules'), path.join(folder, 'node_modules'))
    await run(bin('tsc'), '-p', '.')
    return (...args) => run(process.execPath, 'scenario.js', ...args)
  }
}

/** The results of the scenario with each client. */
const expected = (name: string) => ({
  sizes: 5,
  created: 'succeeded',
  polled: 'succeeded',
  stopped: 'stopped',
  started: 'running',
  resized: 'dummy.medium',
  attached: true,
  fields: [{ name, state: 'running' }],
  refused: 'invalid_state',
  tomorrow: [unknownValue, unknownValue, unknownValue],
  destroyed: 'succeeded',
  left: 0
})

async function runScenario (t: Test, language: Language) {
  const directory = makeDirectory(t)
  const { url } = await serve(t, ['serve'], { cwd: directory, env: { PORT: '0' } })
  const tomorrow = await startTomorrow(t, url)

  const folder = path.join(directory, 'scenario')
  await cp(path.join(here, language.toLowerCase()), folder, { recursive: true })
  const run: Run = (name, ...words) => runOrThrow(folder, name, words)
  const programs = { jar: path.join(tools, 'openapi-generator-cli.jar'), openapiTs: bin('openapi-ts') }
  const [program, ...args] = commandFor(language, url, programs)
  await run(program!, ...args)
  const scenario = await (await compile[language](run, folder))(url, tomorrow)
  t.same(JSON.parse(scenario), expected(`sdk-${language.toLowerCase()}`))
}

for (const language of Object.keys(commands) as Language[]) {
  t.test(`a client in ${language} is generated, compiles, and runs the scenario`, (t) => runScenario(t, language))
}

t.test('the README has the command for each language', async (t) => {
  const readme = await readFile(path.join(root, 'README.md'), 'utf8')
  for (const [language, command] of Object.entries(commands)) t.ok(readme.includes(command), language)
})

t.test('the commands name the versions that this lab runs', async (t) => {
  t.match(await readFile(path.join(here, 'install'), 'utf8'), `\ngenerator=${generatorVersion}\n`)
  const openapiTs = path.join(root, 'node_modules/@hey-api/openapi-ts/package.json')
  const { version } = JSON.parse(await readFile(openapiTs, 'utf8'))
  t.match(commands.TypeScript, `@hey-api/openapi-ts@${version} `)
})
