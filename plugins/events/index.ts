import fp from 'fastify-plugin'
import type { Settings } from '../../config/index.ts'
import type { EventEnvelope } from '../../openapi/model/index.ts'
import type { Caller } from '../auth/caller.ts'
import { createDoorbell } from './doorbell.ts'
import { toEnvelope } from './envelope.ts'
import {
  isInternal,
  positionText,
  readPosition,
  type Position,
  type StoredEvent
} from './event.ts'
import { createEventLog, type EventsRead } from './log.ts'
import { createTail, type EventListener, type EventsListener } from './tail.ts'
import { createEventWriter, type EventWriter } from './writer.ts'

declare module 'fastify' {
  interface FastifyInstance {
    events: Events
  }
}

/** The events in the store. Each is written in the commit of its change, and every server reads it. */
export interface Events {
  /** Returns the changes of the store that write events. They belong into the commit of what they report. */
  changes: EventWriter
  /**
   * Calls the listener with all events that are committed from now on, internal ones included, in the order of commits.
   * Resolves to a function that ends this. Throws store_unavailable.
   */
  onEvents(listener: EventsListener): Promise<() => void>
  /**
   * Calls the listener with each event of other servers, soon after it was committed: maybe before its turn, and maybe
   * twice. Never called on SQLite, which has no other servers.
   */
  onSeen(listener: EventListener): void
  /**
   * Whether this server has seen what others wrote until a few seconds ago. If it has not, it must ask the store in
   * place of its memory.
   */
  isCurrent(): boolean
  /** Reads at most `limit` events after a position. Throws store_unavailable. */
  read(after: Position, limit: number): Promise<EventsRead>
  /** The events after a position that are in memory; undefined if they must be read. */
  recent(after: Position, limit: number): readonly StoredEvent[] | undefined
  /** Whether all events after a position are in the store. Throws store_unavailable. */
  covers(position: Position): Promise<boolean>
  /** The position after which all events are in the store. Throws store_unavailable. */
  oldest(): Promise<Position>
  /** The position of the newest event. Throws store_unavailable. */
  newest(): Promise<Position>
  /** The position up to which the listeners of `onEvents` have been called; undefined if there are none. */
  readonly position: Position | undefined
  /** The text of a position for clients, which is valid for this store only. */
  toId(position: Position): string
  /** Reads such a text. Undefined if events after it are missing, or if it is of another store. */
  fromId(id: string): Promise<Position | undefined>
  /** The event as a caller sees it; undefined if the caller may not see it. */
  show(event: StoredEvent, caller: Caller): EventEnvelope | undefined
}

const second = 1000
const hourSeconds = 3600

/** Milliseconds between two looks at the store, and those of a server that hears no others. */
const pollMs = 2 * second
const deafPollMs = second

/** Milliseconds since the last look for which memory may be trusted. With it, a revocation works within 5 s. */
const trustMs = 4 * second

export default fp(async (fastify, { settings }: { settings: Settings }) => {
  const { store, membership, jobs, log: logger } = fastify
  const isShared = store.kind === 'postgres'
  const log = createEventLog(store)
  await log.dropIfRestored()
  // The beginning of a uuid tells the few stores apart that a client meets.
  const storeId = (await log.storeId()).slice(0, 8)
  const served = new Set(settings.clouds.map(({ name }) => name))
  const seenListeners: EventListener[] = []

  const tail = createTail({
    log,
    logger,
    pollMs: () => isShared && !doorbell.isListening() ? deafPollMs : pollMs,
    onSeen (event) {
      if (!isShared || event.server === membership.id) return
      for (const listener of seenListeners) listener(event)
    }
  })
  const doorbell = createDoorbell({
    store,
    settings: settings.store,
    server: membership.id,
    log: logger,
    onRing: tail.wake
  })
  if (isShared) await tail.start()

  const maySee = (caller: Caller, { cloud }: StoredEvent) =>
    cloud === null || (served.has(cloud) ? caller.may('read', cloud) : caller.mayEverywhere('admin'))

  fastify.decorate(
    'events',
    {
      changes: createEventWriter(store, membership.id),
      async onEvents (listener) {
        tail.listeners.add(listener)
        try {
          await tail.start()
        } catch (error) {
          tail.listeners.delete(listener)
          throw error
        }
        return () => {
          tail.listeners.delete(listener)
          if (tail.listeners.size === 0 && !isShared) tail.stop()
        }
      },
      onSeen (listener) {
        seenListeners.push(listener)
      },
      isCurrent: () => !isShared || performance.now() - tail.current < trustMs,
      read: log.read,
      recent: tail.keptAfter,
      covers: log.covers,
      oldest: log.floor,
      newest: log.newest,
      get position () {
        return tail.position
      },
      toId: (position) => `${storeId}-${positionText(position)}`,
      async fromId (id) {
        const prefix = `${storeId}-`
        const position = id.startsWith(prefix) ? readPosition(id.slice(prefix.length)) : undefined
        return position !== undefined && await log.covers(position) ? position : undefined
      },
      show: (event, caller) =>
        isInternal(event) || !maySee(caller, event) ? undefined : toEnvelope(event, caller)
    } satisfies Events
  )

  const keepSeconds = settings.events.keep_hours * hourSeconds
  jobs.every('events-purge', Math.min(hourSeconds, keepSeconds), () =>
    log.purge(new Date(Date.now() - keepSeconds * second).toISOString()))
  fastify.addHook('onClose', async () => {
    await doorbell.stop()
    await tail.stop()
  })
}, { name: 'events', dependencies: ['store', 'membership', 'jobs'] })
