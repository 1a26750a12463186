import type { Log } from '../../drivers/call.ts'
import { comparePositions, type Position, type StoredEvent } from './event.ts'
import type { EventLog } from './log.ts'

/** Events in one read of the store. */
const readAtOnce = 500

/** Bounds of what is kept of the newest events, for streams that are a little behind. */
const maxKept = 2000
const maxKeptCharacters = 4_000_000

/** Bounds of the pause before the store is asked again whether a transaction has ended, in milliseconds. */
const minSettlePause = 5
const maxSettlePause = 250

/** Gets new events in their order. The next ones come after its promise. */
export type EventsListener = (events: readonly StoredEvent[]) => void | Promise<void>

/** Gets an event as soon as it is seen, maybe before its turn and more than once. Must not throw. */
export type EventListener = (event: StoredEvent) => void

export interface TailOptions {
  log: EventLog
  logger: Log
  /** Milliseconds until the store is read although the doorbell was silent. */
  pollMs: () => number
  onSeen: EventListener
}

/** Reads the events of the store as they come. It reads only between `start` and `stop`. */
export function createTail ({ log, logger, pollMs, onSeen }: TailOptions) {
  const listeners = new Set<EventsListener>()
  let position: Position | undefined
  let kept: StoredEvent[] = []
  let keptCharacters = 0
  /** The position before the first event that is kept. */
  let keptAfter: Position | undefined
  /** Ids of events that were seen before their turn. */
  const seen = new Set<string>()
  let current = -Infinity
  let reading = false
  let isRung = false
  let isFailing = false
  let settlePause = minSettlePause
  let timer: NodeJS.Timeout | undefined
  let idle = Promise.resolve()
  let isIdle = () => {}

  const keep = (events: readonly StoredEvent[]) => {
    for (const { size } of events) keptCharacters += size
    kept.push(...events)
    let removed = 0
    while (
      kept.length - removed > 0 &&
      (kept.length - removed > maxKept || keptCharacters > maxKeptCharacters)
    ) {
      keptCharacters -= kept[removed]!.size
      removed++
    }
    if (removed === 0) return
    keptAfter = kept[removed - 1]!.position
    kept = kept.slice(removed)
  }

  const see = (events: readonly StoredEvent[], areSettled: boolean) => {
    for (const event of events) {
      const isNew = areSettled ? !seen.delete(event.id) : !seen.has(event.id)
      if (!areSettled) seen.add(event.id)
      if (isNew) onSeen(event)
    }
  }

  const deliver = async (events: readonly StoredEvent[]) => {
    keep(events)
    position = events.at(-1)!.position
    for (const listener of listeners) {
      try {
        await listener(events)
      } catch (err) {
        logger.error({ err }, 'a listener of events failed')
      }
    }
  }

  /** Reads what is new. Returns the milliseconds until the next read; undefined for the usual time. */
  const readOnce = async (): Promise<number | undefined> => {
    const after = position
    if (after === undefined) return undefined
    const began = performance.now()
    const { events, unsettled } = await log.read(after, readAtOnce)
    if (position !== after) return undefined
    see(events, true)
    see(unsettled, false)
    const isWhole = events.length + unsettled.length < readAtOnce
    // With so many events that are held back, some were not seen.
    if (isWhole) current = began
    if (events.length > 0) {
      await deliver(events)
      settlePause = minSettlePause
    }
    if (!isWhole && events.length > 0) return 0
    if (unsettled.length === 0) return undefined
    const pause = settlePause
    settlePause = Math.min(2 * settlePause, maxSettlePause)
    return pause
  }

  const run = async () => {
    if (reading || position === undefined) return
    reading = true
    idle = new Promise((resolve) => {
      isIdle = resolve
    })
    clearTimeout(timer)
    let pause: number | undefined = 0
    try {
      while (pause === 0 || isRung) {
        isRung = false
        pause = await readOnce()
      }
      if (isFailing) logger.info({}, 'events can be read again')
      isFailing = false
    } catch (err) {
      if (!isFailing) logger.warn({ err }, 'events cannot be read; this is tried again')
      isFailing = true
    }
    reading = false
    isIdle()
    if (position === undefined) return
    timer = setTimeout(run, pause || pollMs())
    timer.unref()
  }

  return {
    listeners,
    /** The position up to which events were handed out; undefined if nothing is read. */
    get position () {
      return position
    },
    /** When the store was last read to its end, by the monotonic clock. */
    get current () {
      return current
    },
    /** Begins after the newest event, if it does not read already. Throws store_unavailable. */
    async start () {
      await idle
      if (position !== undefined) return
      const newest = await log.newest()
      if (position !== undefined) return
      position = newest
      keptAfter = newest
      run()
    },
    /** Reads no more. Resolves when the read under way has ended. */
    async stop () {
      position = undefined
      kept = []
      keptCharacters = 0
      keptAfter = undefined
      clearTimeout(timer)
      await idle
    },
    /** Reads soon, since there may be events. */
    wake () {
      if (position === undefined) return
      isRung = true
      run()
    },
    /** At most `limit` events after a position, if they are kept; undefined if they must be read from the store. */
    keptAfter (after: Position, limit: number): readonly StoredEvent[] | undefined {
      if (keptAfter === undefined || comparePositions(after, keptAfter) < 0) return undefined
      const first = kept.findLastIndex(({ position }) => comparePositions(position, after) <= 0) + 1
      return kept.slice(first, first + limit)
    }
  }
}

export type Tail = ReturnType<typeof createTail>
