import pg from 'pg'
import t, { type Test } from 'tap'
import { startPair, until } from './pair.ts'

t.setTimeout(280_000)

const error = '<Error><Code>InsufficientInstanceCapacity</Code><Message>There is none</Message></Error>'

/** Sends a create with a key, which the cloud refuses after some time. Resolves when its operation is in the store. */
async function startRefusedCreate (t: Test) {
  const { faults, cluster, url, create } = await startPair(t)
  faults.addRule({
    content: /Action=RunInstances/, delay: 2000, status: 500, body: `<Response><Errors>${error}</Errors></Response>`
  })
  const query = (text: string) => cluster.query(text, [], url)
  const creating = create(0, 'web')
  const [{ id }] = await until(
    () => query('select id from operations where finished_at is null'), ({ length }) => length === 1
  )
  return { id, url, query, create, creating, findKeys: () => query('select operation_id from idempotency_keys') }
}

t.test('a refusal by the cloud does not free the key of an operation that another server has taken over', async (t) => {
  const { id, query, creating, findKeys } = await startRefusedCreate(t)
  await query("update operations set server = 'another', epoch = epoch + 1")
  t.equal((await creating).status, 503)
  t.same(await findKeys(), [{ operation_id: id }], 'a repeated request gets the operation')
})

t.test('a key is free only when the end of its operation is in the store', async (t) => {
  const { id, url, create, creating, findKeys } = await startRefusedCreate(t)
  const holder = new pg.Client({ connectionString: url })
  await holder.connect()
  t.teardown(() => holder.end())
  // The end waits for this row until statement_timeout.
  await holder.query('begin')
  await holder.query('select id from operations where id = $1 for update', [id])
  t.equal((await creating).status, 503)
  t.same(await findKeys(), [{ operation_id: id }])
  await holder.query("update operations set server = 'another', epoch = epoch + 1 where id = $1", [id])
  await holder.query('commit')
  const repeated = await until(() => create(1, 'web'), ({ status }) => status === 202)
  t.equal(repeated.body.id, id, 'a repeated request gets the operation')
  t.same(await findKeys(), [{ operation_id: id }])
})
