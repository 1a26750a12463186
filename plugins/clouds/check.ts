import Fastify from 'fastify'
import type { Settings } from '../../config/index.ts'
import type { DriverPlugin } from '../../drivers/driver.ts'
import { connectClouds } from './connect.ts'

const columns = ['cloud', 'driver', 'host', 'result', 'ms', 'detail'] as const
type Row = Record<typeof columns[number], string>

/** Checks all clouds in parallel and returns the results as a table, with whether all enabled clouds are up. */
export async function check (settings: Settings, drivers: ReadonlyMap<string, DriverPlugin>) {
  const app = Fastify({ logger: false })
  const farm = await connectClouds(app, settings, drivers)
  await app.ready()

  const rows = await Promise.all(farm.clouds.map(async (cloud): Promise<Row> => {
    const { name, settings: { driver }, connection } = cloud
    const { status, elapsed_ms: ms, problem } = await cloud.check({
      requestId: 'check',
      log: app.log
    })
    return {
      cloud: name,
      driver,
      host: connection?.host ?? '-',
      result: status,
      ms: String(ms ?? '-'),
      detail: problem === null ? '' : `${problem.code}: ${problem.detail}. ${problem.hint}`
    }
  }))
  await app.close()
  return {
    ok: rows.every(({ result }) => result === 'up' || result === 'disabled'),
    table: format(rows)
  }
}

function format (rows: readonly Row[]): string {
  const header = columns.map((column) => column.toUpperCase())
  const lines = [header, ...rows.map((row) => columns.map((column) => row[column]))]
  const widths = columns.map((_, index) => Math.max(...lines.map((line) => line[index]!.length)))
  return lines
    .map((line) => line.map((cell, index) => cell.padEnd(widths[index]!)).join('  ').trimEnd())
    .join('\n')
}
