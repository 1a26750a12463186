import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import type { FastifyInstance } from 'fastify'
import { request } from 'undici'
import { importBuilt, toKnownSettings } from './build.ts'
import { folder } from './child.ts'

/** A server in this process, so that its event loop can be watched. */
export async function createHere (
  name: string, settings: { clouds?: object, [name: string]: unknown }
): Promise<FastifyInstance> {
  const { createApp } = await importBuilt<typeof import('../../app.ts')>('app.js')
  const { loadSettings } = await importBuilt<typeof import('../../config/index.ts')>('config/index.js')
  const { loadDrivers } = await importBuilt<typeof import('../../drivers/load.ts')>('drivers/load.js')
  const file = path.join(folder, `${name}.json`)
  writeFileSync(file, JSON.stringify({ store: { file: ':memory:' }, ...toKnownSettings(settings) }))
  const drivers = await loadDrivers()
  return createApp({ settings: loadSettings({ config: file, env: {}, cwd: folder, drivers }), drivers })
}

interface Page { items: { id: string }[], next_cursor: string | null }

export interface Walk {
  ids: ReadonlySet<string>
  pages: number
}

/** Walks through the pages of a list as a client does. */
export async function walk (url: string): Promise<Walk> {
  const ids = new Set<string>()
  let pages = 0
  let next: string | null = null
  do {
    const { statusCode, body } = await request(next === null ? url : `${url}&cursor=${next}`)
    if (statusCode !== 200) throw new Error(`GET ${url} answered ${statusCode}: ${await body.text()}`)
    const page = await body.json() as Page
    for (const { id } of page.items) ids.add(id)
    next = page.next_cursor
    pages++
  } while (next !== null)
  return { ids, pages }
}

/** Milliseconds that it takes. */
export async function timed (run: () => Promise<unknown>): Promise<number> {
  const started = performance.now()
  await run()
  return performance.now() - started
}

/** Remembers the longest that the event loop stood still while what it was given ran, in milliseconds. */
export function createStall () {
  let longest = 0
  return {
    async during<T> (run: () => Promise<T>): Promise<T> {
      // A new one each time: one that is enabled again counts the time it was not.
      const delay = monitorEventLoopDelay({ resolution: 1 })
      delay.enable()
      const result = await run()
      delay.disable()
      longest = Math.max(longest, delay.max / 1e6)
      return result
    },
    longest: () => longest
  }
}
