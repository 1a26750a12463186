import pg from 'pg'
import t from 'tap'
import { startPair, until } from './pair.ts'

t.setTimeout(280_000)

t.test('a refusal by the cloud does not free the key of an operation that another server has taken over', async (t) => {
  const { faults, cluster, url, create } = await startPair(t)
  const error = '<Error><Code>InsufficientInstanceCapacity</Code><Message>There is none</Message></Error>'
  faults.addRule({
    content: /Action=RunInstances/, delay: 2000, status: 500, body: `<Response><Errors>${error}</Errors></Response>`
  })
  const creating = create(0, 'web')
  const rows = () => cluster.query('select id from operations where finished_at is null', [], url)
  const [{ id }] = await until(rows, ({ length }) => length === 1)
  await cluster.query("update operations set server = 'another', epoch = epoch + 1", [], url)
  t.equal((await creating).status, 503)
  const keys = await cluster.query('select operation_id from idempotency_keys', [], url)
  t.same(keys, [{ operation_id: id }], 'a repeated request gets the operation')
})

t.test('a key is free only when the end of its operation is in the store', async (t) => {
  const { faults, cluster, url, create } = await startPair(t)
  const error = '<Error><Code>InsufficientInstanceCapacity</Code><Message>There is none</Message></Error>'
  faults.addRule({
    content: /Action=RunInstances/, delay: 1000, status: 500, body: `<Response><Errors>${error}</Errors></Response>`
  })
  const creating = create(0, 'web')
  const rows = () => cluster.query('select id from operations where finished_at is null', [], url)
  const [{ id }] = await until(rows, ({ length }) => length === 1)
  const holder = new pg.Client({ connectionString: url })
  await holder.connect()
  t.teardown(() => holder.end())
  // The end waits for this row until statement_timeout.
  await holder.query('begin')
  await holder.query('select id from operations where id = $1 for update', [id])
  t.equal((await creating).status, 503)
  const keys = () => cluster.query('select operation_id from idempotency_keys', [], url)
  t.same(await keys(), [{ operation_id: id }])
  await holder.query("update operations set server = 'another', epoch = epoch + 1 where id = $1", [id])
  await holder.query('commit')
  const repeated = await until(() => create(1, 'web'), ({ status }) => status === 202)
  t.equal(repeated.body.id, id, 'a repeated request gets the operation')
  t.same(await keys(), [{ operation_id: id }])
})
