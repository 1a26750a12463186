import { spawn } from 'node:child_process'
import { accessSync, constants, existsSync, statSync } from 'node:fs'
import path from 'node:path'
import type { Readable, Writable } from 'node:stream'

/** A running process of a driver. */
export interface Child {
  readonly pid: number
  readonly stdout: Readable
  readonly stderr: Readable
  /** Writes one line to stdin. */
  write(line: string): void
  /** Resolves with a sentence about the end: an exit code, a signal, or the reason why the process did not start. */
  readonly ended: Promise<string>
  /** Ends the process and all its children: end of stdin and SIGTERM, then SIGKILL. */
  end(): Promise<void>
  /** Kills the process and all its children at once. */
  kill(): void
}

/** Milliseconds between SIGTERM and SIGKILL. The server gives a driver 2 s to close. */
const endGrace = 1200

/** Milliseconds after the end of the process in which the rest of its output is read. */
const outputGrace = 500

/** The variables of the server that every process receives. */
const inherited = [
  'PATH',
  'HOME',
  'LANG',
  'LC_ALL',
  'TZ',
  'SystemRoot',
  'HTTP_PROXY',
  'HTTPS_PROXY',
  'ALL_PROXY',
  'NO_PROXY',
  'http_proxy',
  'https_proxy',
  'all_proxy',
  'no_proxy',
  'SSL_CERT_FILE',
  'SSL_CERT_DIR',
  'REQUESTS_CA_BUNDLE',
  'CURL_CA_BUNDLE',
  'NODE_EXTRA_CA_CERTS'
]

function toEnvironment (own: Readonly<Record<string, string>>) {
  const found = inherited.flatMap((name) => {
    const value = process.env[name]
    return value === undefined ? [] : [[name, value]]
  })
  return { ...Object.fromEntries(found) as Record<string, string>, ...own }
}

/** Returns the file of a program; undefined if there is none that can be executed. */
export function findProgram (
  program: string,
  directory: string,
  searchPath: string
): string | undefined {
  const folders = program.includes('/') ? [directory] : searchPath.split(path.delimiter)
  return folders.map((folder) => path.resolve(folder, program)).find((file) => {
    try {
      accessSync(file, constants.X_OK)
      return statSync(file).isFile()
    } catch {
      return false
    }
  })
}

/**
 * Runs the program in a process group of its own. If the server dies, file descriptor 3 ends, and the watcher in the
 * background kills the group: the program and all that it has started.
 */
const watcher =
  '(trap "" TERM; while read -r _ <&3; do :; done; kill -KILL 0) </dev/null >/dev/null 2>&1 & exec 3<&-; exec "$@"'

const shell = '/bin/sh'

/** `setpriv` lets Linux itself kill the program when the server dies. */
const setpriv = ['/usr/bin/setpriv', '/bin/setpriv'].find((file) =>
  process.platform === 'linux' && existsSync(file)
)

function wrap (command: readonly string[]) {
  if (!existsSync(shell)) return command
  const program = setpriv === undefined
    ? command
    : [setpriv, '--pdeathsig', 'KILL', '--', ...command]
  return [shell, '-c', watcher, 'driver', ...program]
}

export interface ChildOptions {
  /** The file of the program, and its arguments. */
  command: readonly string[]
  env: Readonly<Record<string, string>>
  directory: string
}

export function startChild ({ command, env, directory }: ChildOptions): Child {
  const [file = '', ...args] = wrap(command)
  const child = spawn(file, args, {
    cwd: directory,
    env: toEnvironment(env),
    stdio: ['pipe', 'pipe', 'pipe', 'pipe'],
    detached: true
  })
  const [stdin, stdout, stderr, life] = child.stdio as unknown as [
    Writable,
    Readable,
    Readable,
    Writable
  ]
  // The end of the process is reported by `ended`. A write to a process that has ended must not throw.
  for (const stream of [stdin, stdout, stderr, life]) stream.on('error', () => {})

  const signal = (name: NodeJS.Signals) => {
    if (child.pid === undefined) return
    try {
      process.kill(-child.pid, name)
    } catch { /* the group has ended */ }
  }

  const ended = new Promise<string>((resolve) => {
    child.once('error', ({ message }) => resolve(`it could not be started: ${message}`))
    child.once('exit', (code, by) => {
      // The children of the process must end with it.
      signal('SIGKILL')
      life.destroy()
      const reason = by === null ? `it ended with the exit code ${code}` : `it was ended by ${by}`
      const timer = setTimeout(() => resolve(reason), outputGrace)
      child.once('close', () => {
        clearTimeout(timer)
        resolve(reason)
      })
    })
  })

  return {
    pid: child.pid ?? 0,
    stdout,
    stderr,
    ended,
    write: (line) => {
      stdin.write(`${line}\n`)
    },
    async end () {
      stdin.end()
      signal('SIGTERM')
      const timer = setTimeout(() => signal('SIGKILL'), endGrace)
      await ended
      clearTimeout(timer)
    },
    kill: () => signal('SIGKILL')
  }
}
