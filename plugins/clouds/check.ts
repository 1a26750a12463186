import Fastify from 'fastify'
import type { Settings } from '../../config/index.ts'
import type { DriverPlugin } from '../../drivers/driver.ts'
import { createFarm } from './farm.ts'

interface Line { cloud: string, driver: string, host: string, result: string, ms: string, detail: string }

/** Asks every cloud how it is, all at once, and tells it as a table. Resolves to whether all enabled clouds are up. */
export async function check (settings: Settings, drivers: ReadonlyMap<string, DriverPlugin>): Promise<{ ok: boolean, table: string }> {
  const app = Fastify({ logger: false })
  app.decorate('clouds', Object.create(null))
  for (const { name, driver, enabled, timeout, max_in_flight, settings: own } of settings.clouds) {
    if (enabled) app.register(drivers.get(driver)!, { ...own, name, timeout, max_in_flight })
  }
  await app.ready()
  const farm = createFarm(settings.clouds, app.clouds)
  const lines = await Promise.all(farm.clouds.map(async (cloud): Promise<Line> => {
    const { name, settings: { driver }, connection } = cloud
    const { status, elapsed_ms: ms, problem } = await cloud.check({ requestId: 'check', log: app.log })
    const detail = problem === null ? '' : `${problem.code}: ${problem.detail}. ${problem.hint}`
    return { cloud: name, driver, host: connection?.host ?? '-', result: status, ms: ms === null ? '-' : String(ms), detail }
  }))
  await app.close()
  return { ok: lines.every(({ result }) => result === 'up' || result === 'disabled'), table: format(lines) }
}

function format (lines: readonly Line[]): string {
  const columns = ['cloud', 'driver', 'host', 'result', 'ms', 'detail'] as const
  const rows = [Object.fromEntries(columns.map((name) => [name, name.toUpperCase()])) as unknown as Line, ...lines]
  const widths = columns.map((name) => Math.max(...rows.map((row) => row[name].length)))
  return rows.map((row) => columns.map((name, i) => row[name].padEnd(widths[i]!)).join('  ').trimEnd()).join('\n')
}
