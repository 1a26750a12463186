import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { chownSync, closeSync, openSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import pg from 'pg'
import type { Test } from 'tap'
import {
  findPort, findProgram, makeFolder, readOwner, removeAtExit, startDaemon, type Daemon, type Owner
} from './process.ts'

/** How PostgreSQL ends: after its clients have ended, after their transactions are cut, or as in a crash. */
export type StopMode = 'smart' | 'fast' | 'immediate'

const signals = { smart: 'SIGTERM', fast: 'SIGINT', immediate: 'SIGQUIT' } as const

export interface Cluster {
  port: number
  /** The superuser of the cluster, who has a password. */
  user: string
  password: string
  folder: string
  /** The database `postgres`, in which nothing is stored. */
  url: string
  /** Makes a database, empty or as a copy of another, to which nobody is connected. Resolves to its URL. */
  createDatabase (name?: string, template?: string): Promise<string>
  dropDatabase (name: string): Promise<void>
  /** Runs a statement in the database `postgres`, or in that of a URL. Resolves to the rows. */
  query (text: string, values?: readonly unknown[], url?: string): Promise<any[]>
  stop (mode?: StopMode): Promise<void>
  /** Starts the stopped cluster again, on the same port. */
  start (): Promise<void>
  restart (mode?: StopMode): Promise<void>
  /** Ends the cluster and removes its folder. */
  end (): Promise<void>
}

export interface ClusterOptions {
  /** How a password is checked. `trust` checks none and makes connections cheaper. */
  auth?: 'scram-sha-256' | 'trust'
  /** Settings of PostgreSQL. `fsync` is on by default. */
  settings?: Record<string, string>
  /** Whether it is on disk, as a cluster of production is. */
  isOnDisk?: boolean
}

/** What ends with the test. */
export type Ending = Pick<Test, 'teardown'>

interface Place { folder: string, owner: Owner | undefined, log: number, logFile: string }

function makePlace (isOnDisk = false): Place & { remove (): void } {
  const owner = readOwner()
  const folder = makeFolder(owner, isOnDisk)
  const removeFolder = removeAtExit(folder)
  const logFile = path.join(folder, 'log')
  const log = openSync(logFile, 'a')
  return {
    folder,
    owner,
    log,
    logFile,
    remove () {
      closeSync(log)
      removeFolder()
    }
  }
}

function writeOwned (file: string, text: string, owner: Owner | undefined) {
  writeFileSync(file, text, { mode: 0o600 })
  if (owner !== undefined) chownSync(file, owner.uid, owner.gid)
}

async function query (url: string, text: string, values: readonly unknown[] = []): Promise<any[]> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 10_000 })
  client.on('error', () => { /* the cluster was stopped */ })
  await client.connect()
  try {
    return (await client.query(text, [...values])).rows
  } finally {
    await client.end()
  }
}

const canQuery = (url: string) => query(url, 'select 1').then(() => true, () => false)

/**
 * Starts a PostgreSQL cluster of its own in a temporary folder, on a free port of the loopback. It ends with the test,
 * and with this process however that ends. Needs Debian's package `postgresql`.
 */
export async function startCluster (t: Ending, options: ClusterOptions = {}): Promise<Cluster> {
  const { auth = 'scram-sha-256', settings = {}, isOnDisk } = options
  const postgres = findProgram('postgres', 'postgresql')
  const { folder, owner, log, logFile, remove } = makePlace(isOnDisk)
  const user = 'orchestrator'
  const password = randomBytes(12).toString('base64url')
  const data = path.join(folder, 'data')
  const passwordFile = path.join(folder, 'password')
  writeOwned(passwordFile, `${password}\n`, owner)
  try {
    // It syncs nothing: the folder does not outlive this process.
    execFileSync(path.join(path.dirname(postgres), 'initdb'), [
      '--pgdata', data, '--auth', auth, '--username', user, '--pwfile', passwordFile, '--encoding', 'UTF8',
      '--locale', 'C', '--no-sync'
    ], { ...owner, cwd: '/', stdio: 'pipe' })
  } catch (error) {
    remove()
    throw error
  }

  const port = await findPort()
  const urlOf = (name: string) => `postgres://${user}:${password}@127.0.0.1:${port}/${name}`
  const url = urlOf('postgres')
  const all = {
    listen_addresses: '127.0.0.1',
    port: String(port),
    unix_socket_directories: '',
    max_connections: '200',
    shared_buffers: '64MB',
    ...settings
  }
  const args = ['-D', data, ...Object.entries(all).flatMap(([name, value]) => ['-c', `${name}=${value}`])]
  let daemon: Daemon | undefined
  let databases = 0

  const start = async () => {
    daemon = await startDaemon({
      program: postgres, args, owner, log, logFile, killSignal: 'SIGQUIT', isReady: () => canQuery(url)
    })
  }
  const stop = async (mode: StopMode = 'fast') => {
    await daemon?.end(signals[mode])
    daemon = undefined
  }
  let isOver = false
  const end = async () => {
    if (isOver) return
    isOver = true
    await stop('immediate')
    remove()
  }
  t.teardown(end)
  await start()

  return {
    port,
    user,
    password,
    folder,
    url,
    async createDatabase (name = `test_${process.pid}_${++databases}`, template) {
      await query(url, `create database "${name}"${template === undefined ? '' : ` template "${template}"`}`)
      return urlOf(name)
    },
    async dropDatabase (name) {
      await query(url, `drop database "${name}" with (force)`)
    },
    query: (text, values = [], at = url) => query(at, text, values),
    stop,
    start,
    async restart (mode) {
      await stop(mode)
      await start()
    },
    end
  }
}

export interface Pgbouncer {
  port: number
  folder: string
  /** The URL of a database through pgbouncer. */
  urlOf (databaseUrl: string): string
  stop (): Promise<void>
  start (): Promise<void>
  end (): Promise<void>
}

/**
 * Starts pgbouncer in transaction mode in front of a cluster. It ends with the test. Its other settings are those of
 * Debian's package. Needs Debian's package `pgbouncer`.
 */
export async function startPgbouncer (t: Ending, cluster: Cluster): Promise<Pgbouncer> {
  const program = findProgram('pgbouncer', 'pgbouncer')
  const { folder, owner, log, logFile, remove } = makePlace()
  const port = await findPort()
  const users = path.join(folder, 'userlist.txt')
  writeOwned(users, `"${cluster.user}" "${cluster.password}"\n`, owner)
  const settings = path.join(folder, 'pgbouncer.ini')
  writeOwned(settings, `[databases]
* = host=127.0.0.1 port=${cluster.port}

[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = scram-sha-256
auth_file = ${users}
pool_mode = transaction
max_client_conn = 500
default_pool_size = 20
`, owner)
  const urlOf = (databaseUrl: string) => databaseUrl.replace(`:${cluster.port}/`, `:${port}/`)
  let daemon: Daemon | undefined

  const start = async () => {
    daemon = await startDaemon({
      program,
      args: [settings],
      owner,
      log,
      logFile,
      killSignal: 'SIGTERM',
      isReady: () => canQuery(urlOf(cluster.url))
    })
  }
  const stop = async () => {
    // SIGTERM ends pgbouncer at once, SIGINT after the clients.
    await daemon?.end('SIGTERM')
    daemon = undefined
  }
  let isOver = false
  const end = async () => {
    if (isOver) return
    isOver = true
    await stop()
    remove()
  }
  t.teardown(end)
  await start()
  return { port, folder, urlOf, stop, start, end }
}
