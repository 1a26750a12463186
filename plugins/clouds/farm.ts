import { openCall, type Call, type Log, type OpenCall } from '../../drivers/call.ts'
import type { Connection } from '../../drivers/driver.ts'
import { ProblemError, toProblem, type Health } from '../../openapi/model/index.ts'
import type { CloudSettings } from '../../config/index.ts'

/** A cloud of the farm: its settings, its connection (none while it is disabled), and how it was when last seen. */
export interface FarmEntry {
  readonly settings: CloudSettings
  readonly connection: Connection | undefined
  health: Health
}

export interface CallFrom {
  requestId: string
  log: Log
  /** Of a create: its operation. */
  operation?: string
  /** False for what may take as long as it takes, such as an upload: its driver ends it when it stands still. */
  deadline?: false
  /** Of a read: the signal that tells that the caller has gone. A change goes on without its caller. */
  caller?: () => AbortSignal
}

export interface Farm {
  /** In the order of lists. */
  readonly entries: readonly FarmEntry[]
  /** Throws cloud_not_found. */
  entry (name: string): FarmEntry
  /** Throws cloud_not_found or cloud_disabled. */
  connection (name: string): Connection
  /**
   * Runs one call of a connection with a deadline. What it throws is a ProblemError that names the cloud; whatever else a
   * driver throws is told as internal_error.
   */
  call<T> (name: string, from: CallFrom, run: (connection: Connection, call: Call) => Promise<T>): Promise<T>
  /** Asks the cloud itself how it is; several who ask at once share one check. Never throws. */
  check (name: string, from: CallFrom): Promise<Health>
  /** Ends all calls under way with this reason, and all to come. */
  abort (reason: ProblemError): void
}

const unseen: Health = { status: 'unknown', checked_at: null, elapsed_ms: null, problem: null }

export function createFarm (clouds: readonly CloudSettings[], connections: Record<string, Connection>): Farm {
  const entries: FarmEntry[] = clouds.map((settings) => ({
    settings, connection: connections[settings.name], health: settings.enabled ? unseen : { ...unseen, status: 'disabled' }
  }))
  const byName = new Map(entries.map((entry) => [entry.settings.name, entry]))
  const open = new Set<OpenCall>()
  const checks = new Map<string, Promise<Health>>()
  let closed: ProblemError | undefined

  const entryOf = (name: string) => {
    const entry = byName.get(name)
    if (entry === undefined) throw new ProblemError('cloud_not_found', `No cloud is named "${name.slice(0, 63)}"`)
    return entry
  }

  const connectionOf = (name: string) => {
    const { connection } = entryOf(name)
    if (connection === undefined) throw new ProblemError('cloud_disabled', `The cloud ${name} is switched off`, { cloud: name })
    return connection
  }

  const call: Farm['call'] = async (name, from, run) => {
    const connection = connectionOf(name)
    const entry = entryOf(name)
    if (closed !== undefined) throw closed
    const { deadline = true, ...origin } = from
    const context = openCall({ timeout: deadline ? entry.settings.timeout * 1000 : Infinity, ...origin })
    open.add(context)
    try {
      const result = await run(connection, context)
      if (entry.health.status === 'down') entry.health = { ...unseen, status: 'up', checked_at: new Date().toISOString() }
      return result
    } catch (error) {
      const problem = ofCloud(error, connection)
      if (problem.code === 'provider_unavailable' || problem.code === 'provider_auth_failed') entry.health = down(problem)
      throw problem
    } finally {
      open.delete(context)
      context.end()
    }
  }

  const check = async (name: string, from: CallFrom): Promise<Health> => {
    const entry = entryOf(name)
    if (entry.connection === undefined) return entry.health
    const started = performance.now()
    try {
      await call(name, from, (connection, context) => connection.check(context))
      entry.health = { status: 'up', checked_at: new Date().toISOString(), elapsed_ms: Math.round(performance.now() - started), problem: null }
    } catch (error) {
      entry.health = { ...down(error as ProblemError), elapsed_ms: Math.round(performance.now() - started) }
    }
    return entry.health
  }

  return {
    entries,
    entry: entryOf,
    connection: connectionOf,
    call,
    check (name, from) {
      const running = checks.get(name)
      if (running !== undefined) return running
      const started = check(name, from).finally(() => checks.delete(name))
      checks.set(name, started)
      return started
    },
    abort (reason) {
      closed = reason
      for (const context of open) context.abort(reason)
    }
  }
}

const down = (problem: ProblemError): Health =>
  ({ status: 'down', checked_at: new Date().toISOString(), elapsed_ms: null, problem: toProblem(problem) })

/** The error with the cloud's name on it; what a driver did not throw on purpose is our own fault, and said so. */
function ofCloud (error: unknown, { cloud, driver }: Connection): ProblemError {
  if (!(error instanceof ProblemError)) {
    return new ProblemError('internal_error', 'Something went wrong in the driver of this cloud.', { cause: error, cloud, driver })
  }
  return Object.assign(error, { details: { cloud, driver, ...error.details } })
}
