import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { createRandom } from '../../drivers/dummy/engine/random.ts'
import { startFaultProxy } from '../labs/fault-proxy.ts'
import { startRackspace } from '../labs/rackspace/index.ts'
import { createDisk, faultKinds, type FaultKind } from './disk.ts'
import { ask, createClient, newTally, walk, type Tally } from './load.ts'

/**
 * Breaks the disk of the store while nodes are created, stopped and deleted, on the dummy cloud and on a Rackspace
 * behind the fault proxy, and counts afterwards. Needs root and Linux.
 *
 *     node dist/test/store-faults/index.js [--faults 20] [--seconds 10] [--creates 600] [--seed N] [--cloud dummy]
 */
const { values } = parseArgs({
  options: {
    faults: { type: 'string', default: '20' },
    seconds: { type: 'string', default: '10' },
    creates: { type: 'string', default: '600' },
    clients: { type: 'string', default: '8' },
    seed: { type: 'string', default: String(Date.now() % 1e9) },
    cloud: { type: 'string', multiple: true, default: ['dummy', 'rackspace'] }
  }
})
const faults = Number(values.faults)
const seconds = Number(values.seconds)
const creates = Number(values.creates)
const clients = Number(values.clients)
/** Milliseconds until the server must be ready again after a fault. */
const maxRecoveryMs = 10_000

interface Cloud {
  settings: object
  input: object
  close (): Promise<void>
}

async function startCloud (name: string, directory: string): Promise<Cloud> {
  if (name === 'dummy') {
    const settings = { driver: 'dummy', delay: 0.05, latency: 0.01, state_file: path.join(directory, 'cloud.json') }
    return { settings, input: { image_id: 'img-debian-12', size_id: 'dummy.small' }, close: async () => {} }
  }
  const fake = await startRackspace({ behaviour: { delay: 20, pageSize: 1000 } })
  const { origin } = new URL(fake.url)
  const proxy = await startFaultProxy({ targets: { rackspace: origin }, keepHost: true })
  // Lost and late answers are the rest of the weather.
  proxy.addRule({ method: 'POST', path: /\/servers$/, skip: 20, times: 10, swallow: true })
  proxy.addRule({ method: 'POST', path: /\/action$/, skip: 10, times: 10, swallow: true })
  proxy.addRule({ method: 'DELETE', skip: 10, times: 10, swallow: true })
  fake.behaviour.delay = 20
  const settings = {
    driver: 'rackspace',
    auth_url: `${proxy.urls['rackspace']}/v2.0`,
    username: fake.username,
    api_key: fake.apiKey,
    region: 'DFW'
  }
  return {
    settings,
    input: { image_id: fake.state().images[0]!.id, size_id: 'performance1-1' },
    async close () {
      await proxy.close()
      await fake.close()
    }
  }
}

/** Starts the server and resolves to where it listens. */
async function startServer (directory: string, settings: object) {
  const file = path.join(directory, 'orchestrator.json')
  writeFileSync(file, JSON.stringify(settings))
  const cli = path.resolve(import.meta.dirname, '../../../bundle/cli.js')
  const child = spawn(process.execPath, [cli, 'serve', '--config', file], {
    cwd: directory, stdio: ['ignore', 'pipe', 'inherit']
  })
  const ended = once(child, 'close')
  let text = ''
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => { text += chunk })
  for (;;) {
    const [, origin] = /API +(http:\S+)\/api\/v2/.exec(text) ?? []
    // The server must not outlive an aborted run.
    process.once('exit', () => child.kill('SIGKILL'))
    if (origin !== undefined) return { origin, stop: () => { child.kill('SIGTERM'); return ended }, log: () => text }
    if (child.exitCode !== null) throw new Error(`the server ended: ${text}`)
    await Promise.race([once(child.stdout, 'data'), ended])
  }
}

interface FaultReport {
  kind: FaultKind
  refusedReady: number
  refused: number
  recoveryMs: number
}

async function runCloud (name: string, seed: number) {
  const random = createRandom(seed)
  const disk = createDisk()
  process.once('exit', disk.remove)
  const directory = mkdtempSync('/dev/shm/orchestrator-faults-')
  const cloud = await startCloud(name, directory)
  const server = await startServer(directory, {
    log_level: 'silent',
    port: 0,
    store: { file: path.join(disk.data, 'store.db') },
    operations: { reconcile_seconds: 5, poll_ms: 50 },
    clouds: { default: { timeout: 5, ...cloud.settings } }
  })
  const { origin } = server
  const tally = newTally()
  try {
    return await measure()
  } finally {
    await server.stop()
    await cloud.close()
    disk.remove()
    rmSync(directory, { recursive: true, force: true })
  }

  async function measure () {
    const client = createClient(origin, 'default', tally)
    const reports: FaultReport[] = []
    let started = 0
    const disks = { areBroken: true }

    const work = async () => {
      // The load lasts as long as the faults; then the rest of the creates follows at once.
      for (let mine = started++; mine < creates || disks.areBroken; mine = started++) {
        const node = `n${mine}`
        const self = await client.create(node, cloud.input)
        if (self === undefined) continue
        if (random() < 0.4) await client.stop(node, self)
        if (random() < 0.4) await client.destroy(node, self)
      }
    }
    const loads = Array.from({ length: clients }, work)

    for (let i = 0; i < faults; i++) {
      await sleep(random() * seconds * 500)
      reports.push(await breakDisk(faultKinds[i % faultKinds.length]!))
    }
    disks.areBroken = false
    await Promise.all(loads)
    return judge(reports)
  }

  /** Breaks the disk once, and measures how the health check sees it. */
  async function breakDisk (kind: FaultKind): Promise<FaultReport> {
    const unavailable = () => tally.refusals['store_unavailable'] ?? 0
    const before = unavailable()
    let refusedReady = 0
    const state = { isOver: false }
    const fault = disk.fault(kind, seconds * 1000).finally(() => { state.isOver = true })
    while (!state.isOver) {
      const ready = await ask(`${origin}/health/ready`)
      if (ready?.status !== 200) refusedReady++
      await sleep(50)
    }
    await fault
    const refused = unavailable() - before
    const from = performance.now()
    while ((await ask(`${origin}/health/ready`))?.status !== 200) {
      if (performance.now() - from > maxRecoveryMs) break
      await sleep(20)
    }
    const report = { kind, refusedReady, refused, recoveryMs: Math.round(performance.now() - from) }
    console.log(`  ${name}: ${JSON.stringify(report)}`)
    return report
  }

  async function judge (reports: FaultReport[]) {
    const problems: string[] = []
    const open = await walk(`${origin}/api/v2/operations?status=pending,running`)
    for (const { id, kind, status, phase } of open) problems.push(`zombie: ${kind} ${id} is ${status}/${phase}`)
    const counts = new Map<string, number>()
    for (const node of await walk(`${origin}/api/v2/clouds/default/nodes`)) {
      counts.set(node.name, (counts.get(node.name) ?? 0) + 1)
    }
    for (const [node, count] of counts) if (count > 1) problems.push(`double: ${node} exists ${count} times`)
    for (const node of tally.expected) if (!counts.has(node)) problems.push(`lost: ${node}`)
    for (const node of counts.keys()) {
      if (!tally.expected.has(node)) problems.push(`lost: ${node} exists, and its create did not succeed`)
    }
    for (const report of reports) {
      if (report.recoveryMs >= maxRecoveryMs) problems.push(`not ready after a disk that was ${report.kind}`)
      if (report.refused > 0 && report.refusedReady === 0 && report.kind !== 'slow') {
        problems.push(`ready while the store refused writes: ${JSON.stringify(report)}`)
      }
    }
    const blind = reports.filter(({ kind, refusedReady }) => kind === 'read-only' && refusedReady === 0)
    if (blind.length > 0) problems.push('ready on a disk that is read-only')
    problems.push(...tally.wrong, ...tally.failed.map((text) => `failed: ${text}`))
    return { name, seed, tally: summary(tally), problems, reports }
  }
}

const summary = ({ creates, stops, deletes, refusals }: Tally) => ({ creates, stops, deletes, refusals })

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130))
const counts = `${faults} faults of ${seconds} s (${faultKinds.join(', ')}), ${creates} creates`
console.log(`store faults: seed ${values.seed}, ${counts}`)
let failed = false
for (const name of values.cloud) {
  const { tally, problems, reports } = await runCloud(name, Number(values.seed))
  const slowest = Math.max(...reports.map(({ recoveryMs }) => recoveryMs))
  console.log(`${name}: ${JSON.stringify(tally)}, ready again after at most ${slowest} ms, ${problems.length} problems`)
  for (const problem of problems.slice(0, 50)) console.log(`  ${problem}`)
  if (problems.length > 0) failed = true
}
process.exitCode = failed ? 1 : 0
