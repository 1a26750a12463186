import type { Writable } from 'node:stream'
import type { Settings } from './config/index.ts'
import { version } from './config/version.ts'

/** The stream to which the server writes its log and its banner. */
export type Output = Writable & { isTTY?: boolean }

type Line = Readonly<Record<string, unknown>>

/** The message of a log line, with the fields that every line of its kind has. */
function toMessage (line: Line) {
  const { msg, method, path, status, ms, kind, cloud } = line
  if (msg === 'request') return `${method} ${path} ${status} in ${ms} ms`
  if (kind !== undefined && cloud !== undefined) {
    return `${msg}: ${kind} on ${cloud} ${status ?? ''}`.trimEnd()
  }
  return String(msg)
}

/** Returns the stream of a readable log for a terminal; undefined for any other output, which gets lines of JSON. */
export async function logStream (output: Output): Promise<Writable | undefined> {
  if (output.isTTY !== true) return undefined
  const { default: pretty } = await import('pino-pretty')
  return pretty({
    destination: output,
    colorize: true,
    translateTime: 'SYS:HH:MM:ss',
    // toMessage shows the others.
    ignore: 'pid,hostname,reqId,method,path,status,ms,kind,cloud',
    messageFormat: toMessage,
    singleLine: true
  })
}

const cloudsOf = ({ clouds }: Settings) =>
  clouds.map(({ name, driver, enabled }) => `${name} (${driver}${enabled ? '' : ', disabled'})`)
    .join(', ')

/** Returns three lines with the addresses to open. */
const shortBanner = (settings: Settings, address: string) =>
  `Cloud Orchestrator serves ${cloudsOf(settings)}
  API   ${address}/api/v2/nodes
  Docs  ${address}/docs
`

/** Returns the banner for a person: the addresses to open and the commands to try. */
function longBanner (settings: Settings, address: string) {
  const dummy = settings.clouds.find(({ driver, enabled }) => driver === 'dummy' && enabled)
  const node = '{"name":"my-node","image_id":"img-debian-12","size_id":"dummy.small"}'
  const create = dummy === undefined
    ? []
    : [
        '  Create a node',
      `    curl -s ${address}/api/v2/clouds/${dummy.name}/nodes -H 'Content-Type: application/json' \\`,
      `      -H 'Prefer: wait=30' -d '${node}'`
      ]
  return [
    '',
    `Cloud Orchestrator ${version} serves ${cloudsOf(settings)}`,
    '',
    '  Open in a browser: all operations, to read and to try',
    `    ${address}/docs`,
    '  List the nodes, or count them',
    `    curl -s ${address}/api/v2/nodes`,
    `    curl -s ${address}/api/v2/summary`,
    ...create,
    '',
    '  Ctrl+C stops the server.',
    '',
    ''
  ].join('\n')
}

/** The text that the server prints when it listens. */
export const banner = (settings: Settings, address: string, output: Output) =>
  (output.isTTY === true ? longBanner : shortBanner)(settings, address)
