import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import t from 'tap'
import { dummy, makeDirectory } from '../../helper/app.ts'
import { startReceiver } from '../../webhooks/receiver.ts'
import { startCluster } from './cluster.ts'
import { ask, createGroup, toJson } from './group.ts'
import { until } from './pair.ts'

t.setTimeout(180_000)

const numbers = [0, 1, 2] as const

/** Milliseconds within which another server does what a killed one did, and the time of two looks for it. */
const takenOverIn = 30_000 + 5000

/** Milliseconds after which the receiver answers, so that deliveries of two servers would meet. */
const answersIn = 30

/** The name by which a server calls itself in its CloudEvents. */
const sourceOf = (i: number) => `https://server-${i}.example.org/api/v2`

/** Counts the deliveries that are open at a receiver for each sender, and notes when those of two meet. */
function createOpenDeliveries () {
  const open = new Map<string, number>()
  const meetings: string[] = []
  const count = (source: string, change: number) => open.set(source, (open.get(source) ?? 0) + change)
  return {
    meetings,
    begin (source: string, ended: (listener: () => void) => void) {
      const others = [...open].filter(([other, many]) => other !== source && many > 0)
      for (const [other] of others) meetings.push(`${source} during ${other}`)
      count(source, 1)
      ended(() => count(source, -1))
    }
  }
}

t.test('a server that is killed while it delivers loses no event, and one other goes on', async (t) => {
  t.setTimeout(180_000)
  const cluster = await startCluster(t)
  const url = await cluster.createDatabase()
  const group = createGroup(t, makeDirectory(t), (i) => ({
    store: { url },
    log_level: 'silent',
    clouds: { default: dummy() },
    webhooks: { allow_http: true, allow_addresses: ['127.0.0.1'], source: sourceOf(i), at_once: 3 }
  }))
  await Promise.all(numbers.map(group.start))

  let isHolding = true
  const open = createOpenDeliveries()
  const receiver = await startReceiver(t, async ({ body }, _request, response) => {
    open.begin(body.source, (listener) => response.once('close', listener))
    if (isHolding) return
    await sleep(answersIn)
    response.writeHead(204).end()
  })
  const webhook = await ask(`${group.any().url}/api/v2/webhooks`, toJson('POST', {
    url: receiver.url, format: 'cloudevents', filter: { types: ['operation.*', 'node.created'] }
  }))
  t.equal(webhook.status, 201)

  const create = async (i: number) => {
    const input = { name: 'web', image_id: 'img-debian-12', size_id: 'dummy.small' }
    const nodes = `${group.servers[i]!.url}/api/v2/clouds/default/nodes`
    const answer = await ask(nodes, toJson('POST', input, { prefer: 'wait=20' }))
    t.equal(answer.body.status, 'succeeded', `a create on the server ${i}`)
  }
  await Promise.all([...numbers, ...numbers, ...numbers].map(create))
  const { body: { source: victim } } = await receiver.until(() => true)
  const held = receiver.received.map(({ body }) => body.id)
  const killed = numbers.find((i) => sourceOf(i) === victim)!
  isHolding = false
  await group.kill(killed)
  const killedAt = performance.now()
  const rest = numbers.filter((i) => i !== killed)
  await Promise.all([...rest, ...rest].map(create))

  const rows = await cluster.query(
    "select id from events where type like 'operation.%' or type = 'node.created'", [], url)
  const wanted = rows.map(({ id }) => id as string)
  const hasCome = (id: string) => receiver.until(({ body }) => body.source !== victim && body.id === id)
  await Promise.all(wanted.map(hasCome))
  const ms = performance.now() - killedAt
  t.ok(ms < takenOverIn, 'every event comes soon after the kill', { ms })
  t.ok(wanted.length >= 13 * 3, 'the creates of all servers have events', { events: wanted.length })
  t.ok(held.every((id) => wanted.includes(id)), 'those that the killed server had under way come again')
  const differ = receiver.received.filter(({ headers, body }) => headers['webhook-id'] !== body.id)
  t.same(differ, [], 'with the same webhook-id')
  t.same(new Set(receiver.received.map(({ body }) => body.id)), new Set(wanted), 'and no others')

  // Both of the rest wake the webhook.
  for (let round = 0; round < 5; round++) await Promise.all(rest.map(create))
  const last = await cluster.query('select id from events order by xid desc, seq desc limit 1', [], url)
  await receiver.until(({ body }) => body.id === last[0].id)
  t.same(open.meetings, [], 'no two servers deliver at the same time')
  const doubled = receiver.received.filter(({ body }) => body.source !== victim).map(({ body }) => body.id)
  t.equal(doubled.length, new Set(doubled).size, 'what was delivered does not come again')
})

t.test('a webhook that is under way while its filter changes sends by the new filter', async (t) => {
  const cluster = await startCluster(t)
  const url = await cluster.createDatabase()
  const group = createGroup(t, makeDirectory(t), () => ({
    store: { url },
    log_level: 'silent',
    clouds: { default: dummy() },
    webhooks: { allow_http: true, allow_addresses: ['127.0.0.1'] }
  }))
  const { url: origin } = await group.start(0)
  const receiver = await startReceiver(t)
  const { body: { self } } = await ask(`${origin}/api/v2/webhooks`, toJson('POST', {
    url: receiver.url, filter: { types: ['node.created'] }
  }))
  const holder = new pg.Client({ connectionString: url })
  await holder.connect()
  t.teardown(() => holder.end())
  const waiting = async (count: number) => {
    const read = () => cluster.query('select pid from pg_locks where not granted', [], url)
    await until(read, (rows) => rows.length >= count)
  }
  // The change of the filter waits for this lock, and then the worker, which has read the former filter. A lock of rows
  // would hold back the events as well.
  await holder.query('begin')
  await holder.query('lock table webhooks in exclusive mode')
  const changing = ask(origin + self, toJson('PATCH', { filter: { types: ['operation.ended'] } }))
  await waiting(1)
  const input = { name: 'web', image_id: 'img-debian-12', size_id: 'dummy.small' }
  const created = await ask(`${origin}/api/v2/clouds/default/nodes`, toJson('POST', input, { prefer: 'wait=20' }))
  await waiting(2)
  await holder.query('commit')
  t.equal((await changing).status, 200)
  await receiver.until(({ body }) => body.data.id === created.body.id)
  t.same(receiver.received.map(({ body }) => body.type), ['operation.ended'])
})
