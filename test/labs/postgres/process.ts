import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { accessSync, chownSync, constants, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

/** The user of the programs, since PostgreSQL and pgbouncer refuse to run as root. Undefined for the present user. */
export interface Owner { uid: number, gid: number }

const readIds = (name: string): Owner | undefined => {
  const ask = (option: string) => Number(execFileSync('id', [option, name], { stdio: ['ignore', 'pipe', 'ignore'] }))
  try {
    return { uid: ask('-u'), gid: ask('-g') }
  } catch {
    return undefined
  }
}

export const readOwner = (): Owner | undefined =>
  process.getuid!() === 0 ? readIds('postgres') ?? readIds('nobody') : undefined

const canExecute = (file: string) => {
  try {
    accessSync(file, constants.X_OK)
    return true
  } catch {
    return false
  }
}

/** Folders of Debian's packages `postgresql-NN`, the newest first. They are not in PATH. */
function readVersionFolders () {
  const base = '/usr/lib/postgresql'
  if (!existsSync(base)) return []
  return readdirSync(base)
    .sort((one, other) => Number(other) - Number(one))
    .map((version) => path.join(base, version, 'bin'))
}

/** Returns the path of a program. Throws an Error that names Debian's package if it is not installed. */
export function findProgram (name: string, debianPackage: string): string {
  const folders = [...readVersionFolders(), ...(process.env['PATH'] ?? '').split(path.delimiter), '/usr/sbin']
  const found = folders.map((folder) => path.join(folder, name)).find(canExecute)
  if (found === undefined) throw new Error(`${name} is not installed: apt-get install ${debianPackage}`)
  return found
}

/** Makes a folder that belongs to the owner: on disk, or in memory where that is possible, since tests commit often. */
export function makeFolder (owner: Owner | undefined, isOnDisk = false): string {
  const base = !isOnDisk && existsSync('/dev/shm') ? '/dev/shm' : tmpdir()
  const folder = mkdtempSync(path.join(base, 'orchestrator-postgres-'))
  if (owner !== undefined) chownSync(folder, owner.uid, owner.gid)
  return folder
}

/** Ports below those that Linux gives to outgoing connections, so that a stopped server finds its port free again. */
const ports = { first: 20_000, count: 12_000 }

const isFree = async (port: number) => {
  const server = createServer()
  const isListening = await once(server.listen(port, '127.0.0.1'), 'listening').then(() => true, () => false)
  if (isListening) await new Promise((resolve) => server.close(resolve))
  return isListening
}

export async function findPort (): Promise<number> {
  for (;;) {
    const port = ports.first + Math.floor(Math.random() * ports.count)
    if (await isFree(port)) return port
  }
}

export interface Daemon {
  /** Sends a signal and resolves when the process has ended. */
  end(signal: NodeJS.Signals): Promise<void>
}

export interface DaemonOptions {
  program: string
  args: readonly string[]
  owner: Owner | undefined
  /** What it writes is appended to this file. */
  log: number
  logFile: string
  /** Ends it at once. */
  killSignal: NodeJS.Signals
  /** Whether it accepts connections. */
  isReady(): Promise<boolean>
}

/**
 * Starts a program in the foreground and waits until it is ready. The kernel ends it when this process ends, however
 * that happens (prctl(2), PR_SET_PDEATHSIG).
 */
export async function startDaemon (options: DaemonOptions): Promise<Daemon> {
  const { program, args, owner, log, logFile, killSignal, isReady } = options
  const child = spawn('setpriv', ['--pdeathsig', killSignal.slice('SIG'.length), program, ...args], {
    ...owner,
    cwd: '/',
    env: { PATH: process.env['PATH'], LC_ALL: 'C.UTF-8' },
    stdio: ['ignore', log, log]
  })
  const ended = once(child, 'close').then(() => {}, () => {})
  const hasEnded = () => child.exitCode !== null || child.signalCode !== null || child.pid === undefined
  while (!await isReady()) {
    if (hasEnded()) {
      const said = readFileSync(logFile, 'utf8').slice(-4000)
      throw new Error(`${path.basename(program)} has ended with ${child.exitCode ?? child.signalCode}:\n${said}`)
    }
    await sleep(20)
  }
  return {
    async end (signal) {
      if (!hasEnded()) child.kill(signal)
      await ended
    }
  }
}

/** Removes a folder when this process exits, unless the returned function has removed it before. */
export function removeAtExit (folder: string): () => void {
  const remove = () => {
    process.off('exit', remove)
    rmSync(folder, { recursive: true, force: true })
  }
  process.on('exit', remove)
  return remove
}
