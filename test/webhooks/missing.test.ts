import { Webhook } from 'standardwebhooks'
import t from 'tap'
import { positionText } from '../../plugins/events/event.ts'
import { createEventLog } from '../../plugins/events/log.ts'
import { makeDirectory } from '../helper/app.ts'
import { startReceiver } from './receiver.ts'
import { create, ended, input, open, readDeliveries, until, wait } from './setup.ts'

type Server = Awaited<ReturnType<typeof open>>

const filter = { clouds: ['lab'], types: ['operation.ended'] }

const createNode = async ({ api }: Server) => (await api.post('/api/v2/clouds/lab/nodes', input, wait)).body

/** Removes the events of a store, as the server does after `events.keep_hours`. */
const removeEvents = ({ app: { store } }: Server) =>
  createEventLog(store).purge(new Date(Date.now() + 1000).toISOString())

const readPositions = ({ app: { store } }: Server) => store.selectFrom('webhooks').select(['id', 'position']).execute()

t.test('a webhook whose next events are no longer kept gets the event reset and those that are there', async (t) => {
  const lines: any[] = []
  const logger = { level: 'warn', stream: { write: (line: string) => { lines.push(JSON.parse(line)) } } }
  const receiver = await startReceiver(t)
  const server = await open(t, {}, { logger })
  const { api, app } = server
  const webhook = await create(api, { url: `${receiver.url}/json`, filter })
  const other = await create(api, { url: `${receiver.url}/cloudevents`, filter, format: 'cloudevents' })
  const paused = await create(api, { url: `${receiver.url}/paused`, filter, enabled: false })
  const behind = await readPositions(server)
  await createNode(server)
  for (const one of [webhook, other]) await until(() => readDeliveries(api, one), ended)
  await removeEvents(server)
  receiver.received.length = 0
  for (const { id, position } of behind) {
    await app.store.updateTable('webhooks').set({ position }).where('id', '=', id).execute()
  }
  const kept = await createNode(server)
  // Deliveries of one webhook are sent side by side: their order is not known.
  for (const path of ['/json', '/cloudevents']) {
    await receiver.until((one) => one.path === path && one.body.data.id === kept.id)
    await receiver.until((one) => one.path === path && one.body.data.detail !== undefined)
  }
  const [reset, ...more] = receiver.received.filter(({ body }) => body.type === 'reset')
  t.same(more, [], 'once')
  t.match(reset!.body, { cloud: null, resource: null, data: { detail: /List the resources again/ } })
  t.equal(reset!.headers['webhook-id'], reset!.body.id)
  t.ok(new Webhook(webhook.secrets.secret).verify(reset!.text, reset!.headers as Record<string, string>))
  t.match(receiver.received.filter(({ path, body }) => path === '/cloudevents' && body.data.detail !== undefined),
    [{ body: { specversion: '1.0', type: 'cloud-orchestrator.reset' } }])
  const sent = await until(() => readDeliveries(api, webhook), (items) => items.length === 3 && ended(items))
  t.same(sent.map(({ type, status }) => `${type} ${status}`).sort(),
    ['operation.ended succeeded', 'operation.ended succeeded', 'reset succeeded'], 'the log shows it')
  t.same(lines.filter(({ msg }) => /no longer kept/.test(msg)).map((line) => line.webhook).sort(),
    [webhook.id, other.id].sort(), 'and so does that of the server')
  t.same(await readDeliveries(api, paused), [], 'a paused webhook gets nothing')
})

t.test('a webhook that is not behind gets no reset when events are removed', async (t) => {
  const receiver = await startReceiver(t)
  const server = await open(t)
  await create(server.api, { url: receiver.url })
  await createNode(server)
  // The node may have more events after its operation.
  const readBoth = async () => {
    const [webhook] = await readPositions(server)
    return [webhook!.position, positionText(await server.app.events.newest())]
  }
  await until(readBoth, ([position, newest]) => position === newest)
  await removeEvents(server)
  const last = await createNode(server)
  await receiver.until(({ body }) => body.data.id === last.id && body.type === 'operation.ended')
  t.same(receiver.received.filter(({ body }) => body.type === 'reset'), [])
})

t.test('a webhook of a store that was restored or copied gets the event reset, and then new events', async (t) => {
  const receiver = await startReceiver(t)
  const directory = makeDirectory(t)
  const first = await open(t, {}, { directory })
  await create(first.api, { url: receiver.url, filter })
  // The position of another store, which has had more events.
  await first.app.store.updateTable('webhooks').set({ position: 'zzzzzz-zzzzzz' }).execute()
  await first.app.close()
  const second = await open(t, {}, { directory })
  await receiver.until(({ body }) => body.type === 'reset')
  const { id } = await createNode(second)
  await receiver.until(({ body }) => body.data.id === id)
  t.equal(receiver.received.length, 2)
})
