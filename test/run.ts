import { spawn } from 'node:child_process'
import { existsSync, readdirSync, statSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { foldersNotOnPostgres, notOnPostgres } from './not-on-postgres.ts'

/**
 * Runs compiled test files and prints what fails:
 *
 *     node dist/test/run.js [--jobs N] [--timeout SECONDS] [--lint] [--postgres] [FILE or FOLDER ...]
 *
 * Without a file it runs all of test/ except test/labs. With --postgres it starts a cluster of PostgreSQL, on which the
 * tests have their stores; without a file it then runs all that depends on the store, and test/labs/postgres, whose
 * files start clusters of their own.
 *
 * It does what tap's own command does, without the loader for coverage that costs a second of CPU for each file. A
 * named file has a process of its own. A run of all files shares processes among the short ones, since the start of a
 * process costs about a second of CPU.
 */
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    jobs: { type: 'string', default: String(availableParallelism() * 2) },
    timeout: { type: 'string', default: '300' },
    lint: { type: 'boolean', default: false },
    postgres: { type: 'boolean', default: false }
  }
})
const jobs = Number(values.jobs)
const timeoutSeconds = Number(values.timeout)

const root = path.resolve(import.meta.dirname, '../..')

/** The slowest files, which start first and alone, so that none of them runs alone at the end. */
const slowest = [
  'package', 'auth/routes', 'auth/routes-oidc', 'eucalyptus', 'operations', 'rackspace', 'crash', 'settings', 'lists',
  'conformance', 'bad-input', 'assignments/expiry', 'access-log', 'backup', 'process', 'fuzz', 'v1'
]
  .map((name) => `test/${name}.test.ts`)

/** The number of processes that the other files share. */
const sharedProcesses = 8

interface Job {
  name: string
  /** The number of test files. */
  files: number
  command: string
  args: readonly string[]
  env?: Record<string, string>
}

interface Result extends Job {
  passed: boolean
  output: string
  seconds: number
}

function findTests (at: string): string[] {
  const source = at.replace(/^(\.\/)?(dist\/)?/, '').replace(/\.js$/, '.ts')
  const absolute = path.resolve(root, source)
  if (!existsSync(absolute)) throw new Error(`There is no test file or folder ${source}`)
  if (statSync(absolute).isFile()) return [source]
  return readdirSync(absolute, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.test.ts'))
    .map((name) => path.posix.join(source, name))
    .sort()
}

const compiled = (source: string) => path.join(root, 'dist', source.replace(/\.ts$/, '.js'))

const testJob = (source: string): Job => ({
  name: source, files: 1, command: process.execPath, args: ['--enable-source-maps', compiled(source)]
})

/** Runs several files in one process. */
const sharedJob = (sources: readonly string[]): Job => ({
  name: sources.map((source) => source.replace(/^test\/|\.test\.ts$/g, '')).join(' '),
  files: sources.length,
  command: process.execPath,
  args: ['--enable-source-maps', path.join(import.meta.dirname, 'import-files.js')],
  env: { TEST_FILES: sources.map(compiled).join(path.delimiter) }
})

function selectTests (): Job[] {
  if (positionals.length > 0) return positionals.flatMap(findTests).map(testJob)
  const all = findTests('test').filter((file) => !file.startsWith('test/labs/'))
  const files = values.postgres ? all.filter(dependsOnStore) : all
  const short = files.filter((file) => !slowest.includes(file))
  const shares = Array.from({ length: sharedProcesses }, (_, share) =>
    short.filter((_file, index) => index % sharedProcesses === share))
  const labs = values.postgres ? findTests('test/labs/postgres') : []
  const alone = [...slowest.filter((file) => files.includes(file)), ...labs]
  return [...alone.map(testJob), ...shares.map(sharedJob)]
}

const dependsOnStore = (file: string) =>
  !(file in notOnPostgres) && !Object.keys(foldersNotOnPostgres).some((folder) => file.startsWith(folder))

/** Starts the cluster of the tests. Returns the environment of their processes, and a function that ends it. */
async function startCluster () {
  const { startTestCluster } = await import('./labs/postgres/test-cluster.ts')
  return startTestCluster()
}

const lintJob: Job = { name: 'npm run lint', files: 0, command: 'npm', args: ['run', '--silent', 'lint'] }

/** The process groups of the jobs that run. */
const groups = new Set<number>()

function endGroup (pid: number | undefined, signal: NodeJS.Signals) {
  try {
    if (pid !== undefined) process.kill(-pid, signal)
  } catch (error) {
    // The group has ended.
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}

const queue = [...values.lint ? [lintJob] : [], ...selectTests()]

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    for (const pid of groups) endGroup(pid, signal)
    process.exitCode = 1
    queue.length = 0
  })
}

/** Runs one job to its end, with all that it writes. */
async function run (job: Job): Promise<Result> {
  const started = performance.now()
  const limit = timeoutSeconds * (job.files > 1 ? 3 : 1)
  const onCluster = job.name.startsWith('test/labs/') ? {} : cluster?.env
  const env = { ...process.env, ...onCluster, ...job.env, TAP: '1', TAP_TIMEOUT: String(limit) }
  // Each job is a process group, so that the servers of a test that hangs end with it.
  const child = spawn(job.command, job.args, { cwd: root, env, stdio: ['ignore', 'pipe', 'pipe'], detached: true })
  const { pid } = child
  if (pid !== undefined) groups.add(pid)
  const chunks: string[] = []
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => chunks.push(text))
  }
  // tap ends a test file at its timeout; this is for a file that hangs outside of its tests.
  const timer = setTimeout(() => endGroup(pid, 'SIGKILL'), (limit + 10) * 1000)
  const code = await new Promise<number | string>((resolve) => {
    child.on('close', (exitCode, signal) => resolve(exitCode ?? signal ?? 'unknown'))
    child.on('error', (error) => resolve(error.message))
  })
  clearTimeout(timer)
  if (pid !== undefined) groups.delete(pid)
  if (code !== 0) chunks.push(`\n# ended with ${code}\n`)
  return { ...job, passed: code === 0, output: chunks.join(''), seconds: (performance.now() - started) / 1000 }
}

/** The failed assertions of TAP output with their diagnostics, and all that is not TAP, such as stderr. */
function readFailures (output: string) {
  const shown: string[] = []
  let inDiagnostics = false
  let hasFailed = false
  for (const line of output.split('\n')) {
    if (/^\s*(not )?ok \d+/.test(line)) {
      hasFailed = /^\s*not ok/.test(line) && !/# (TODO|SKIP)/.test(line)
      if (hasFailed) shown.push(line)
    } else if (/^\s*---$/.test(line) || inDiagnostics) {
      inDiagnostics = !/^\s*\.\.\.$/.test(line)
      if (hasFailed) shown.push(line)
    } else if (!/^\s*(TAP version|\d+\.\.\d+|\}|# (Subtest|time=|\{)|$)/.test(line)) {
      shown.push(line)
    }
  }
  return shown.join('\n')
}

/** Passed assertions, without the lines that sum up a subtest. */
const countPassed = (output: string) =>
  output.split('\n').filter((line) => /^\s*ok \d+/.test(line) && !/# time=/.test(line)).length

const started = performance.now()
const cluster = values.postgres ? await startCluster() : undefined
const results: Result[] = []

async function work () {
  for (let job = queue.shift(); job !== undefined; job = queue.shift()) {
    const result = await run(job)
    results.push(result)
    console.log(`${result.passed ? 'ok    ' : 'FAILED'} ${result.seconds.toFixed(1).padStart(6)} s  ${result.name}`)
  }
}

try {
  await Promise.all(Array.from({ length: jobs }, work))
} finally {
  await cluster?.end()
}

const failed = results.filter(({ passed }) => !passed)
for (const { name, command, output } of failed) {
  console.log(`\n=== ${name} failed\n${command === process.execPath ? readFailures(output) : output}`)
}
const total = (count: (result: Result) => number) => results.reduce((sum, result) => sum + count(result), 0)
const seconds = (performance.now() - started) / 1000
const passed = results.length - failed.length
const counts = `${total(({ files }) => files)} files, ${total(({ output }) => countPassed(output))} assertions`
console.log(`\n${passed} of ${results.length} processes passed, ${counts}, ${seconds.toFixed(0)} s`)
process.exitCode = failed.length === 0 ? 0 : 1
