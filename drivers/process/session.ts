import { JSONRPCClient, type JSONRPCResponse } from 'json-rpc-2.0'
import { ProblemError } from '../../openapi/model/index.ts'
import type { Child } from './child.ts'
import { readLines } from './lines.ts'
import { toError } from './problems.ts'

/** The maximum number of bytes of one message. */
const maxMessage = 8 * 1024 * 1024

export interface Request {
  method: string
  params: object
  isRead: boolean
  /** Aborts at the deadline of the call, or when its caller leaves. */
  signal: AbortSignal
  /** Milliseconds until the deadline. */
  remaining: number
}

/** The conversation with one process. */
export interface Session {
  /** The number of calls under way. */
  readonly openCalls: number
  /** Sends a request and returns its result. Throws ProblemErrors only. */
  send(request: Request): Promise<unknown>
  /** Sends a notification, which has no answer. */
  notify(method: string): void
}

export interface SessionOptions {
  child: Child
  /** Milliseconds after the deadline of a call in which the process must answer. */
  grace: number
  /** The session is over: the process has ended, or has a defect. */
  onOver(problem: ProblemError): void
}

interface OpenCall {
  isRead: boolean
  reject(problem: ProblemError): void
}

const defectHint = 'The driver of this cloud has a defect. Report it to the authors of the driver.'

const isResponse = (message: unknown): message is JSONRPCResponse =>
  typeof message === 'object' && message !== null &&
  typeof (message as { id?: unknown }).id === 'number' &&
  ('result' in message || 'error' in message)

const shorten = (line: string) => line.length > 80 ? `${line.slice(0, 80)}…` : line

export function openSession ({ child, grace, onOver }: SessionOptions): Session {
  const open = new Map<number, OpenCall>()
  /** The calls whose callers have left, with the timers of their last moments. */
  const left = new Map<number, NodeJS.Timeout>()
  let lastId = 0
  let over: ProblemError | undefined

  const client = new JSONRPCClient((request: object) => {
    child.write(JSON.stringify(request))
  })

  /** Ends the process. All calls under way fail; what a change has done is not known. */
  const fail = (problem: ProblemError) => {
    if (over !== undefined) return
    over = problem
    for (const timer of left.values()) clearTimeout(timer)
    left.clear()
    for (const { isRead, reject } of open.values()) {
      reject(problem.with({ outcomeUnknown: !isRead }))
    }
    open.clear()
    child.kill()
    onOver(problem)
  }

  const failByDefect = (detail: string) =>
    fail(new ProblemError('provider_error', detail, { hint: defectHint }))

  const receive = (line: string) => {
    if (over !== undefined || line.trim() === '') return
    let message: unknown
    try {
      message = JSON.parse(line)
    } catch {
      return failByDefect(
        `The process of the driver wrote a line to stdout that is not JSON: ${shorten(line)}`
      )
    }
    if (!isResponse(message)) {
      return failByDefect(
        'The process of the driver wrote a line to stdout that is no answer of JSON-RPC 2.0: ' +
          shorten(line)
      )
    }
    const id = message.id as number
    if (!open.delete(id) && !left.has(id)) {
      return failByDefect(
        `The process of the driver answered a request that does not exist: ${shorten(line)}`
      )
    }
    clearTimeout(left.get(id))
    left.delete(id)
    client.receive(message)
  }

  readLines(child.stdout, {
    maxBytes: maxMessage,
    onLine: receive,
    onOverflow: () =>
      failByDefect(
        'The process of the driver wrote a message of more than 8 MiB; long lists cross in pages'
      )
  })
  child.ended.then((reason) =>
    fail(
      new ProblemError(
        'provider_unavailable',
        `The process of the driver does not run: ${reason}`,
        {
          hint:
            'Send the request again: the process is then started again. The log of the server has what it wrote to ' +
            'stderr.'
        }
      )
    )
  )

  /** Tells the process that nobody waits for a call. If it does not answer it in time, it hangs. */
  const cancel = (id: number, { method, remaining }: Request) => {
    client.notify('cancel', { id })
    const hung = () =>
      fail(
        new ProblemError(
          'provider_timeout',
          `The process of the driver hangs: it did not end ${method} within ${
            grace / 1000
          } s after its deadline`
        )
      )
    left.set(id, setTimeout(hung, Math.min(remaining, 86_400_000) + grace))
  }

  return {
    get openCalls () {
      return open.size
    },
    notify (method) {
      client.notify(method, {})
    },
    send: (request) =>
      new Promise<unknown>((resolve, reject) => {
        const { method, params, isRead, signal } = request
        if (over !== undefined) throw over
        signal.throwIfAborted()
        const started = performance.now()
        const id = ++lastId
        const abort = () => {
          open.delete(id)
          cancel(id, {
            ...request,
            remaining: Math.max(0, request.remaining - (performance.now() - started))
          })
          reject((signal.reason as ProblemError).with({ outcomeUnknown: !isRead }))
        }
        signal.addEventListener('abort', abort, { once: true })
        open.set(id, {
          isRead,
          reject (problem) {
            signal.removeEventListener('abort', abort)
            reject(problem)
          }
        })
        Promise.resolve(client.requestAdvanced({ jsonrpc: '2.0', id, method, params })).then(
          ({ result, error }) => {
            signal.removeEventListener('abort', abort)
            if (error === undefined || error === null) resolve(result)
            else reject(toError(error, method, isRead))
          },
          reject
        )
      })
  }
}
