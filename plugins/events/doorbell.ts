import type pg from 'pg'
import type { Log } from '../../drivers/call.ts'
import type { StoreSettings } from '../../config/index.ts'
import { connectionOptions, isPooled } from '../store/postgres.ts'
import type { Store } from '../store/tables.ts'

/** The channel of LISTEN and NOTIFY. */
const channel = 'orchestrator_events'

/** Bounds of the pause before a lost connection is opened again, in milliseconds. */
const minPause = 200
const maxPause = 5000

/**
 * Tells servers that there are new events, soon but not surely: a message can be lost, so that they look from time to
 * time anyway.
 */
export interface Doorbell {
  /** Whether other servers are heard. Always true on SQLite, which has no others. */
  isListening(): boolean
  stop(): Promise<void>
}

export interface DoorbellOptions {
  store: Store
  settings: StoreSettings
  /** The id of this server process. */
  server: string
  log: Log
  /** Called when there may be new events. Must not throw. */
  onRing: () => void
}

/** Rings after each commit of this process that wrote an event, and when another server has made one. */
export function createDoorbell (options: DoorbellOptions): Doorbell {
  const { store, settings, server, log, onRing } = options
  store.onEvent(onRing)
  if (settings.url === undefined) return { isListening: () => true, async stop () {} }

  let client: pg.Client | undefined
  let timer: NodeJS.Timeout | undefined
  let pause = minPause
  let stopped = false
  let isTold = false
  let isNotifying = false
  let isAgain = false

  const tellOnce = (details: object, message: string) => {
    if (!isTold) log.warn(details, `${message}: events of other servers are looked for each second`)
    isTold = true
  }

  /** One notification stands for all events that are committed while it is on its way. */
  const notify = async () => {
    if (client === undefined) return
    if (isNotifying) {
      isAgain = true
      return
    }
    isNotifying = true
    try {
      do {
        isAgain = false
        await client?.query('select pg_notify($1, $2)', [channel, server])
      } while (isAgain)
    } catch { /* the connection is lost, and is opened again */ }
    isNotifying = false
  }
  // Not in the transaction of the event: commits that notify run one after the other in PostgreSQL.
  store.onEvent(() => {
    notify()
  })

  const lose = (lost: pg.Client, err?: Error) => {
    if (client === lost) client = undefined
    lost.end().catch(() => {})
    if (stopped || timer !== undefined) return
    if (err !== undefined) tellOnce({ err }, 'the connection that listens to the store is lost')
    timer = setTimeout(() => {
      timer = undefined
      connect()
    }, pause)
    timer.unref()
    pause = Math.min(2 * pause, maxPause)
  }

  const connect = async () => {
    const { default: { Client } } = await import('pg')
    const url = settings.direct_url ?? settings.url
    const opened = new Client(await connectionOptions(url, settings))
    opened.on('error', (error) => lose(opened, error))
    opened.on('end', () => lose(opened))
    opened.on('notification', ({ payload }) => {
      if (payload !== server) onRing()
    })
    try {
      await opened.connect()
      await opened.query(`listen ${channel}`)
      if (stopped) return await opened.end()
      client = opened
      pause = minPause
      if (isTold) log.info({}, 'this server listens to the store again')
      isTold = false
      // Notifications may have been lost meanwhile.
      onRing()
    } catch (error) {
      lose(opened, error as Error)
    }
  }

  /** A pooler gives the session that listens to others. */
  const start = async () => {
    try {
      if (settings.direct_url === undefined && await isPooled(settings)) {
        tellOnce({}, 'store.url leads to a pooler and there is no store.direct_url')
        return
      }
    } catch { /* the store cannot be reached now; connecting is tried again */ }
    await connect()
  }
  const started = start()

  return {
    isListening: () => client !== undefined,
    async stop () {
      stopped = true
      clearTimeout(timer)
      await started
      await client?.end().catch(() => {})
    }
  }
}
