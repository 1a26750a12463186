import type { Dispatcher } from 'undici'

/** A request on its way. */
export interface Attempt {
  read: boolean
  /** Whether a connection has begun to send it. */
  sent: boolean
}

export interface RawResponse {
  status: number
  headers: Record<string, string>
  text: string
}

const byteOrderMark = 0xFEFF

function decode (chunks: readonly Buffer[]) {
  const text = (chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks)).toString()
  return text.charCodeAt(0) === byteOrderMark ? text.slice(1) : text
}

function flatten (headers: Record<string, string | string[] | undefined>) {
  const flat: Record<string, string> = {}
  for (const name in headers) {
    const value = headers[name]
    flat[name] = Array.isArray(value) ? value.join(', ') : value ?? ''
  }
  return flat
}

/**
 * Collects one response. A class on `dispatch`, because every call makes one: undici's own `request` adds a stream and
 * an AsyncResource, which cost a third of a call.
 */
class Receiver implements Dispatcher.DispatchHandler {
  readonly #attempt: Attempt
  readonly #signal: AbortSignal
  readonly #resolve: (response: RawResponse) => void
  readonly #reject: (error: unknown) => void
  readonly #leave = () => this.#abort()
  #controller: Dispatcher.DispatchController | undefined
  #status = 0
  #headers: Record<string, string> = {}
  readonly #chunks: Buffer[] = []

  constructor (
    attempt: Attempt,
    signal: AbortSignal,
    resolve: (response: RawResponse) => void,
    reject: (error: unknown) => void
  ) {
    this.#attempt = attempt
    this.#signal = signal
    this.#resolve = resolve
    this.#reject = reject
    signal.addEventListener('abort', this.#leave, { once: true })
  }

  /** Ends at once, also while undici waits for a connection: it aborts the request when it has one. */
  #abort () {
    this.#controller?.abort(this.#signal.reason as Error)
    this.#reject(this.#signal.reason)
  }

  #end () {
    this.#signal.removeEventListener('abort', this.#leave)
  }

  /** undici calls this when a connection exists, before it writes the first byte. */
  onRequestStart (controller: Dispatcher.DispatchController) {
    this.#controller = controller
    if (this.#signal.aborted) return controller.abort(this.#signal.reason as Error)
    this.#attempt.sent = true
  }

  onResponseStart (
    _controller: Dispatcher.DispatchController,
    status: number,
    headers: Record<string, string | string[] | undefined>
  ) {
    // A status of 1xx comes before the response itself.
    if (status < 200) return
    this.#status = status
    this.#headers = flatten(headers)
  }

  onResponseData (_controller: Dispatcher.DispatchController, chunk: Buffer) {
    this.#chunks.push(chunk)
  }

  onResponseEnd () {
    this.#end()
    this.#resolve({
      status: this.#status,
      headers: this.#headers,
      text: this.#chunks.length === 0 ? '' : decode(this.#chunks)
    })
  }

  onResponseError (_controller: Dispatcher.DispatchController | undefined, error: Error) {
    this.#end()
    // A part of a response is a fault of the cloud, not of the way to it, so the code of the connection is dropped.
    this.#reject(
      this.#status === 0 ? error : new Error(`The response is incomplete: ${error.message}`)
    )
  }
}

/**
 * Sends one request and reads its whole response. Rejects with the error of the transport, or with the reason of the
 * signal as soon as it aborts. Sets `attempt.sent`.
 */
export function exchange (
  dispatcher: Dispatcher,
  options: Dispatcher.DispatchOptions,
  attempt: Attempt,
  signal: AbortSignal
): Promise<RawResponse> {
  if (signal.aborted) return Promise.reject(signal.reason)
  return new Promise((resolve, reject) => {
    dispatcher.dispatch(options, new Receiver(attempt, signal, resolve, reject))
  })
}
