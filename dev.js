import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { watch } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'

// `npm run dev` compiles and restarts the server after each change. If the code does not compile, the last server keeps
// running. The server gets the arguments: `npm run dev -- --config FILE`.

const folders = ['config', 'drivers', 'openapi', 'plugins', 'routes']

/** Editors write a file in several steps; one compilation follows them all. */
const settleMs = 100

const say = (text) => console.log(`[dev] ${text}`)
const run = (command, args) => spawn(command, args, { stdio: 'inherit' })

async function compile () {
  const started = performance.now()
  await once(run(process.execPath, ['remove-stale.js']), 'close')
  const [code] = await once(run('npx', ['tsc', '--pretty']), 'close')
  const seconds = ((performance.now() - started) / 1000).toFixed(1)
  say(code === 0
    ? `compiled in ${seconds} s`
    : 'the code does not compile; waiting for the next change')
  return code === 0
}

const isRunning = (child) =>
  child !== undefined && child.exitCode === null && child.signalCode === null

let server
async function restart () {
  if (isRunning(server)) {
    const closed = once(server, 'close')
    server.kill('SIGTERM')
    await closed
  }
  server = run(process.execPath, ['--enable-source-maps', 'dist/cli.js', 'serve', ...process.argv.slice(2)])
}

let changed = 'the start'
let wake = () => {}
const note = (name) => {
  if (!/\.(ts|json)$/.test(name)) return
  changed = name
  wake()
}
for (const folder of folders) watch(folder, { recursive: true }, (_, name) => note(`${folder}/${name}`))
watch('.', (_, name) => note(name))

for (;;) {
  if (changed === undefined) await new Promise((resolve) => { wake = resolve })
  await sleep(settleMs)
  say(`change: ${changed}`)
  changed = undefined
  if (await compile()) await restart()
}
