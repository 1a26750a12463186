import fp from 'fastify-plugin'
import type { Settings } from '../../config/index.ts'
import { readAll } from '../../drivers/common/pages.ts'
import type { ReadService } from '../../drivers/driver.ts'
import type { ResourceChange } from '../../openapi/model/index.ts'
import type { Cloud } from '../clouds/cloud.ts'
import type { CloudHandle } from '../clouds/handle.ts'
import { readStatus } from '../operations/follow.ts'
import { StoreConflict } from '../store/errors.ts'
import {
  applyDifferences,
  findDifferences,
  type Difference,
  type ListedResource,
  type Seen
} from './differences.ts'
import type { NewEvent, StoredEvent } from './event.ts'
import { matchesPattern } from '../lists/filters.ts'
import { createLeases, type WatchKey } from './lease.ts'
import { createEventId } from './writer.ts'
import type { EventInterest } from './filter.ts'

declare module 'fastify' {
  interface FastifyInstance {
    eventWatching: EventWatching
  }
}

export interface EventWatching {
  /** Adds somebody who receives events, such as webhooks. Clouds are watched that one of the interests names. */
  addInterests(interests: () => Iterable<EventInterest>): void
}

const kinds = { nodes: 'node', volumes: 'volume' } as const
const watched = ['nodes', 'volumes'] as const

/** Clouds that are listed at once. */
const maxTogether = 20

/** Resources that are read one by one because a list omits them, in one look. */
const maxMissing = 20

/** Milliseconds after the event of an operation for which its resources are left to it: lists can be older. */
const touchedMs = 3000

/** Milliseconds for which a resource that was destroyed may still be listed. */
const destroyedMs = 300_000

interface Watch {
  key: WatchKey
  seen: Seen | undefined
  isRunning: boolean
}

/** When something was last noted, by id, in milliseconds of the monotonic clock. Old notes are forgotten. */
function createNotes (ms: number) {
  const notes = new Map<string, number>()
  return {
    note (id: string) {
      notes.delete(id)
      notes.set(id, performance.now())
      for (const [old, at] of notes) {
        if (performance.now() - at < ms) break
        notes.delete(old)
      }
    },
    isSince: (id: string, since: number) => (notes.get(id) ?? -Infinity) >= since
  }
}

const effects = ['created', 'state_changed', 'destroyed'] as const

/** Whether somebody wants the events of a service. */
function wants ({ filter, mayRead }: EventInterest, { cloud, service }: WatchKey) {
  const { clouds, types } = filter
  if (clouds?.includes(cloud) === false || !mayRead(cloud)) return false
  const own = effects.map((effect) => `${kinds[service]}.${effect}`)
  return types?.some((pattern) => own.some((type) => matchesPattern(pattern, type))) ?? true
}

/**
 * Finds what was changed outside of this server: lists the nodes and volumes of the clouds whose events somebody wants,
 * and reports the differences. Of several servers one does this for a cloud.
 */
export default fp(async (fastify, { settings }: { settings: Settings }) => {
  const { events, eventStreams, farm, membership, store, log } = fastify
  const intervalMs = settings.events.watch_seconds * 1000
  const leaseMs = Math.max(3 * intervalMs, 30_000)
  const leases = createLeases(store, membership.id)
  const watches = new Map<string, Watch>()
  const sources: (() => Iterable<EventInterest>)[] = [() => eventStreams.interests()]
  const touched = createNotes(60_000)
  const destroyed = createNotes(destroyedMs)
  let stopListening: (() => void) | undefined
  let isClosed = false

  const pathOf = ({ cloud, service }: WatchKey, id: string) =>
    `/api/v2/clouds/${cloud}/${service}/${encodeURIComponent(id)}`

  const toEvent = (key: WatchKey, difference: Difference): NewEvent => {
    const { effect, id, name, state, before } = difference
    const kind = kinds[key.service]
    const self = pathOf(key, id)
    const content: ResourceChange = {
      kind,
      id,
      name,
      state,
      previous_state: before,
      operation: null,
      self
    }
    const type = `${kind}.${effect}` as const
    return { id: createEventId(), type, cloud: key.cloud, resource: self, content }
  }

  /** Follows the events of operations, so that what they have changed is no difference. */
  const follow = (event: StoredEvent) => {
    if (event.type.startsWith('operation.')) {
      const { target, resources } = event.content as {
        target: { self: string } | null
        resources: { self: string }[]
      }
      for (const one of [target, ...resources]) if (one !== null) touched.note(one.self)
      return
    }
    const [, kind, effect] = /^(node|volume)\.(\w+)$/.exec(event.type) ?? []
    if (kind === undefined || event.cloud === null) return
    const { id, state, self } = event.content as ResourceChange
    if (effect === 'destroyed') destroyed.note(self)
    const { seen } = watches.get(`${event.cloud} ${kind}s`) ?? {}
    if (seen === undefined) return
    if (effect === 'destroyed') seen.delete(id)
    else if (state !== null) seen.set(id, state)
  }

  /** The paths of the resources of operations under way; with null if a create has no resource yet. */
  const underWay = async ({ cloud, service }: WatchKey) => {
    const rows = await store.selectFrom('operations')
      .leftJoin('operation_resources', 'operation_resources.operation_id', 'operations.id')
      .select(['operations.kind', 'operation_resources.self'])
      .where('operations.cloud', '=', cloud).where('operations.finished_at', 'is', null).execute()
    const isCreating = rows.some(({ kind, self }) => kind === `${service}.create` && self === null)
    return { paths: new Set(rows.flatMap(({ self }) => self ?? [])), isCreating }
  }

  const listOf = (cloud: CloudHandle, { service }: WatchKey) => {
    const query = { limit: 1000, filters: {}, extra: false, brief: true }
    return readAll((token: string | null) =>
      cloud.call(async (connection, call) => {
        const { list } = connection[service] as ReadService<ListedResource>
        const page = await list.call(connection[service], { ...query, token }, call)
        const { partial } = page as { partial?: Error }
        if (partial !== undefined) throw partial
        return page
      })
    )
  }

  /** The resources among these that do not exist. */
  const findGone = async (
    cloud: CloudHandle,
    { service }: WatchKey,
    seen: Seen,
    ids: readonly string[]
  ) => {
    const gone: Difference[] = []
    for (const id of ids.slice(0, maxMissing)) {
      if (await readStatus(cloud, { kind: kinds[service], id }) !== null) continue
      gone.push({ effect: 'destroyed', id, name: null, state: null, before: seen.get(id) ?? null })
    }
    return gone
  }

  const look = async (watch: Watch) => {
    const { key } = watch
    const lease = await leases.take(key, leaseMs, leaseMs + 2 * intervalMs)
    if (lease === undefined) {
      watch.seen = undefined
      return
    }
    watch.seen ??= lease.seen
    const cloud = farm.handle(key.cloud, { requestId: 'watch', log })
    const before = await underWay(key)
    const began = performance.now()
    const listed = await listOf(cloud, key)
    const after = await underWay(key)
    if (watch.seen === undefined) {
      watch.seen = new Map(listed.map(({ id, state }) => [id, state]))
      await leases.write(key, watch.seen, [])
      return
    }
    const { seen } = watch
    const isCreating = before.isCreating || after.isCreating
    const isSkipped = (id: string) => {
      const path = pathOf(key, id)
      return before.paths.has(path) || after.paths.has(path) ||
        touched.isSince(path, began - touchedMs) ||
        destroyed.isSince(path, began - destroyedMs) || (isCreating && !seen.has(id))
    }
    const { differences: changed, missing } = findDifferences(seen, listed, isSkipped)
    const gone = await findGone(cloud, key, seen, missing)
    const differences = [...changed, ...gone]
    if (differences.length === 0) return
    const next = applyDifferences(seen, differences)
    await leases.write(key, next, events.changes(differences.map((one) => toEvent(key, one))))
    watch.seen = next
    farm.get(key.cloud).freshness.touch(key.service)
  }

  const lookOrLog = async (watch: Watch) => {
    if (watch.isRunning) return
    watch.isRunning = true
    try {
      await look(watch)
    } catch (err) {
      // Another server watches now, or the cloud cannot be listed: its health says so.
      if (!(err instanceof StoreConflict)) log.debug({ err, ...watch.key }, 'a cloud could not be watched')
    } finally {
      watch.isRunning = false
    }
  }

  const canList = ({ connection, settings: { enabled } }: Cloud, service: WatchKey['service']) =>
    enabled && connection?.[service]?.list !== undefined

  const wantedKeys = (): WatchKey[] => {
    const interests = sources.flatMap((source) => [...source()])
    if (interests.length === 0) return []
    return farm.clouds.flatMap((cloud) =>
      watched.filter((service) => canList(cloud, service))
        .map((service) => ({ cloud: cloud.name, service }))
    ).filter((key) => interests.some((interest) => wants(interest, key)))
  }

  /** Adds and removes watches, as somebody wants their events. */
  const adjust = async () => {
    const wanted = new Map(wantedKeys().map((key) => [`${key.cloud} ${key.service}`, key]))
    for (const [name, { key }] of watches) {
      if (wanted.has(name)) continue
      watches.delete(name)
      await leases.release(key)
    }
    for (const [name, key] of wanted) {
      if (!watches.has(name)) watches.set(name, { key, seen: undefined, isRunning: false })
    }
    if (watches.size > 0) {
      stopListening ??= await events.onEvents((batch) => batch.forEach(follow))
    } else {
      stopListening?.()
      stopListening = undefined
    }
  }

  let running: Promise<void> | undefined
  let isAgain = false

  const round = async () => {
    do {
      isAgain = false
      await adjust()
      const waiting = [...watches.values()]
      const work = async () => {
        for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
          if (!isClosed) await lookOrLog(next)
        }
      }
      await Promise.all(Array.from({ length: maxTogether }, work))
    } while (isAgain)
  }

  const run = () => {
    if (isClosed) return
    isAgain = true
    running ??= round()
      .catch((err: unknown) => log.warn({ err }, 'clouds could not be watched; this is tried again'))
      .finally(() => {
        running = undefined
      })
  }
  // The first look is the state with which later ones are compared.
  eventStreams.onOpen(() => {
    const isNew = wantedKeys().some(({ cloud, service }) => !watches.has(`${cloud} ${service}`))
    if (isNew) run()
  })
  const timer = setInterval(run, intervalMs)
  timer.unref()

  fastify.decorate('eventWatching', {
    addInterests (interests) {
      sources.push(interests)
    }
  })
  fastify.addHook('preClose', async () => {
    isClosed = true
    clearInterval(timer)
    await running
    stopListening?.()
    for (const { key } of watches.values()) await leases.release(key).catch(() => {})
  })
}, { name: 'event-watching', dependencies: ['clouds', 'events', 'event-streams', 'membership', 'store'] })
