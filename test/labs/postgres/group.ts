import { mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import type { Test } from 'tap'
import { serve, type Serving } from '../../fixtures/process.ts'

/** Server processes on one store. */
export interface Group {
  /** Those that run, by their number. */
  servers: (Serving | undefined)[]
  /** Starts the server with this number. */
  start (i: number): Promise<Serving>
  /** Ends one with SIGKILL. */
  kill (i: number): Promise<void>
  /** Ends one with SIGTERM. Resolves to its exit code. */
  stop (i: number): Promise<unknown>
  /** One that runs. */
  any (): Serving
}

/** Makes a group of servers, each with settings of its own: `settingsOf` gets its number. */
export function createGroup (
  t: Test,
  folder: string,
  settingsOf: (i: number) => object,
  startOne: (t: Test, cwd: string, i: number) => Promise<Serving> = (t, cwd) => serve(t, [], { cwd })
): Group {
  const servers: (Serving | undefined)[] = []
  const end = async (i: number, signal: NodeJS.Signals) => {
    const server = servers[i]!
    servers[i] = undefined
    server.child.kill(signal)
    return server.ended
  }
  return {
    servers,
    async start (i) {
      const cwd = path.join(folder, `server-${i}`)
      mkdirSync(cwd, { recursive: true })
      const settings = { port: 0, log_requests: false, ...settingsOf(i) }
      writeFileSync(path.join(cwd, 'orchestrator.json'), JSON.stringify(settings))
      const server = await startOne(t, cwd, i)
      servers[i] = server
      return server
    },
    async kill (i) {
      await end(i, 'SIGKILL')
    },
    stop: (i) => end(i, 'SIGTERM'),
    any () {
      const running = servers.filter((one) => one !== undefined)
      if (running.length === 0) throw new Error('no server runs')
      return running[Math.floor(Math.random() * running.length)]!
    }
  }
}

export interface Answer {
  status: number
  body: any
}

/** Sends one request. Throws if the connection breaks, or without an answer after so many milliseconds. */
export async function ask (url: string, options: RequestInit = {}, limit = 60_000): Promise<Answer> {
  const response = await fetch(url, { signal: AbortSignal.timeout(limit), ...options })
  const text = await response.text()
  return { status: response.status, body: text === '' ? undefined : JSON.parse(text) }
}

export const toJson = (method: string, body: unknown, headers: Record<string, string> = {}): RequestInit => ({
  method,
  headers: { 'content-type': 'application/json', ...headers },
  body: JSON.stringify(body)
})
