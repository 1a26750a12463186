import { setMaxListeners } from 'node:events'
import { ProblemError } from '../openapi/model/index.ts'

/** The logger of a driver: the methods of pino. */
export interface Log {
  debug(details: object, message: string): void
  info(details: object, message: string): void
  warn(details: object, message: string): void
  error(details: object, message: string): void
}

/** The context of one call of a connection. */
export interface Call {
  /**
   * Aborts at the deadline, at shutdown and, for reads, when the caller disconnects. Its reason is a ProblemError.
   */
  readonly signal: AbortSignal
  readonly log: Log
  readonly requestId: string
  /** The operation id of a create. The driver stores it in the cloud, so that a lost create can be found. */
  readonly operation?: string
  /** The header `traceparent` for the requests to the cloud, if the server makes traces (W3C Trace Context). */
  traceparent?: string
  /** Takes the cloud's own id of a request that changes something, for the audit. */
  readonly noteRequestId?: (id: string) => void
  /**
   * Throws store_unavailable if this server may change nothing any longer, because another acts in its place. A driver
   * calls it just before each request that changes something; undefined for reads.
   */
  readonly assertActive?: () => void
  /** Milliseconds until the deadline; Infinity if there is no deadline. Undefined if the call does not know it. */
  readonly remaining?: number
}

export interface CallOptions {
  /** Milliseconds from now; Infinity for a call without a deadline. */
  timeout: number
  log: Log
  requestId: string
  operation?: string
  traceparent?: string
  noteRequestId?: ((id: string) => void) | undefined
  assertActive?: (() => void) | undefined
  /** Returns a signal that aborts when the caller disconnects. Only called if the call needs a signal. */
  caller?: () => AbortSignal
}

/** A call, with the two ways to end it. */
export interface OpenCall extends Call {
  /** Cancels the call with this reason. */
  abort(reason: ProblemError): void
  /** Stops the timer. To be called when the call is over. */
  end(): void
}

const deadlineExceeded = (timeout: number) =>
  new ProblemError('provider_timeout', `The cloud did not answer within ${timeout / 1000} s`)

const callerDisconnected = () =>
  new ProblemError('invalid_request', 'The caller closed the connection before the response')

/**
 * Creates the signal and its timer on first use, since a cloud that answers from memory never needs them. A class,
 * because every request creates one: an object literal with a getter took a fifth of the time of a small list.
 */
class TimedCall implements OpenCall {
  readonly log: Log
  readonly requestId: string
  declare readonly operation?: string
  declare traceparent?: string
  declare readonly noteRequestId?: (id: string) => void
  declare readonly assertActive?: () => void
  readonly #timeout: number
  readonly #caller: (() => AbortSignal) | undefined
  readonly #started = performance.now()
  #controller: AbortController | undefined
  #timer: NodeJS.Timeout | undefined
  #abortReason: ProblemError | undefined

  constructor (options: CallOptions) {
    const { timeout, log, requestId, operation, traceparent } = options
    const { noteRequestId, assertActive, caller } = options
    this.log = log
    this.requestId = requestId
    if (operation !== undefined) this.operation = operation
    if (traceparent !== undefined) this.traceparent = traceparent
    if (noteRequestId !== undefined) this.noteRequestId = noteRequestId
    if (assertActive !== undefined) this.assertActive = assertActive
    this.#timeout = timeout
    this.#caller = caller
  }

  get signal () {
    return (this.#controller ??= this.#createController()).signal
  }

  get remaining () {
    return Math.max(0, this.#timeout - (performance.now() - this.#started))
  }

  #createController () {
    const controller = new AbortController()
    // A call may send many requests at once. Node warns at more than ten listeners.
    setMaxListeners(0, controller.signal)
    if (this.#abortReason !== undefined) {
      controller.abort(this.#abortReason)
      return controller
    }
    if (this.#timeout !== Infinity) {
      this.#timer = setTimeout(
        () => controller.abort(deadlineExceeded(this.#timeout)),
        this.remaining
      )
    }
    this.#caller?.().addEventListener('abort', () => controller.abort(callerDisconnected()), {
      once: true
    })
    return controller
  }

  abort (reason: ProblemError) {
    this.#abortReason = reason
    this.#controller?.abort(reason)
  }

  end () {
    clearTimeout(this.#timer)
  }
}

/** Creates the context of one call. */
export const openCall = (options: CallOptions): OpenCall => new TimedCall(options)

/** Runs a part of a call that has no deadline with a deadline of its own, in milliseconds. */
export async function within<T> (
  call: Call,
  timeout: number,
  run: (call: Call) => Promise<T>
): Promise<T> {
  const { signal, log, requestId, operation, traceparent, noteRequestId, assertActive } = call
  const controller = new AbortController()
  const timer = setTimeout(() => controller.abort(deadlineExceeded(timeout)), timeout)
  try {
    const own = AbortSignal.any([signal, controller.signal])
    return await run({
      signal: own,
      log,
      requestId,
      operation,
      traceparent,
      noteRequestId,
      assertActive
    })
  } finally {
    clearTimeout(timer)
  }
}
