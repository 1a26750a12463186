import { startCluster } from '../labs/postgres/cluster.ts'
import { runLoad } from './load.ts'

/**
 * Sends 10,000 events to 1,000 clients, 100 of which read nothing for a while, on SQLite and on PostgreSQL. Ends with 1
 * if a client did not get each event once, or if the memory of the server grew by more than its bound.
 */
const load = { clients: 900, slow: 100, events: 10_000, bytes: 1000 }

/** Megabytes: 100 slow clients with 64 kB and one batch each, and the events that are kept. */
const maxGrowth = 200

const endings: (() => unknown)[] = []
try {
  const cluster = await startCluster({ teardown: (end) => { endings.push(end) } })
  const stores: [string, Record<string, string>][] = [
    ['SQLite', {}], ['PostgreSQL', { DATABASE_URL: await cluster.createDatabase() }]
  ]
  for (const [name, env] of stores) {
    const { wrong, dropped, seconds, memory } = await runLoad(load, env)
    const growth = memory.highest - memory.before
    process.stdout.write(
      `${name}: ${load.events} events to ${load.clients} clients in ${seconds} s, ${dropped} of ${load.slow} slow ` +
      `clients dropped and continued, memory ${memory.before} MB, at most ${memory.highest} MB\n`
    )
    for (const line of new Set(wrong)) process.stdout.write(`wrong: ${line}\n`)
    if (wrong.length > 0 || growth > maxGrowth) process.exitCode = 1
  }
} finally {
  for (const end of endings) await end()
}
