import { ProblemError } from '../openapi/model/index.ts'

/** What a driver logs to: pino's methods, so that any logger of that form will do. */
export interface Log {
  debug (details: object, message: string): void
  info (details: object, message: string): void
  warn (details: object, message: string): void
  error (details: object, message: string): void
}

/** What comes with each call of a connection. */
export interface Call {
  /** Aborted at the deadline, at shutdown and, for reads, when the caller has gone; its reason is a ProblemError. */
  readonly signal: AbortSignal
  readonly log: Log
  readonly requestId: string
  /** Of a create: the id of its operation, carried into the cloud so that a lost create is found again. */
  readonly operation?: string
}

export interface CallOptions {
  /** Milliseconds from now; Infinity for a call that may take as long as it takes. */
  timeout: number
  log: Log
  requestId: string
  operation?: string
  /** Gives the signal that tells that the caller has gone. Asked for only if the call needs a signal at all. */
  caller?: () => AbortSignal
}

const tooLate = (timeout: number) => new ProblemError('provider_timeout', `The cloud did not answer within ${timeout / 1000} s`)

/** A call and the two ways in which it ends. */
export interface OpenCall extends Call {
  /** Ends the call before its time with this reason. */
  abort (reason: ProblemError): void
  /** To be called when the call is over: stops its clock. */
  end (): void
}

const gone = () => new ProblemError('invalid_request', 'The caller closed the connection before the answer')

/**
 * The context of one call. The signal and its timer are made when they are first asked for, since a cloud that answers
 * from memory never does. A class, since every request makes one: as a literal with a getter it took a fifth of the time
 * of a small list.
 */
class TimedCall implements OpenCall {
  readonly log: Log
  readonly requestId: string
  declare readonly operation?: string
  readonly #timeout: number
  readonly #caller: (() => AbortSignal) | undefined
  readonly #started = performance.now()
  #controller: AbortController | undefined
  #timer: NodeJS.Timeout | undefined
  #early: ProblemError | undefined

  constructor ({ timeout, log, requestId, operation, caller }: CallOptions) {
    this.log = log
    this.requestId = requestId
    if (operation !== undefined) this.operation = operation
    this.#timeout = timeout
    this.#caller = caller
  }

  get signal () {
    return (this.#controller ??= this.#open()).signal
  }

  #open () {
    const controller = new AbortController()
    if (this.#early !== undefined) {
      controller.abort(this.#early)
      return controller
    }
    if (this.#timeout !== Infinity) {
      const left = Math.max(0, this.#timeout - (performance.now() - this.#started))
      this.#timer = setTimeout(() => controller.abort(tooLate(this.#timeout)), left)
    }
    this.#caller?.().addEventListener('abort', () => controller.abort(gone()), { once: true })
    return controller
  }

  abort (reason: ProblemError) {
    this.#early = reason
    this.#controller?.abort(reason)
  }

  end () {
    clearTimeout(this.#timer)
  }
}

/** Makes the context of one call. */
export const openCall = (options: CallOptions): OpenCall => new TimedCall(options)

/** Runs a part of a call that has no deadline under one of its own, in milliseconds. */
export async function within<T> (
  { signal, log, requestId, operation }: Call, timeout: number, run: (call: Call) => Promise<T>
): Promise<T> {
  const controller = new AbortController()
  const timer = setTimeout(() => controller.abort(tooLate(timeout)), timeout)
  const either = AbortSignal.any([signal, controller.signal])
  try {
    return await run({ signal: either, log, requestId, ...(operation === undefined ? {} : { operation }) })
  } finally {
    clearTimeout(timer)
  }
}
