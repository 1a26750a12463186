import type { LRUCache } from 'lru-cache'
import { openCall, type OpenCall } from '../../drivers/call.ts'
import type { ServiceName } from '../../drivers/driver.ts'
import type { CallContext, CloudCall } from './handle.ts'
import { isCatalog, type Freshness } from './freshness.ts'

/** The answer of a cloud to a read. */
export interface Answer<T> {
  value: T
  /** When the cloud answered, in milliseconds since 1970. */
  asOf: number
  /** Until when it may be shown, by the monotonic clock. */
  until: number
  /** Whether nothing was changed since, as far as this server knows. */
  isCurrent(): boolean
}

/** A read that may be shared. */
export interface Read<T> {
  service: ServiceName
  /** Identifies the read within its service: equal keys read the same. */
  key: string
  /** Keys of other reads that answer this one too: what they have read is richer. */
  others?: readonly string[]
  /** Whether the answer of another read answers this one. Default: always. */
  fits?(value: T): boolean
  /** A further key to keep the answer under, if it suits. */
  alias?(value: T): string | undefined
  /** Whether the caller refuses an answer from before. */
  fresh: boolean
  run: CloudCall<T>
}

/** The answers of all clouds that are kept, by cloud, service and key. */
export type KeptAnswers = LRUCache<string, Answer<object>>

interface Flight {
  version: number
  promise: Promise<Answer<object>>
  waiting: number
  /** Ends the call, because nobody waits for it any longer. */
  abandon(): void
}

export interface SharedReadsOptions {
  cloud: string
  kept: KeptAnswers
  freshness: Freshness
  /** Seconds to keep answers: of what the cloud offers, and of all else. 0 switches sharing off. */
  seconds: { catalog: number, other: number }
  /** The time limit of the cloud in milliseconds. */
  limit: number
  /** Runs a call. Throws ProblemErrors that name the cloud. */
  call: (context: CallContext, run: CloudCall<object>) => Promise<object>
  /** Adds the cloud's name to the reason for which a waiter leaves. */
  nameCloud: (error: unknown) => unknown
}

/** Only whole answers are kept. */
const isWhole = (value: object) => (value as { partial?: unknown }).partial === undefined

/**
 * Shares reads of one cloud: equal reads under way share one call, and its answer is kept for a while. An answer that
 * was read before a change is never returned after it, even if its read was under way when the change began.
 */
export function createSharedReads (options: SharedReadsOptions) {
  const { cloud, kept, freshness, seconds, limit, call, nameCloud } = options
  const flights = new Map<string, Flight>()

  const depart = (
    key: string,
    { service, alias, run }: Read<object>,
    { requestId, log, traceparent }: CallContext,
    keep: number
  ) => {
    const version = freshness.versionOf(service)
    const isCurrent = () => freshness.versionOf(service) === version
    let isAbandoned = false
    let controller: AbortController | undefined
    const signal = () => {
      controller ??= new AbortController()
      if (isAbandoned) controller.abort()
      return controller.signal
    }

    const fly = async (): Promise<Answer<object>> => {
      try {
        const value = await call({ requestId, log, traceparent, caller: signal }, run)
        const answer = { value, asOf: Date.now(), until: performance.now() + keep, isCurrent }
        if (!isWhole(value) || !isCurrent()) return { ...answer, until: 0 }
        kept.set(key, answer)
        const other = alias?.(value)
        if (other !== undefined) kept.set(`${cloud} ${service} ${other}`, answer)
        return answer
      } finally {
        if (flights.get(key) === flight) flights.delete(key)
      }
    }

    const flight: Flight = {
      version,
      waiting: 0,
      promise: undefined as never,
      abandon () {
        isAbandoned = true
        controller?.abort()
        if (flights.get(key) === flight) flights.delete(key)
      }
    }
    flights.set(key, flight)
    flight.promise = fly()
    // Each waiter gets the error. Without waiters, the error is not an unhandled rejection.
    flight.promise.catch(() => {})
    return flight
  }

  /** Waits for a flight until the deadline of this waiter, or until its caller disconnects. */
  const join = (flight: Flight, { timeout = limit, caller, log, requestId }: CallContext) =>
    new Promise<Answer<object>>((resolve, reject) => {
      let watch: OpenCall | undefined
      flight.waiting++
      const leave = () => {
        end()
        if (flight.waiting === 0) flight.abandon()
        reject(nameCloud(watch!.signal.reason))
      }
      const end = () => {
        flight.waiting--
        clearImmediate(pending)
        watch?.signal.removeEventListener('abort', leave)
        watch?.end()
      }
      // A cloud that answers from memory has answered by then, and the signals are not needed.
      const pending = setImmediate(() => {
        watch = openCall({ timeout: timeout < limit ? timeout : Infinity, log, requestId, caller })
        if (watch.signal.aborted) leave()
        else watch.signal.addEventListener('abort', leave, { once: true })
      })
      flight.promise.then((answer) => {
        end()
        resolve(answer)
      }, (error: unknown) => {
        end()
        reject(error)
      })
    })

  /** Finds an answer of this read, or of one that has read more. */
  const findKept = ({ others = [], fits }: Read<object>, key: string, prefix: string) => {
    const now = performance.now()
    for (const one of [key, ...others.map((other) => prefix + other)]) {
      const answer = kept.get(one)
      if (answer === undefined) continue
      if (now >= answer.until || !answer.isCurrent()) kept.delete(one)
      else if (one === key || fits?.(answer.value) !== false) return answer
    }
    return undefined
  }

  return async <T extends object>(read: Read<T>, context: CallContext): Promise<Answer<T>> => {
    const { service, fresh } = read
    const keep = 1000 * (isCatalog(service) ? seconds.catalog : seconds.other)
    if (keep === 0) {
      const version = freshness.versionOf(service)
      const isCurrent = () => freshness.versionOf(service) === version
      const value = await call(context, read.run) as T
      return { value, asOf: Date.now(), until: 0, isCurrent }
    }
    const prefix = `${cloud} ${service} `
    const key = prefix + read.key
    if (!fresh) {
      const answer = findKept(read as Read<object>, key, prefix)
      if (answer !== undefined) return answer as Answer<T>
      const flight = flights.get(key)
      if (flight?.version === freshness.versionOf(service)) {
        return join(flight, context) as Promise<Answer<T>>
      }
    }
    return join(depart(key, read as Read<object>, context, keep), context) as Promise<Answer<T>>
  }
}
