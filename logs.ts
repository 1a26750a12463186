import type { Writable } from 'node:stream'
import Fastify, { type FastifyBaseLogger } from 'fastify'
import type { Settings } from './config/index.ts'
import type { AccessLog } from './plugins/access-log/index.ts'
import { accessFormats, type AccessFormat } from './plugins/access-log/format.ts'
import { openLogFile, type LogFile } from './plugins/access-log/file.ts'
import { logStream } from './terminal.ts'

/** Where the server writes its logs: paths of files, or `-` for an output of the process. */
export interface LogTargets {
  /** A line for each request; `-` is stdout. Without it, requests are lines of the server's log. */
  access?: string
  accessFormat: AccessFormat
  /** The server's log; `-` is stderr. Without it, the server logs to stdout. */
  error?: string
}

export interface Logs {
  /** The stream of the server's log; undefined for pino's own to stdout. */
  stream: Writable | { write(line: string): void } | undefined
  access: AccessLog | undefined
  /** The files, which are opened again on SIGHUP. */
  files: readonly LogFile[]
}

/** The options of the command line. */
interface LogOptions {
  'access-log'?: string
  'access-log-format'?: string
  'error-log'?: string
}

const formatNames = Object.keys(accessFormats).join(' or ')
const isFormat = (name: string): name is AccessFormat => Object.hasOwn(accessFormats, name)

/** Reads the options of the command line. Throws an Error that names the option and the expected value. */
export function readLogTargets (options: LogOptions): LogTargets {
  const { 'access-log': access, 'access-log-format': format = 'combined', 'error-log': error } =
    options
  for (const [name, value] of Object.entries({ 'access-log': access, 'error-log': error })) {
    if (value === '') {
      throw new Error(`The log of --${name} has no name; expected the path of a file, or -`)
    }
  }
  if (!isFormat(format)) {
    throw new Error(`The log format "${format}" is unknown; --access-log-format is ${formatNames}`)
  }
  return { access, accessFormat: format, error }
}

/** The options of the server's log. The stream is that of `openLogs`. */
export const loggerOptions = ({ log_level: level }: Settings, stream: Logs['stream']) => ({
  level,
  ...(stream && { stream }),
  // The server never logs headers and bodies. This removes them from errors that contain a request or a token.
  redact: { paths: ['*.headers', '*.authorization', '*.token', '*.password'], remove: true }
})

/** Creates the log of a process that serves no requests. Its lines are those of the server's log. */
export const createLogger = (settings: Settings, stream: Logs['stream']): FastifyBaseLogger =>
  Fastify({ logger: loggerOptions(settings, stream) }).log

/** Opens the logs. `report` receives the failures of the access log. Throws an Error if a file cannot be opened. */
export async function openLogs (
  targets: LogTargets,
  report: (message: string) => void
): Promise<Logs> {
  const { access, accessFormat, error } = targets
  const open = (target: string | undefined, onFailure: (message: string) => void) =>
    target === undefined || target === '-' ? undefined : openLogFile(target, onFailure)

  const errorFile = await open(error, (message) => {
    process.stderr.write(`${message}\n`)
  })
  const accessFile = await open(access, report)
  const terminal = error === '-' ? process.stderr : process.stdout
  return {
    stream: errorFile ?? await logStream(terminal) ?? (error === '-' ? process.stderr : undefined),
    access: access === undefined
      ? undefined
      : { format: accessFormat, output: accessFile ?? process.stdout },
    files: [errorFile, accessFile].filter((file) => file !== undefined)
  }
}
