import type { CloudSettings } from '../../config/index.ts'
import { openCall, type OpenCall } from '../../drivers/call.ts'
import { secretsOf, type Connection, type ServiceName } from '../../drivers/driver.ts'
import { MaskingLog } from '../../drivers/secrets.ts'
import { mapInTurns } from '../../drivers/common/turns.ts'
import { ProblemError, toKnownProblem, toProblem, type Health } from '../../openapi/model/index.ts'
import { showActions } from '../auth/actions-shown.ts'
import { createFreshness, type Freshness } from './freshness.ts'
import { Handle, type CallContext, type CloudCall, type CloudCalls, type CloudHandle } from './handle.ts'
import { createSharedReads, type KeptAnswers } from './shared-reads.ts'

/** A cloud of the farm. */
export interface Cloud {
  readonly name: string
  readonly settings: CloudSettings
  /** Undefined if the settings disable the cloud, or if its driver failed to connect. */
  readonly connection: Connection | undefined
  /** Why the driver failed to connect. */
  readonly failure: ProblemError | undefined
  /** The health as last seen. */
  readonly health: Health
  /** Whether answers of this cloud are older than the changes that this server knows. */
  readonly freshness: Freshness
  /** Throws cloud_disabled, or the failure of the driver. */
  handle(context: CallContext): CloudHandle
  /** Checks the health now. Concurrent checks share one call. Never throws. */
  check(context: CallContext): Promise<Health>
  /** Drops all answers that are kept, here and on other servers. */
  reset(): void
  watch(watcher: CloudWatcher): void
  /** Ends all calls under way, and all later ones, with this reason. */
  abort(reason: ProblemError): void
  /** Ends the changes under way with this reason. What they have sent is unknown. */
  abortChanges(reason: ProblemError): void
}

const unseen: Health = { status: 'unknown', checked_at: null, elapsed_ms: null, problem: null }

/** Sees what a cloud does, for other servers and for clients. Its methods must not throw. */
export interface CloudWatcher {
  /** A service was changed directly, without an operation; null: anything may have changed. */
  onChange(service: ServiceName | null): void
  /** The cloud was seen for the first time, no longer answers, or answers again. */
  onHealth(health: Health): void
}

/** Items of a list that are masked in one turn of the event loop. */
const maxAtOnce = 100

/** The parts that all clouds of a farm share. */
export interface FarmContext {
  /** The answers of the clouds that are kept. */
  kept: KeptAnswers
  /** Throws store_unavailable if this server may change nothing, because another may act in its place. */
  assertActive: () => void
}

/**
 * Creates a cloud of the farm from its connection, from the error with which the driver failed to connect, or from
 * undefined if the settings disable the cloud.
 */
export function createCloud (
  settings: CloudSettings,
  link: Connection | ProblemError | undefined,
  { kept, assertActive }: FarmContext
): Cloud {
  const { name } = settings
  const failure = link instanceof ProblemError ? link : undefined
  const connection = link instanceof ProblemError ? undefined : link
  const openCalls = new Set<OpenCall>()
  const openChanges = new Set<OpenCall>()
  let health: Health = failure !== undefined
    ? toDown(failure)
    : connection === undefined
      ? { ...unseen, status: 'disabled' }
      : unseen
  const watchers: CloudWatcher[] = []
  const onChange: CloudWatcher['onChange'] = (service) => {
    for (const watcher of watchers) watcher.onChange(service)
  }
  const isDown = ({ status }: Health) => status === 'down'
  const setHealth = (next: Health) => {
    const isNews = health.status === 'unknown' || isDown(health) !== isDown(next)
    health = next
    if (isNews) for (const watcher of watchers) watcher.onHealth(next)
    return next
  }
  let aborted: ProblemError | undefined
  let runningCheck: Promise<Health> | undefined
  const secrets = connection === undefined ? undefined : secretsOf.get(connection)

  const limit = settings.timeout * 1000
  const rankIn = ({ onBehalfOf }: CallContext) => onBehalfOf?.rankOn(name)

  const call: CloudCalls['call'] = (to, context, run) => callAs(to, context, run, false)
  const change: CloudCalls['change'] = (to, context, run) => callAs(to, context, run, true)

  const callAs = async <T>(
    to: Connection,
    context: CallContext,
    run: CloudCall<T>,
    isChange: boolean
  ) => {
    if (aborted !== undefined) throw aborted
    if (isChange) assertActive()
    const { timeout: own = limit, requestId, operation, traceparent, noteRequestId: note, caller } =
      context
    const timeout = own === Infinity ? Infinity : Math.min(own, limit)
    const log = secrets === undefined ? context.log : new MaskingLog(context.log, secrets)
    const noteRequestId = note && ((id: string) => note(id, operation))
    const open = openCall({
      timeout,
      log,
      requestId,
      operation,
      traceparent,
      noteRequestId,
      assertActive: isChange ? assertActive : undefined,
      caller
    })
    openCalls.add(open)
    if (isChange) openChanges.add(open)
    try {
      if (to.prepare !== undefined) await to.prepare(open)
      const result = await run(to, open)
      if (isDown(health)) {
        setHealth({ ...unseen, status: 'up', checked_at: new Date().toISOString() })
      }
      const masking = maskResult(result)
      if (masking !== undefined) await masking
      return showActions(result, rankIn(context))
    } catch (error) {
      secrets?.maskError(error)
      const problem = showActions(nameCloud(error, to), rankIn(context))
      if (problem.code === 'provider_unavailable' || problem.code === 'provider_auth_failed') {
        setHealth(toDown(problem))
      }
      throw problem
    } finally {
      openCalls.delete(open)
      openChanges.delete(open)
      open.end()
    }
  }

  const maskItem = (item: { extra?: object, fault?: object | null }) => {
    if (item?.extra !== undefined) item.extra = secrets!.maskDeep(item.extra)
    if (item?.fault) item.fault = secrets!.maskDeep(item.fault)
  }

  /**
   * Masks the texts of the cloud in a result: raw fields, faults, the reason of a partial list. Drivers map all other
   * fields. A long list takes several turns of the event loop.
   */
  const maskResult = (result: unknown): Promise<unknown> | undefined => {
    if (typeof result !== 'object' || result === null || secrets === undefined) return undefined
    const { items = [result], partial } = result as { items?: object[], partial?: ProblemError }
    if (partial !== undefined) secrets.maskError(partial)
    if (items.length > maxAtOnce) return mapInTurns(items, maskItem)
    for (const item of items) maskItem(item)
    return undefined
  }

  const check = async (to: Connection, context: CallContext) => {
    const started = performance.now()
    const elapsed = () => Math.round(performance.now() - started)
    try {
      const failure = await call(to, context, (_, open) => to.check(open)) ?? null
      secrets?.maskError(failure)
      return setHealth({
        status: failure === null ? 'up' : 'degraded',
        checked_at: new Date().toISOString(),
        elapsed_ms: elapsed(),
        problem: failure && toProblem(nameCloud(failure, to))
      })
    } catch (error) {
      return setHealth({ ...toDown(error as ProblemError), elapsed_ms: elapsed() })
    }
  }

  const freshness = createFreshness()
  const readShared = createSharedReads({
    cloud: name,
    kept,
    freshness,
    seconds: { catalog: settings.catalog_cache_seconds, other: settings.cache_seconds },
    limit,
    call: (context, run) => call(connection!, context, run),
    nameCloud: (error) => nameCloud(error, connection!)
  })
  /** Reads for all callers alike, and shows each of them the actions that they may do. */
  const read: CloudCalls['read'] = async (read, context) => {
    const rank = rankIn(context)
    try {
      const answer = await readShared(read, context)
      return { ...answer, value: showActions(answer.value, rank) }
    } catch (error) {
      throw showActions(error, rank)
    }
  }
  const calls: CloudCalls = { call, change, read, freshness, onChange }

  return {
    name,
    settings,
    connection,
    failure,
    freshness,
    get health () {
      return health
    },
    reset () {
      freshness.reset()
      onChange(null)
    },
    watch (watcher) {
      watchers.push(watcher)
    },
    handle (context) {
      if (failure !== undefined) throw failure
      if (connection === undefined) {
        throw new ProblemError('cloud_disabled', `The settings disable the cloud ${name}`, {
          cloud: name
        })
      }
      return new Handle(name, connection, context, calls)
    },
    async check (context) {
      if (connection === undefined) return health
      runningCheck ??= check(connection, context).finally(() => {
        runningCheck = undefined
      })
      return runningCheck
    },
    abort (reason) {
      aborted = reason
      for (const open of openCalls) open.abort(reason)
    },
    abortChanges (reason) {
      for (const open of openChanges) open.abort(reason)
    }
  }
}

const toDown = (problem: ProblemError): Health => ({
  status: 'down',
  checked_at: new Date().toISOString(),
  elapsed_ms: null,
  problem: toProblem(problem)
})

/** Adds the cloud's name to an error. A driver that throws anything but a ProblemError has a defect: internal_error. */
function nameCloud (error: unknown, { cloud, driver }: Connection): ProblemError {
  if (!(error instanceof ProblemError)) {
    return new ProblemError('internal_error', 'The driver of this cloud failed', {
      cause: error,
      cloud,
      driver
    })
  }
  const problem = toKnownProblem(error)
  return Object.assign(problem, { details: { cloud, driver, ...problem.details } })
}
