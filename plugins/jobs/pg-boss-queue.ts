import { createHash } from 'node:crypto'
import type PgBoss from 'pg-boss'
import type { PostgresSettings } from '../../config/index.ts'
import { connectionOptions } from '../store/postgres.ts'
import type { JobQueue, TakenJob } from './queue.ts'
import { makeTables, schema } from './tables.ts'

/** Seconds without a renewal after which a job that runs is given to another server. */
const expireSeconds = 15

/** Seconds between two looks for jobs whose server has ended. */
const maintenanceSeconds = 5

/** Milliseconds between two looks for jobs that other servers have planned. */
const pollMs = 2000

/** Connections of each server process beside those of the store. */
const poolSize = 2

/** The `data` of a job in the table of pg-boss. */
interface Content {
  key: string
  data: unknown
  failures: number
}

/** A job with what tells its run from later ones: the token of its row, and how often that row was taken. */
interface HeldJob extends TakenJob {
  id: string
  token: string
  taken: number
}

/** The id of a job, since it exists once for a name and a key. */
function idOf (key: string) {
  const hex = createHash('sha256').update(key).digest('hex')
  return [8, 4, 4, 4, 12].map((length, i, lengths) => {
    const start = lengths.slice(0, i).reduce((sum, one) => sum + one, 0)
    return hex.slice(start, start + length)
  }).join('-')
}

/** pg-boss has no statement that moves a job, renews it, or puts it back at another time. */
const statements = {
  put: `
    insert into ${schema}.job
      (id, name, data, start_after, expire_in, keep_until, retry_limit, singleton_key)
    values ($1, $2, $3::jsonb, now() + $4::float8 * interval '1 ms', interval '${expireSeconds} s',
      'infinity', 2147483647, gen_random_uuid()::text)
    on conflict (name, id) do update set
      start_after = case when job.state = 'active' then job.start_after
        when $5 then least(job.start_after, excluded.start_after) else excluded.start_after end,
      data = case when job.state <> 'active' then case when $5 then job.data else excluded.data end
        when $5 then job.data
        else job.data || jsonb_build_object('again',
          jsonb_build_object('at', excluded.start_after, 'data', excluded.data -> 'data')) end`,
  look: `
    select q.name, extract(epoch from j.start_after - now())::float8 * 1000 as wait
    from unnest($1::text[]) as q(name) cross join lateral (
      select start_after from ${schema}.job
      where job.name = q.name and state < 'active' order by start_after limit 1) as j`,
  renew: `
    update ${schema}.job set started_on = now()
    from unnest($1::text[], $2::uuid[], $3::text[], $4::int[]) as held(name, id, token, taken)
    where job.name = held.name and job.id = held.id and job.state = 'active'
      and job.singleton_key = held.token and job.retry_count = held.taken
    returning job.name, job.id`,
  putBack: `
    update ${schema}.job set state = 'created',
      start_after = least(now() + $5::float8 * interval '1 ms', (data -> 'again' ->> 'at')::timestamptz),
      data = case when data ? 'again'
        then $6::jsonb || jsonb_build_object('data', data -> 'again' -> 'data', 'failures', 0)
        else $6::jsonb end
    where name = $1 and id = $2 and state = 'active' and singleton_key = $3 and retry_count = $4`,
  deleteEnded: `
    delete from ${schema}.job
    where name = $1 and id = $2 and state = 'active' and singleton_key = $3 and retry_count = $4
      and not data ? 'again'`
}

/**
 * Opens the queue of all servers on a store: pg-boss, whose tables are in the same database. pg-boss gives a job to one
 * server and takes it back when that server no longer renews it. `onError` gets what fails in the background.
 */
export async function openBossQueue (
  settings: PostgresSettings,
  names: readonly string[],
  onError: (error: unknown) => void
): Promise<JobQueue> {
  const [{ default: Boss }, { default: { Pool } }] = await Promise.all([
    import('pg-boss'),
    import('pg')
  ])
  const { url, direct_url: direct } = settings
  const options = await connectionOptions(direct ?? url, settings)
  const pool = new Pool({ ...options, max: poolSize, allowExitOnIdle: true })
  // An idle connection that breaks is replaced by the next query.
  pool.on('error', () => {})
  const query = (text: string, values: readonly unknown[]) => pool.query(text, [...values])

  const boss = new Boss({
    db: { executeSql: (text: string, values?: unknown[]) => pool.query(text, values) },
    schema,
    schedule: false,
    maintenanceIntervalSeconds: maintenanceSeconds
  })
  // Without a listener, an error ends the process.
  boss.on('error', onError)

  try {
    await makeTables(pool, names)
    await boss.start()
  } catch (error) {
    await pool.end()
    throw error
  }

  const fetch = async (name: string, count: number): Promise<HeldJob[]> => {
    const jobs = await boss.fetch<Content>(name, { batchSize: count, includeMetadata: true })
    return (jobs as PgBoss.JobWithMetadata<Content>[]).map(
      ({ id, singletonKey: token, retryCount: taken, data: { key, data, failures } }) => ({
        name,
        key,
        data,
        failures,
        id,
        token: token!,
        taken
      })
    )
  }

  const identify = ({ name, id, token, taken }: HeldJob) => [name, id, token, taken]

  return {
    pollMs,
    async put (name, key, at, data, keep) {
      const content = JSON.stringify({ key, data, failures: 0 } satisfies Content)
      // Relative, since the clock of the database decides.
      await query(statements.put, [idOf(key), name, content, at - Date.now(), keep])
    },

    async remove (name, key) {
      await boss.deleteJob(name, idOf(key))
    },

    async take (free) {
      const { rows } = await query(statements.look, [[...free.keys()]])
      const waiting = rows as { name: string, wait: number }[]
      const due = waiting.filter(({ wait }) => wait <= 0)
      const jobs = await Promise.all(due.map(({ name }) => fetch(name, free.get(name)!)))
      const later = waiting.map(({ wait }) => wait).filter((wait) => wait > 0)
      return { jobs: jobs.flat(), nextIn: Math.min(Infinity, ...later) }
    },

    async renew (jobs) {
      const held = jobs as readonly HeldJob[]
      const { rows } = await query(statements.renew, [
        held.map(({ name }) => name),
        held.map(({ id }) => id),
        held.map(({ token }) => token),
        held.map(({ taken }) => taken)
      ])
      const renewed = new Set((rows as HeldJob[]).map(({ name, id }) => `${name} ${id}`))
      return held.filter(({ name, id }) => renewed.has(`${name} ${id}`))
    },

    async finish (job, next) {
      const held = identify(job as HeldJob)
      if (next === undefined) {
        const { rowCount } = await query(statements.deleteEnded, held)
        if (rowCount === 1) return
      }
      // Far away, so that only the time for which the job was planned during its run counts.
      const { at, data, failures } = next ?? { at: Date.now() + 1e12, data: null, failures: 0 }
      const content = JSON.stringify({ key: job.key, data, failures } satisfies Content)
      await query(statements.putBack, [...held, at - Date.now(), content])
    },

    async close () {
      await boss.stop({ graceful: false, close: false })
      await pool.end()
    }
  }
}
