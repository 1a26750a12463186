import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Test } from 'tap'
import { serve } from '../../fixtures/process.ts'
import { makeDirectory } from '../../helper/app.ts'
import { startCluster } from './cluster.ts'
import { ask, createGroup, toJson, type Answer, type Group } from './group.ts'

const nodes = '/api/v2/clouds/default/nodes'

const clock = path.join(import.meta.dirname, '../../fixtures/clock.js')

/** The environment of a server whose clock is so many milliseconds ahead. */
export const clockEnvironment = (offset: number): Record<string, string> =>
  offset === 0 ? {} : { NODE_OPTIONS: `--import=${clock}`, CLOCK_OFFSET_MS: String(offset) }

/** Requests that are under way at once. */
const atOnce = 8

/** The cloud of the servers, in a process that is not killed. */
export interface KillTarget {
  /** The settings of the cloud. */
  settings: object
  image_id: string
  size_id: string
  /** The nodes that the cloud has, past the servers; those that are destroyed too, if it still shows them. */
  nodes (): Promise<{ id: string, isDestroyed: boolean }[]>
}

export interface KillOptions {
  creates: number
  kills: number
  /** Milliseconds that the clock of each server is ahead. */
  clocks?: readonly [number, number, number]
}

/** Whether a client sends the same request again: the server says that a later try may succeed. */
const isRepeated = ({ status, body }: Answer) =>
  status >= 500 || body?.code === 'idempotency_in_progress' || body?.code === 'operation_in_progress'

/** Sends a request to any of the servers until one answers it, as a careful client does. */
async function persist (group: Group, path: string, options: RequestInit): Promise<Answer> {
  let last: unknown
  for (const deadline = Date.now() + 180_000; Date.now() < deadline;) {
    try {
      const answer = await ask(group.any().url + path, options)
      if (!isRepeated(answer)) return answer
      last = answer
    } catch (error) {
      // The server was killed, or is not up yet.
      last = error
    }
    await sleep(200)
  }
  throw new Error(`${options.method} ${path} got no answer`, { cause: last })
}

/** Runs a function for each item, so many at once. */
async function forEach<T> (items: readonly T[], run: (item: T) => Promise<void>) {
  const left = [...items]
  const work = async () => {
    for (let item = left.shift(); item !== undefined; item = left.shift()) await run(item)
  }
  await Promise.all(Array.from({ length: atOnce }, work))
}

const ended = (status: string) => ['succeeded', 'failed', 'cancelled'].includes(status)

/** All operations, by all pages. */
async function listOperations (group: Group) {
  const items: any[] = []
  for (let cursor = ''; ;) {
    const { body } = await persist(group, `/api/v2/operations?limit=1000${cursor}`, {})
    items.push(...body.items)
    if (body.next_cursor === null) return items
    cursor = `&cursor=${body.next_cursor}`
  }
}

/** Waits until every operation has ended. Returns those that have not. */
async function waitForEnds (group: Group) {
  for (const deadline = Date.now() + 150_000; ;) {
    const open = (await listOperations(group)).filter(({ status }) => !ended(status))
    if (open.length === 0 || Date.now() > deadline) return open
    await sleep(500)
  }
}

/**
 * Destroys a node as a careful client does: it sends the request again if the server that was killed may not have sent
 * it, which the operation says. Returns the operation, or 404 if the node is gone.
 */
async function destroy (group: Group, self: string) {
  for (let tries = 0; ; tries++) {
    const { status, body } = await persist(group, self, { method: 'DELETE' })
    if (status === 404) return status
    let operation = body
    while (operation.self !== undefined && !ended(operation.status)) {
      operation = (await persist(group, `${operation.self}?wait=30`, {})).body
    }
    if (operation.error?.code !== 'outcome_unknown' || tries === 5) return operation
  }
}

/**
 * Runs three servers on one PostgreSQL and kills one of them at random moments, while clients create nodes with keys,
 * stop them and destroy them without keys, and send each request again until it is answered.
 */
export async function runKills (t: Test, target: KillTarget, { creates, kills, clocks = [0, 0, 0] }: KillOptions) {
  const cluster = await startCluster(t)
  const url = await cluster.createDatabase()
  const group = createGroup(t, makeDirectory(t), () => ({
    store: { url },
    log_level: 'warn',
    operations: { poll_ms: 100, reconcile_seconds: 5 },
    clouds: { default: { timeout: 5, ...target.settings } }
  }), (t, cwd, i) => serve(t, [], { cwd, env: clockEnvironment(clocks[i]!) }))
  await Promise.all([0, 1, 2].map(group.start))

  let done = 0
  const killSome = async (many: number) => {
    for (let i = 0; i < many; i++) {
      await sleep(300 + Math.random() * 2500)
      const victim = Math.floor(Math.random() * 3)
      await group.kill(victim)
      done++
      await sleep(Math.random() * 1000)
      await group.start(victim)
    }
  }

  const operations = new Map<string, Set<string>>()
  const names = Array.from({ length: creates }, (_, i) => `node-${i}`)
  const create = async (name: string) => {
    const input = { name, image_id: target.image_id, size_id: target.size_id }
    const request = () => persist(group, nodes, toJson('POST', input, { 'idempotency-key': name }))
    const first = await request()
    t.ok([200, 202].includes(first.status), `${name} is accepted`, { first })
    // Every server gives the first answer.
    const again = await request()
    operations.set(name, new Set([first.body.id, again.body.id]))
  }
  const killing = killSome(Math.ceil(kills / 2))
  await forEach(names, create)
  await killing
  t.same(await waitForEnds(group), [], 'every operation ends')
  const doubled = [...operations].filter(([, ids]) => ids.size !== 1)
  t.same(doubled, [], 'each key has one operation')
  const made = (await listOperations(group)).filter(({ kind }) => kind === 'nodes.create')
  t.equal(made.length, creates, 'and there are no others')
  const failed = made.filter(({ status }) => status !== 'succeeded')
  t.same(failed, [], 'all creates have succeeded')
  t.equal((await target.nodes()).length, creates, 'each key has made one node')

  const selves = made.map(({ resource }) => resource.self as string)
  const change = async (self: string) => {
    const stop = await persist(group, `${self}/actions/stop`, toJson('POST', {}))
    t.ok([200, 202].includes(stop.status), 'a stop is accepted', { stop })
    if (stop.status === 202) await persist(group, `${stop.body.self}?wait=30`, {})
    const destroyed = await destroy(group, self)
    t.ok(destroyed === 404 || destroyed.status === 'succeeded', 'a destroy ends', { destroyed })
  }
  const killingAgain = killSome(Math.floor(kills / 2))
  await forEach(selves, change)
  await killingAgain
  t.same(await waitForEnds(group), [], 'every operation ends')
  const left = (await target.nodes()).filter(({ isDestroyed }) => !isDestroyed)
  t.same(left, [], 'every node is destroyed')
  t.equal(done, kills, 'servers were killed at so many moments')
}
