import { fork, type ChildProcess } from 'node:child_process'
import type { Profiler } from 'node:inspector'
import { once } from 'node:events'
import { existsSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { build, toKnownSettings } from './build.ts'
import type { Usage } from './probe.ts'

/** A process of its own that is measured. */
export interface Child {
  /** `http://127.0.0.1:PORT` */
  address: string
  usage (): Promise<Usage>
  /** Watches its event loop from now on. */
  watch (): Promise<void>
  /** Returns the profile of its main thread while `work` runs. */
  profile (work: () => Promise<unknown>): Promise<Profiler.Profile>
  /** Ends it, and resolves when it has ended. */
  stop (): Promise<void>
}

const here = import.meta.dirname

/** A folder for settings, stores and logs, which goes when this process ends. */
export const folder = mkdtempSync(path.join(tmpdir(), 'bench-'))
process.on('exit', () => rmSync(folder, { recursive: true, force: true }))

const running = new Set<ChildProcess>()
process.on('exit', () => { for (const child of running) child.kill('SIGKILL') })

/** The next message of a child; throws where it ends instead. */
async function answer<T> (child: ChildProcess): Promise<T> {
  const ended = new AbortController()
  const { signal } = ended
  try {
    return await Promise.race([
      once(child, 'message', { signal }).then(([message]) => message as T),
      once(child, 'exit', { signal }).then(([code]) => {
        throw new Error(`${child.spawnargs.join(' ')} ended with ${code}`)
      })
    ])
  } finally {
    ended.abort()
  }
}

function asChild (child: ChildProcess, address: string): Child {
  return {
    address,
    async usage () {
      child.send('usage')
      return answer<Usage>(child)
    },
    async watch () {
      child.send('watch')
      await answer<Usage>(child)
    },
    async profile (work) {
      child.send('startProfile')
      await answer(child)
      await work()
      child.send('endProfile')
      return answer<Profiler.Profile>(child)
    },
    async stop () {
      const ended = once(child, 'exit')
      child.kill('SIGTERM')
      await ended
      running.delete(child)
    }
  }
}

/**
 * Starts one of the processes beside this file and waits until it listens. Its output goes to a file.
 */
export async function startChild (script: string, args: readonly string[] = []): Promise<Child> {
  const sink = openSync(path.join(folder, `${path.basename(script)}.log`), 'a')
  const child = fork(path.resolve(here, script), args, { stdio: ['ignore', sink, 'inherit', 'ipc'] })
  running.add(child)
  const { address } = await answer<{ address: string }>(child)
  return asChild(child, address)
}

let servers = 0

/** The server as `npm start` runs it, on these settings. */
export function startServer (settings: { clouds?: object, [name: string]: unknown }): Promise<Child> {
  const file = path.join(folder, `settings-${++servers}.json`)
  const store = { file: `./store-${servers}.db` }
  writeFileSync(file, JSON.stringify({ port: 0, store, ...toKnownSettings(settings) }))
  return startChild('server.js', [file])
}

/** Builds of before the bundle do not have it. */
const bundled = path.join(build, '../bundle/cli.js')

/** The command line program with the default farm, in an empty folder; measured from its first instruction on. */
export async function startProgram (): Promise<Child> {
  const child = fork(existsSync(bundled) ? bundled : path.join(build, 'cli.js'), ['serve'], {
    cwd: mkdtempSync(path.join(folder, 'start-')),
    env: { PATH: process.env['PATH'], PORT: '0' },
    execArgv: ['--import', path.join(here, 'probe.js')],
    stdio: ['ignore', 'pipe', 'inherit', 'ipc']
  })
  running.add(child)
  let told = ''
  for await (const chunk of child.stdout!) {
    told += String(chunk)
    const address = /API +(http:\S+)\/api\/v2/.exec(told)?.[1]
    if (address !== undefined) return asChild(child, address)
  }
  throw new Error(`The program ended before it listened:\n${told}`)
}
