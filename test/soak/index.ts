import { readdirSync, readFileSync, rmSync, mkdtempSync, writeFileSync } from 'node:fs'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { ask, createClient, newTally } from '../store-faults/load.ts'

/**
 * A mixed load with faults for 15 minutes. Prints memory and handles of the server, and fails if the last third needs
 * more than the second: the first third fills caches.
 *
 *     node dist/test/soak/index.js [--minutes 15] [--clients 8]
 */
const { values } = parseArgs({
  options: { minutes: { type: 'string', default: '15' }, clients: { type: 'string', default: '8' } }
})
const ms = Number(values.minutes) * 60_000
/** The growth from the second third to the last that counts as level. */
const allowed = { memory: 1.1, handles: 1.2 }

const directory = mkdtempSync(path.join(tmpdir(), 'orchestrator-soak-'))
const file = path.join(directory, 'orchestrator.json')
const own = { driver: 'dummy', delay: 0.05, state_file: null, timeout: 2 }
writeFileSync(file, JSON.stringify({
  log_level: 'silent',
  port: 0,
  operations: { reconcile_seconds: 1, poll_ms: 50 },
  clouds: {
    default: {
      ...own,
      latency: 0.005,
      nodes: 200,
      faults: [
        { on: 'nodes.create', kind: 'reset', when: 'after', probability: 0.05 },
        { on: 'nodes.list', kind: 'unavailable', probability: 0.02 },
        { on: 'nodes.get', kind: 'rate_limited', probability: 0.02 },
        { on: 'nodes.stop', kind: 'hang', probability: 0.01 }
      ]
    },
    steady: { ...own, nodes: 200 }
  }
}))

const cli = path.resolve(import.meta.dirname, '../../../bundle/cli.js')
const child = spawn(process.execPath, [cli, 'serve', '--config', file], {
  cwd: directory, stdio: ['ignore', 'pipe', 'inherit']
})
const ended = once(child, 'close')
process.once('exit', () => child.kill('SIGKILL'))
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130))
let text = ''
child.stdout.setEncoding('utf8').on('data', (chunk: string) => { text += chunk })
while (!/API +http/.test(text)) await Promise.race([once(child.stdout, 'data'), ended])
const [, origin = ''] = /API +(http:\S+)\/api\/v2/.exec(text)!

/** Megabytes of the process in memory, and its open files and sockets, as Linux sees them. */
function look () {
  const status = readFileSync(`/proc/${child.pid}/status`, 'utf8')
  const kilobytes = Number(/VmRSS:\s+(\d+)/.exec(status)?.[1])
  return { memory: kilobytes / 1024, handles: readdirSync(`/proc/${child.pid}/fd`).length }
}

const tally = newTally()
const until = performance.now() + ms
const input = { image_id: 'img-debian-12', size_id: 'dummy.small' }
let turn = 0
let reads = 0

async function change () {
  while (performance.now() < until) {
    const name = `soak-${++turn}`
    const client = createClient(origin, turn % 2 === 0 ? 'default' : 'steady', tally)
    const self = await client.create(name, input)
    if (self === undefined) continue
    if (turn % 3 === 0) await client.stop(name, self)
    await client.destroy(name, self)
  }
}

const lists = [
  '/api/v2/nodes?limit=1000', '/api/v2/nodes?sort=name&limit=50', '/api/v2/operations', '/api/v2/images',
  '/health/ready'
]
async function read () {
  while (performance.now() < until) {
    const answer = await ask(`${origin}${lists[++reads % lists.length]}`)
    if (answer?.body?.code === 'internal_error') tally.wrong.push(JSON.stringify(answer.body))
    await sleep(20)
  }
}

interface Sample {
  memory: number
  handles: number
}
const samples: Sample[] = []
async function sample () {
  while (performance.now() < until) {
    samples.push(look())
    await sleep(Math.min(1000, ms / 100))
  }
}

const clients = Number(values.clients)
await Promise.all([...Array.from({ length: clients }, change), ...Array.from({ length: clients }, read), sample()])
child.kill('SIGTERM')
await ended
rmSync(directory, { recursive: true, force: true })

const third = Math.floor(samples.length / 3)
const median = (part: Sample[], of: keyof Sample) =>
  part.map((one) => one[of]).sort((a, b) => a - b)[Math.floor(part.length / 2)]!
const thirds = [samples.slice(0, third), samples.slice(third, 2 * third), samples.slice(2 * third)]
const rows = (['memory', 'handles'] as const).map((of) => {
  const [first, second, last] = thirds.map((part) => median(part, of)) as [number, number, number]
  return { of, first, second, last, growth: last / second, isLevel: last / second <= allowed[of] }
})
const counts = `${tally.creates} creates, ${tally.stops} stops, ${tally.deletes} deletes, ${reads} lists`
console.log(`${values.minutes} minutes: ${counts}`)
console.log('median           first    second      last    growth')
for (const { of, first, second, last, growth, isLevel } of rows) {
  const cells = [first, second, last].map((value) => value.toFixed(1).padStart(9)).join(' ')
  const label = `${of}${of === 'memory' ? ' (MB)' : ''}`.padEnd(12)
  const change = `${((growth - 1) * 100).toFixed(1)}%`.padStart(9)
  console.log(`${label} ${cells} ${change} ${isLevel ? '' : 'not level'}`)
}
const problems = [...tally.wrong, ...tally.failed.map((one) => `failed: ${one}`)]
for (const problem of problems.slice(0, 30)) console.log(`  ${problem.slice(0, 300)}`)
process.exitCode = rows.every(({ isLevel }) => isLevel) && tally.wrong.length === 0 ? 0 : 1
