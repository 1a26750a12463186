import { setTimeout } from 'node:timers/promises'
import { Pool } from 'undici'
import type { Child } from './child.ts'

export interface Load {
  path: string
  requests: number
  /** Requests at the same time, each on a connection of its own that is kept. */
  connections: number
  /** Milliseconds over which the callers come, one after the other; all at once where not given. */
  spread?: number
  /** Status that every answer must have; 200 by default. */
  status?: number
  /** Body of a POST; GET where not given. */
  body?: string
  headers?: Record<string, string>
}

/** Sends so many requests and reads every answer to its end. Resolves to the milliseconds that each took. */
export async function send (
  { address }: Pick<Child, 'address'>,
  { path, requests, connections, spread = 0, status = 200, body, headers = {} }: Load
): Promise<number[]> {
  const pool = new Pool(address, { connections, pipelining: 1, headersTimeout: 0, bodyTimeout: 0 })
  const times: number[] = []
  let left = requests
  const one = async (_: unknown, i: number) => {
    if (spread > 0) await setTimeout((i / connections) * spread)
    while (left-- > 0) {
      const started = performance.now()
      const response = await pool.request(body === undefined
        ? { path, method: 'GET', headers }
        : { path, method: 'POST', body, headers: { 'content-type': 'application/json', ...headers } })
      if (response.statusCode !== status) {
        const text = await response.body.text()
        throw new Error(`${path} answered ${response.statusCode}: ${text.slice(0, 500)}`)
      }
      await response.body.arrayBuffer()
      times.push(performance.now() - started)
    }
  }
  try {
    await Promise.all(Array.from({ length: connections }, one))
  } finally {
    await pool.destroy()
  }
  return times
}

/**
 * Keeps this process awake until the returned function is called. Otherwise the sender of an answer pays for waking it.
 */
function stayAwake (): () => void {
  let awake = true
  const turn = () => { if (awake) setImmediate(turn) }
  turn()
  return () => { awake = false }
}

/** Processor microseconds of the child for each request of this load. */
export async function cpuPerRequest (child: Pick<Child, 'address' | 'usage'>, load: Load): Promise<number> {
  const sleep = stayAwake()
  const before = await child.usage()
  await send(child, load)
  const after = await child.usage()
  sleep()
  return (after.cpu - before.cpu) / load.requests
}
