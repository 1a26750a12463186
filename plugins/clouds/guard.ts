import type { Call } from '../../drivers/call.ts'
import type { Connection, ServiceName } from '../../drivers/driver.ts'
import { callPosition, wrapConnection } from '../../drivers/wrap.ts'
import { ProblemError, toKnownProblem } from '../../openapi/model/index.ts'
import { findMisfit } from './misfit.ts'

const reads = new Set(['list', 'get', 'list_nics', 'console', 'findCreated', 'check'])

/** Milliseconds that a driver has to end a read after the signal of its call. */
const readGrace = 250

/** Milliseconds that a driver has to end a change after the signal of its call: it may have to undo a first step. */
const changeGrace = 12_000

/** Replaces the reason of a partial list with an error of this server's catalog. */
function withKnownProblem (result: unknown) {
  const { partial } = (result ?? {}) as { partial?: unknown }
  return partial instanceof ProblemError
    ? { ...result as object, partial: toKnownProblem(partial) }
    : result
}

const hint = 'The driver of this cloud has a defect. Report it to the authors of the driver.'

/**
 * Returns the connection of a driver from outside this package with checks of all its methods: a method that ignores
 * the signal of its call ends with provider_timeout, and a result that does not fit the model is a provider_error.
 * `timeout` is the time limit of the cloud in milliseconds.
 */
export function guard (connection: Connection, timeout: number): Connection {
  const { driver } = connection

  const endInTime = async (name: string, isRead: boolean, call: Call, run: () => unknown) => {
    const { signal } = call
    const grace = isRead ? readGrace : Math.min(changeGrace, timeout)
    let timer: NodeJS.Timeout | undefined
    let start = () => {}
    const overdue = new Promise<never>((_resolve, reject) => {
      const end = () => {
        const reason = signal.reason as ProblemError
        const detail = `${reason.message}: the driver ${driver} did not end ${name}`
        reject(reason.with({ detail, hint, outcomeUnknown: !isRead }))
      }
      start = () => {
        timer = setTimeout(end, grace)
      }
    })
    if (signal.aborted) start()
    else signal.addEventListener('abort', start, { once: true })
    try {
      return await Promise.race([run(), overdue])
    } finally {
      signal.removeEventListener('abort', start)
      clearTimeout(timer)
    }
  }

  const checkFit = (
    service: ServiceName | undefined,
    method: string,
    isRead: boolean,
    result: unknown
  ) => {
    if (service === undefined) return result
    const misfit = findMisfit(service, method, result)
    if (misfit === undefined) return withKnownProblem(result)
    const detail =
      `The driver ${driver} returned a value that does not fit the model: ${service}.${method}: ${misfit}`
    // The cloud has probably made the change.
    throw new ProblemError('provider_error', detail, { driver, hint, outcomeUnknown: !isRead })
  }

  return wrapConnection(connection, (service, method, run) => {
    if (service === undefined && method !== 'check') return run
    const name = service === undefined ? method : `${service}.${method}`
    const isRead = reads.has(method)
    const position = callPosition(service, method)
    return async (...input) => {
      const result = await endInTime(name, isRead, input[position] as Call, () => run(...input))
      return checkFit(service, method, isRead, result)
    }
  })
}
