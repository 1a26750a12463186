import type { FastifyBaseLogger } from 'fastify'
import type { Call } from '../../drivers/call.ts'
import type {
  Change, Connection, ListResult, ReadService, ResourceRef, ServiceName, SlowService, Until
} from '../../drivers/driver.ts'
import {
  ProblemError, resourceKinds, toProblem, type OperationResource, type OperationStatus, type OperationTarget, type ResourceKind
} from '../../openapi/model/index.ts'
import type { CallFrom, Farm } from '../clouds/farm.ts'
import type { Settings } from '../../config/index.ts'
import { judge, judgeLost, toSeen, type Seen, type Shown } from './outcome.ts'
import { createPoller, few } from './poller.ts'
import { isEnded, type OperationRow, type Rows } from './rows.ts'

export interface Asked {
  /** The capability that runs, `nodes.stop`. */
  kind: string
  cloud: string
  target: ResourceRef | null
  /** The target's state before. */
  fromState: string | null
  /** Of a create: what to create. */
  input: object | null
  idempotencyKey?: string | undefined
}

/** The one call that asks the cloud for the change. */
export type Ask = (connection: Connection, call: Call) => Promise<Change>

export interface Started {
  row: OperationRow
  secrets?: Record<string, string>
}

/** How often a create is sent in all, when nothing of it was found. */
const maxAttempts = 3

const services = { node: 'nodes', volume: 'volumes', snapshot: 'snapshots', image: 'images' } as const satisfies Record<ResourceKind, ServiceName>

/** When a create is over whose answer, which would have said so, was lost. */
const created: Record<ResourceKind, Until> = {
  node: { states: ['running'] },
  volume: { states: ['available'] },
  snapshot: { states: ['available'] },
  image: { states: ['available'] }
}

/**
 * Runs changes: writes the operation, asks the cloud once, then watches until the change has ended. What was under way
 * when the server died is taken up again by `resume`.
 */
export function createEngine ({ farm, rows, settings, log }: {
  farm: Farm, rows: Rows, settings: Settings, log: FastifyBaseLogger
}) {
  const active = new Map<string, OperationRow>()
  const waiters = new Map<string, Set<() => void>>()
  const { max_hours: maxHours, reconcile_seconds: reconcileSeconds, poll_ms: minInterval } = settings.operations

  const self = (cloud: string, { kind, id }: ResourceRef): OperationTarget =>
    ({ kind, id, self: `/api/v2/clouds/${cloud}/${services[kind]}/${encodeURIComponent(id)}` })

  const resource = (cloud: string, ref: ResourceRef): OperationResource => ({ ...self(cloud, ref), state: null, error: null })

  const from = ({ id }: OperationRow): CallFrom => ({ requestId: `operation-${id}`, log: log.child({ operation: id }), operation: id })

  const end = async (row: OperationRow, status: OperationStatus, error: ProblemError | null = null) => {
    if (isEnded(row)) return
    Object.assign(row, {
      status,
      phase: null,
      finished_at: new Date().toISOString(),
      error: error === null ? null : toProblem(error),
      progress: status === 'succeeded' ? 100 : row.progress,
      input: null
    })
    poller.forget(row.id)
    await rows.update(row)
    active.delete(row.id)
    log.info({ operation: row.id, kind: row.kind, cloud: row.cloud, status, code: error?.code }, 'operation ended')
    for (const wake of waiters.get(row.id) ?? []) wake()
  }

  const accepted = async (row: OperationRow, { resources, until }: Change) => {
    Object.assign(row, {
      status: 'running',
      phase: 'waiting',
      resources: resources.map((ref) => resource(row.cloud, ref)),
      until,
      input: null,
      sent_at: new Date().toISOString()
    })
    if (until.gone === true) await cancelOthers(row)
    if (until.states.length === 0 && until.gone !== true) return end(row, 'succeeded')
    await rows.update(row)
    poller.watch(row.id, row.cloud)
  }

  /** What else is under way on a resource that is being destroyed ends with it. */
  const cancelOthers = async (row: OperationRow) => {
    const gone = new Set(row.resources.map(({ self }) => self))
    const touches = (other: OperationRow) => [other.target, ...other.resources].some((one) => one !== null && gone.has(one.self))
    for (const other of [...active.values()]) {
      if (other.id === row.id || other.phase === 'calling' || !touches(other)) continue
      await end(other, 'cancelled', new ProblemError('resource_not_found', 'The resource was destroyed before this had ended'))
    }
  }

  /** Asks the cloud, once. Returns what is shown once; throws what the cloud refused. */
  const ask = async (row: OperationRow, run: Ask, origin: CallFrom) => {
    try {
      const change = await farm.call(row.cloud, { ...origin, operation: row.id }, run)
      await accepted(row, change)
      return change.secrets
    } catch (error) {
      const problem = error as ProblemError
      if (!problem.outcomeUnknown) {
        await end(row, 'failed', problem)
        throw problem
      }
      log.warn({ err: problem, operation: row.id }, 'the answer of the cloud was lost')
      row.phase = 'reconciling'
      await rows.update(row)
      poller.watch(row.id, row.cloud)
      return undefined
    }
  }

  const serviceOf = (connection: Connection, kind: ResourceKind) => connection[services[kind]] as unknown as ReadService<Shown>

  const look = async (row: OperationRow, { kind, id }: ResourceRef): Promise<Seen | null> => {
    try {
      const shown = await farm.call(row.cloud, from(row), (connection, call) => serviceOf(connection, kind).get(id, { extra: false }, call))
      return toSeen(kind, shown)
    } catch (error) {
      if ((error as ProblemError).code === 'resource_not_found') return null
      throw error
    }
  }

  const overdue = (row: OperationRow) => Date.now() - Date.parse(row.created_at) > maxHours * 3_600_000
  const isGivenUp = (row: OperationRow) =>
    Date.now() > Date.parse(row.sent_at) + (farm.entry(row.cloud).settings.timeout + reconcileSeconds) * 1000

  const unknown = (detail: string) => new ProblemError('outcome_unknown', detail)

  /** One look at a change that the cloud has accepted. */
  const follow = async (row: OperationRow, seen: (ref: ResourceRef) => Promise<Seen | null>) => {
    let waiting = false
    let failure: ProblemError | undefined
    for (const one of row.resources) {
      const now = await seen(one)
      const verdict = judge({ until: row.until!, fromState: row.from_state, waited: Date.now() - Date.parse(row.sent_at) }, now)
      one.state = now?.state ?? null
      if (verdict === 'waiting') waiting = true
      if (verdict instanceof ProblemError) {
        one.error = toProblem(verdict)
        failure ??= verdict
      }
    }
    if (failure !== undefined) return end(row, 'failed', failure)
    if (!waiting) return end(row, 'succeeded')
    if (overdue(row)) return end(row, 'failed', unknown(`The cloud has not ended this within ${maxHours} hours`))
  }

  /** Looks for what a lost create made; sends it again once it is sure that nothing was made. */
  const reconcileCreate = async (row: OperationRow) => {
    const service = farm.connection(row.cloud)[row.kind.split('.')[0] as 'volumes'] as SlowService<unknown, object, unknown>
    const input = row.input!
    if (service.findCreated === undefined) {
      return end(row, 'failed', unknown('The answer of the cloud was lost, and it does not tell what it made: look for it before you try again'))
    }
    const found = await farm.call(row.cloud, from(row), (_, call) =>
      service.findCreated!({ id: row.id, input }, new Date(row.created_at), call))
    if (found.length > 0) return accepted(row, { resources: found, until: created[found[0]!.kind] })
    if (!isGivenUp(row)) return
    if (row.attempts >= maxAttempts) {
      return end(row, 'failed', unknown(`The cloud was asked ${row.attempts} times, and its answer was lost each time; nothing of it was found`))
    }
    log.warn({ operation: row.id }, 'nothing was created by the lost call: it is sent again')
    Object.assign(row, { phase: 'calling', attempts: row.attempts + 1, sent_at: new Date().toISOString() })
    await rows.update(row)
    // A refusal has ended the operation: nobody is there to be told.
    await ask(row, (_, call) => service.create!(input, call), from(row)).catch(() => {})
  }

  const reconcileAction = async (row: OperationRow) => {
    if (row.target === null) return end(row, 'failed', unknown('The answer of the cloud was lost, and what it made cannot be found by itself'))
    const seen = await look(row, row.target)
    const verdict = judgeLost(row.kind, seen)
    if (verdict === 'succeeded') {
      row.resources = [{ ...resource(row.cloud, row.target), state: seen?.state ?? null }]
      return end(row, 'succeeded')
    }
    if (verdict !== 'unknown') return accepted(row, { resources: [row.target], until: verdict.until })
    if (!isGivenUp(row)) return
    const state = seen === null ? 'gone' : seen.state
    return end(row, 'failed', unknown(`The answer of the cloud was lost, and the resource, which is ${state}, does not tell whether it was done`))
  }

  /** Where a list fails, a get for each may do. */
  const noList = (err: unknown) => {
    log.warn({ err }, 'the resources of many operations could not be listed')
    return undefined
  }

  /** One step of each operation that is due at one cloud. */
  const step = async (cloud: string, ids: readonly string[]) => {
    const due = ids.flatMap((id) => active.get(id) ?? [])
    const waiting = due.filter(({ phase }) => phase === 'waiting')
    const listed = waiting.length > few ? await lookAtAll(cloud, waiting).catch(noList) : undefined
    await Promise.all(due.map(async (row) => {
      try {
        if (row.phase === 'reconciling') return await (row.input === null ? reconcileAction(row) : reconcileCreate(row))
        // What a list does not show may still be there: a get decides.
        await follow(row, async (ref) => listed?.get(`${ref.kind} ${ref.id}`) ?? look(row, ref))
      } catch (error) {
        log.warn({ err: error, operation: row.id }, 'an operation could not be looked at; it will be again')
        if (!isEnded(row) && overdue(row)) await end(row, 'failed', unknown(`The cloud could not be asked for ${maxHours} hours`))
      }
    }))
  }

  /** The resources of many operations by lists, in place of a get for each. */
  const lookAtAll = async (cloud: string, waiting: OperationRow[]) => {
    const found = new Map<string, Seen>()
    for (const kind of resourceKinds) {
      const wanted = new Set(waiting.flatMap(({ resources }) => resources.filter((one) => one.kind === kind).map(({ id }) => id)))
      let token: string | null = null
      while (wanted.size > 0) {
        const page: ListResult<Shown> = await farm.call(cloud, from(waiting[0]!), (connection, call) =>
          serviceOf(connection, kind).list({ limit: 1000, token, filters: {}, extra: false }, call))
        for (const item of page.items) if (wanted.delete(item.id)) found.set(`${kind} ${item.id}`, toSeen(kind, item))
        if (page.next === null) break
        token = page.next
      }
    }
    return found
  }

  const poller = createPoller({ step, together: (id) => active.get(id)?.phase === 'waiting', log, minInterval })

  return {
    /** An operation of this kind that is under way on the target: asking again joins it. */
    running: (kind: string, cloud: string, target: ResourceRef) => {
      const { self: path } = self(cloud, target)
      return [...active.values()].find((row) => row.kind === kind && row.target?.self === path)
    },

    /** Throws what the cloud refuses; resolves once it has accepted, or when its answer is lost. */
    async start (asked: Asked, run: Ask, origin: CallFrom): Promise<Started> {
      const { kind, cloud, target, fromState, input, idempotencyKey } = asked
      const row = rows.create({ kind, cloud, target: target === null ? null : self(cloud, target), input, from_state: fromState })
      active.set(row.id, row)
      try {
        await rows.insert(row, idempotencyKey)
      } catch (error) {
        active.delete(row.id)
        throw error
      }
      const secrets = await ask(row, run, origin)
      return secrets === undefined ? { row } : { row, secrets }
    },

    /** An operation that has nothing to do, since its end holds already. */
    async done ({ kind, cloud, target, fromState }: Asked & { target: ResourceRef }): Promise<Started> {
      const row = rows.create({ kind, cloud, target: self(cloud, target), input: null, from_state: fromState })
      row.resources = [{ ...resource(cloud, target), state: fromState }]
      await rows.insert(row)
      await end(row, 'succeeded')
      return { row }
    },

    /** Waits until it has ended, for so many milliseconds, or until the server shuts down or the caller goes. */
    async wait (id: string, ms: number, caller?: AbortSignal) {
      const row = active.get(id)
      if (row === undefined || isEnded(row) || ms <= 0 || poller.stopped()) return
      await new Promise<void>((resolve) => {
        const set = waiters.get(id) ?? new Set()
        waiters.set(id, set)
        const wake = () => {
          clearTimeout(timer)
          set.delete(wake)
          if (set.size === 0) waiters.delete(id)
          resolve()
        }
        const timer = setTimeout(wake, ms)
        caller?.addEventListener('abort', wake, { once: true })
        set.add(wake)
      })
    },

    get: async (id: string) => active.get(id) ?? rows.get(id),

    /** Takes up every operation that had not ended when the server stopped. */
    async resume () {
      for (const row of await rows.unended()) {
        if (!farm.entries.some(({ settings: { name }, connection }) => name === row.cloud && connection !== undefined)) {
          log.warn({ operation: row.id, cloud: row.cloud }, 'an operation waits for a cloud that is not served')
          continue
        }
        active.set(row.id, row)
        // It is not known whether the call that was under way has left.
        if (row.phase === 'calling') row.phase = 'reconciling'
        poller.watch(row.id, row.cloud)
      }
    },

    /** Ends all waits and looks at nothing more. */
    stop () {
      const stopped = poller.stop()
      for (const set of [...waiters.values()]) for (const wake of [...set]) wake()
      return stopped
    }
  }
}

export type Engine = ReturnType<typeof createEngine>
