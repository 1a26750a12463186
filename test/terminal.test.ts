import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import path from 'node:path'
import { Writable } from 'node:stream'
import { stripVTControlCharacters } from 'node:util'
import t from 'tap'
import { loadSettings } from '../config/index.ts'
import { loadDrivers } from '../drivers/load.ts'
import { banner, logStream, type Output } from '../terminal.ts'
import { build, dummy, makeDirectory, root } from './helper/app.ts'

/** An output that keeps what is written to it. */
function createOutput (isTTY: boolean) {
  const chunks: string[] = []
  const output: Output = new Writable({
    write (chunk, _, done) {
      chunks.push(String(chunk))
      done()
    }
  })
  output.isTTY = isTTY
  return { output, text: () => stripVTControlCharacters(chunks.join('')) }
}

t.test('on a terminal the log is lines for people, with the request and its operation', async (t) => {
  const { output, text } = createOutput(true)
  const stream = await logStream(output)
  const logger = { level: 'info', stream: stream! }
  const { api } = await build(t, { clouds: { default: dummy({ nodes: 1 }) }, logger })
  const [{ self }] = (await api.get('/api/v2/nodes?name=node-0001')).body.items
  await api.post(`${self}/actions/stop`, {}, { prefer: 'wait=10' })
  t.match(text(), /^\[\d\d:\d\d:\d\d\] INFO: GET \/api\/v2\/nodes 200 in [\d.]+ ms$/m)
  t.match(text(), /^\[\d\d:\d\d:\d\d\] INFO: operation ended: nodes\.stop on default succeeded /m)
  t.notMatch(text(), /node-0001/, 'the query is not logged')
})

t.test('elsewhere the log is JSON: there is no readable stream', async (t) => {
  t.equal(await logStream(createOutput(false).output), undefined)
})

t.test('the banner of a terminal says what to open and what to try, any other three lines', async (t) => {
  const settings = loadSettings({ env: {}, cwd: makeDirectory(t), drivers: await loadDrivers() })
  const address = 'http://127.0.0.1:5070'
  const long = banner(settings, address, createOutput(true).output)
  t.match(long, /^Cloud Orchestrator \d\S* serves default \(dummy\)$/m)
  t.match(long, /^ {4}http:\/\/127\.0\.0\.1:5070\/docs$/m)
  t.match(long, /curl -s http:\/\/127\.0\.0\.1:5070\/api\/v2\/clouds\/default\/nodes -H/)
  t.ok(long.split('\n').every((line) => line.length <= 105), 'the lines fit a terminal')
  const real = { ...settings, clouds: settings.clouds.map((cloud) => ({ ...cloud, driver: 'openstack' })) }
  t.notMatch(banner(real, address, createOutput(true).output), /Create a node/, 'no create on a real cloud')
  t.equal(banner(settings, address, createOutput(false).output).trim().split('\n').length, 3)
})

/** util-linux: runs a command on a terminal of its own. */
const script = '/usr/bin/script'

t.test('the program on a terminal', { skip: !existsSync(script) && 'there is no /usr/bin/script' }, async (t) => {
  const command = `${process.execPath} ${path.join(root, 'bundle/cli.js')} serve`
  const child = spawn(script, ['-qec', command, '/dev/null'], {
    cwd: makeDirectory(t),
    env: { PATH: process.env['PATH'], PORT: '0', TERM: 'xterm' },
    stdio: ['pipe', 'pipe', 'inherit']
  })
  let seen = ''
  let isStopped = false
  for await (const chunk of child.stdout) {
    seen += stripVTControlCharacters(String(chunk))
    if (isStopped || !seen.includes('Ctrl+C stops the server')) continue
    isStopped = true
    // Ctrl+C, as a person types it.
    child.stdin.write('\u0003')
  }
  t.match(seen, /INFO: listening on http:\/\/127\.0\.0\.1:\d+/)
  t.match(seen, /Open in a browser/)
  t.notMatch(seen, /"level"/)
})
