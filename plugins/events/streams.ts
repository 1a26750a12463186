import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { fastifySSE } from '@fastify/sse'
import fp from 'fastify-plugin'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Settings } from '../../config/index.ts'
import { fieldError, rejectFields } from '../../drivers/common/invalid.ts'
import { ProblemError, type EventEnvelope } from '../../openapi/model/index.ts'
import { createEventId } from './writer.ts'
import {
  createEventFilter,
  isEventPattern,
  type EventFilter,
  type EventInterest
} from './filter.ts'
import type { Position } from './event.ts'
import { resetData, resetType } from './reset.ts'
import { createStreamPlaces } from './stream-places.ts'
import { createStreamTexts, toText, type Viewer } from './stream-texts.ts'

declare module 'fastify' {
  interface FastifyInstance {
    eventStreams: EventStreams
  }
  interface FastifyContextConfig {
    /** The answer goes on until the client or the server ends it. */
    isStream?: boolean
  }
}

export interface EventStreams {
  /**
   * Sends events to a client until it goes away, its credential ends, or the server stops. `lastId` is the id of the
   * last event that the client has. Throws validation_failed, cloud_not_found, rate_limited, overloaded and
   * store_unavailable before the first byte.
   */
  open(
    request: FastifyRequest,
    reply: FastifyReply,
    filter: EventFilter,
    lastId: string | undefined
  ): Promise<void>
  /** The filters of the open streams, with the clouds that their callers may read. */
  interests(): Iterable<EventInterest>
  /** Calls the listener when a stream begins. It must not throw. */
  onOpen(listener: () => void): void
}

/** Events that are written to a client at once. */
const writtenAtOnce = 100

/** Bytes that may wait for a client before no more are written. */
const maxWaiting = 64 * 1024

/** Streams that are served in one turn of the event loop. */
const servedInTurn = 100

/** Milliseconds after which the permissions of a client are read again. */
const checkedMs = 1000

/** Milliseconds for which a client stays whose permissions cannot be read. */
const uncheckedMs = 50_000

/** Milliseconds after which a client opens a stream again that has ended. */
const retryMs = 2000

interface Stream extends Viewer {
  request: FastifyRequest
  raw: ServerResponse
  filter: EventFilter
  /** The position of the last event that was written or that the client does not want. */
  position: Position
  /** When the permissions were read, by the monotonic clock. */
  checkedAt: number
  isPumping: boolean
}

/** Tells a client that events are missing. */
const resetEnvelope = (): EventEnvelope => ({
  id: createEventId(),
  type: resetType,
  time: new Date().toISOString(),
  cloud: null,
  resource: null,
  data: resetData('Events after the given id are not kept, or the id is of another store.')
})

/** Sends events to the clients that listen (server-sent events). */
export default fp(async (fastify, { settings }: { settings: Settings }) => {
  const { events, auth, farm, log, metrics } = fastify
  const { slow_seconds: slowSeconds, heartbeat_seconds: heartbeatSeconds } = settings.events
  const streams = new Set<Stream>()
  const places = createStreamPlaces(settings.events, auth.enabled)
  const texts = createStreamTexts(events)
  let subscription: Promise<() => void> | undefined
  const openListeners: (() => void)[] = []
  let isClosing = false

  // The heartbeat of this server carries a position.
  await fastify.register(fastifySSE, { heartbeatInterval: 0 })

  metrics.gauge({
    name: 'event_streams',
    help: 'Streams of events that are open.',
    labels: []
  }, () => [{ labels: {}, value: streams.size }])
  const countEnd = metrics.counter({
    name: 'event_streams_ended_total',
    help: 'Streams of events that the server has ended. reason: slow, credential, failure.',
    labels: ['reason']
  })

  const end = (stream: Stream, reason: 'slow' | 'credential' | 'failure') => {
    if (!streams.delete(stream)) return
    countEnd({ reason })
    // Events that wait for a slow client would stay in memory.
    if (reason === 'slow') stream.raw.destroy()
    else stream.raw.end()
  }

  /** Reads the permissions of a client again. Ends its stream if it has none any more. */
  const check = async (stream: Stream) => {
    const { request } = stream
    try {
      await auth.renew(request)
      stream.checkedAt = performance.now()
    } catch (error) {
      if ((error as ProblemError).code === 'unauthenticated') return end(stream, 'credential')
      if (performance.now() - stream.checkedAt > uncheckedMs) end(stream, 'failure')
    }
  }

  const isChecked = ({ checkedAt, request: { caller: { expiresAt } } }: Stream) =>
    performance.now() - checkedAt < checkedMs && (expiresAt === null || expiresAt > Date.now())

  /** Waits until a client has read what was written. A client that reads nothing at all loses its stream. */
  const waitForClient = async (stream: Stream) => {
    const { raw, raw: { socket } } = stream
    const before = socket?.timeout ?? 0
    const stop = new AbortController()
    const { signal } = stop
    // The time limit of a socket begins again with each byte that the client takes. Node.js looks for such bytes only
    // when the limit is over, so it can take twice as long.
    socket?.setTimeout(slowSeconds * 1000)
    const ends = [once(raw, 'drain', { signal }), once(raw, 'close', { signal })]
    const stalls = socket === null ? [] : [once(socket, 'timeout', { signal }).then(() => end(stream, 'slow'))]
    try {
      await Promise.race([...ends, ...stalls])
    } catch { /* the connection broke */ } finally {
      stop.abort()
      await Promise.allSettled([...ends, ...stalls])
      socket?.setTimeout(before)
    }
  }

  const pumpAll = async (stream: Stream) => {
    while (streams.has(stream)) {
      if (stream.raw.writableLength > maxWaiting) {
        await waitForClient(stream)
        continue
      }
      // A client that is far behind reads from the store. The others need no promise, so that a batch is written to all
      // of them in a few turns.
      const { position } = stream
      const batch = events.recent(position, writtenAtOnce) ??
        (await events.read(position, writtenAtOnce)).events
      const last = batch.at(-1)
      if (last === undefined) return
      if (!isChecked(stream)) {
        await check(stream)
        if (!streams.has(stream)) return
      }
      const text = texts.render(stream, stream.request.caller, batch)
      stream.position = last.position
      if (text !== null) stream.raw.write(text)
    }
  }

  /** Writes to a client what it has not got, until nothing is left. */
  const pump = async (stream: Stream) => {
    if (stream.isPumping) return
    stream.isPumping = true
    try {
      await pumpAll(stream)
    } catch (err) {
      // The client continues with its last id when the store answers again.
      log.warn({ err }, 'a stream of events has ended, since the events could not be read')
      end(stream, 'failure')
    } finally {
      stream.isPumping = false
    }
  }

  const pumpEach = async () => {
    let served = 0
    for (const stream of streams) {
      pump(stream)
      if (++served % servedInTurn === 0) await nextTurn()
    }
  }

  const subscribe = async () => {
    subscription ??= events.onEvents(() => pumpEach())
    try {
      await subscription
    } catch (error) {
      subscription = undefined
      throw error
    }
  }

  const unsubscribe = async () => {
    if (places.taken > 0 || subscription === undefined) return
    const ended = subscription
    subscription = undefined
    const stop = await ended.catch(() => () => {})
    stop()
  }

  const checkFilter = ({ clouds = [], types = [] }: EventFilter, request: FastifyRequest) => {
    for (const name of clouds) farm.seenBy(request.caller).get(name)
    const unknown = types.filter((pattern) => !isEventPattern(pattern))
    const message = `no event has the type ${unknown.join(', ')}; expected such as node.* or operation.ended`
    rejectFields(unknown.length === 0 ? [] : [{ ...fieldError('/type', message), in: 'query' }])
  }

  /** Where a stream begins, and whether events before it are missing. */
  const startOf = async (lastId: string | undefined) => {
    const resumed = lastId === undefined ? undefined : await events.fromId(lastId)
    const isMissing = lastId !== undefined && resumed === undefined
    return { position: resumed ?? events.position ?? await events.newest(), isMissing }
  }

  fastify.decorate('eventStreams', {
    interests: function * () {
      for (const { filter, request: { caller } } of streams) {
        yield { filter, mayRead: (cloud) => caller.may('read', cloud) }
      }
    },
    onOpen (listener) {
      openListeners.push(listener)
    },
    async open (request, reply, filter, lastId) {
      checkFilter(filter, request)
      const free = places.take(request.caller.identity)
      const release = () => {
        free()
        unsubscribe()
      }
      const { raw } = reply
      try {
        await subscribe()
        const { position, isMissing } = await startOf(lastId)
        const stream: Stream = {
          request,
          raw,
          filter,
          filterKey: JSON.stringify(filter),
          fits: createEventFilter(filter),
          position,
          checkedAt: performance.now(),
          isPumping: false
        }
        if (raw.destroyed || isClosing) return release()
        raw.once('close', () => {
          streams.delete(stream)
          release()
        })
        reply.header('cache-control', 'no-store')
        reply.sse.keepAlive()
        // Without an event, @fastify/sse would send no headers. Its `send` is not used: it never settles if the client
        // goes away while it waits.
        reply.sse.sendHeaders()
        const id = events.toId(position)
        raw.write(`retry: ${retryMs}\nid: ${id}\n\n${isMissing ? toText(id, resetEnvelope()) : ''}`)
        streams.add(stream)
        pump(stream)
        for (const listener of openListeners) listener()
      } catch (error) {
        release()
        throw error
      }
    }
  })

  const beat = () => {
    for (const stream of streams) {
      if (!isChecked(stream)) check(stream)
      // A client that gets few events has a recent position too.
      if (!stream.isPumping) {
        stream.raw.write(`: heartbeat\nid: ${events.toId(stream.position)}\n\n`)
      }
    }
  }
  const heartbeat = setInterval(beat, heartbeatSeconds * 1000)
  heartbeat.unref()

  // Before the listener closes. Clients continue on another server, or after the restart.
  fastify.addHook('preClose', async () => {
    isClosing = true
    clearInterval(heartbeat)
    for (const { raw } of streams) raw.end()
    streams.clear()
  })
}, { name: 'event-streams', dependencies: ['auth', 'clouds', 'events', 'metrics', 'shutdown'] })
