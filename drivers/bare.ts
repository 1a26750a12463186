import { openCall, type Call, type Log } from './call.ts'
import type { Connection } from './driver.ts'
import type { ListQuery, ReadOptions, Services } from './services.ts'
import { callPosition, wrapConnection } from './wrap.ts'

type WithoutCall<F> = F extends (...input: [...infer Input, Call]) => infer Result ?
    (...input: [...Input, call?: Call]) => Result :
  F extends (id: infer Id, call: Call, options?: infer Options) => infer Result ?
      (id: Id, call?: Call, options?: Options) => Result :
    F

type ResultOf<F> = F extends (...input: never[]) => infer Result ? Result : never

type BareService<S> = {
  [M in keyof S]: M extends 'list' ?
    S[M] extends (call: Call) => infer Result ? (call?: Call) => Result :
        (query?: Partial<ListQuery>, call?: Call) => ResultOf<S[M]> :
    M extends 'get' ? (id: string, options?: Partial<ReadOptions>, call?: Call) => ResultOf<S[M]> :
      WithoutCall<S[M]>
}

/**
 * A connection whose methods need no call: `nodes.list()`. A call that is not given has the time limit of the cloud and
 * the log of the Fastify app. A list without a query is the first page of at most 100 items.
 */
export type BareConnection =
  & Omit<Connection, keyof Services | 'check'>
  & {
    [S in keyof Services]: BareService<NonNullable<Services[S]>>
  }
  & { check(call?: Call): ReturnType<Connection['check']> }

const connections = new WeakMap<object, Connection>()

/** Returns the connection itself, as the driver made it. */
export const connectionOf = (bare: BareConnection): Connection =>
  connections.get(bare) ?? bare as Connection

const listQuery: ListQuery = { limit: 100, token: null, filters: {}, extra: false }

/** Returns what stands before the call, with defaults. Bodies of actions are optional. */
function completeInput (method: string, position: number, given: unknown[]): unknown[] {
  const input = given.slice(0, position)
  if (method === 'list' && position === 1) return [{ ...listQuery, ...input[0] as object }]
  if (method === 'get') return [input[0], { extra: false, ...input[1] as object }]
  if (method === 'console') return [input[0], input[1] ?? 'text']
  if (position === 2) input[1] ??= {}
  return input
}

export interface BareOptions {
  /** The time limit of a call in milliseconds. */
  timeout: number
  log: Log
}

/** Adds defaults for the query and the call of every method. */
export function withDefaults (
  connection: Connection,
  { timeout, log }: BareOptions
): BareConnection {
  const bare = wrapConnection(connection, (service, method, run) => {
    if (service === undefined && method !== 'check') return run
    const position = callPosition(service, method)
    return async (...given) => {
      if (given[position] !== undefined) return run(...given)
      const call = openCall({ timeout, log, requestId: connection.cloud })
      try {
        return await run(
          ...completeInput(method, position, given),
          call,
          ...given.slice(position + 1)
        )
      } finally {
        call.end()
      }
    }
  }) as BareConnection
  connections.set(bare, connection)
  return bare
}
