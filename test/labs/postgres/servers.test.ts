import t, { type Test } from 'tap'
import { limitersOf } from '../../../drivers/driver.ts'
import { localCaller, toCallerRef } from '../../../plugins/auth/caller.ts'
import { startEucalyptus } from '../eucalyptus/index.ts'
import { build } from '../../helper/app.ts'
import { startCluster, startPgbouncer, type Cluster } from './cluster.ts'

t.setTimeout(300_000)

const nodes = '/api/v2/clouds/default/nodes'

/** Starts two servers on one database, with one cloud that both reach over HTTP. */
async function startTwo (
  t: Test,
  cluster: Cluster,
  behaviour: object = {},
  storeOf: (url: string) => object = (url) => ({ url }),
  more: object = {}
) {
  const fake = await startEucalyptus({ behaviour: { quotas: { instances: 100 }, ...behaviour } })
  t.teardown(fake.close)
  const url = await cluster.createDatabase()
  const { host, port, path, region, accessKeyId, secretAccessKey } = fake
  const cloud = {
    driver: 'eucalyptus',
    host,
    port,
    path,
    secure: false,
    location: region,
    access_key_id: accessKeyId,
    secret_access_key: secretAccessKey
  }
  const start = (settings: object = {}) =>
    build(t, { listen: true, clouds: { default: cloud }, settings: { store: storeOf(url), ...more, ...settings } })
  const servers = [await start(), await start()] as const
  const input = (name: string) => ({ name, image_id: fake.images.ebs, size_id: 'm1.small' })
  return { fake, url, servers, input, start }
}

t.test('several servers on one PostgreSQL', async (t) => {
  const cluster = await startCluster(t)

  await t.test('a request with a key that two servers get at once makes one node', async (t) => {
    const { fake, servers: [one, two], input } = await startTwo(t, cluster)
    for (let i = 0; i < 10; i++) {
      const headers = { 'idempotency-key': `create ${i}` }
      const answers = await Promise.all([one, two].map(({ api }) => api.post(nodes, input(`web-${i}`), headers)))
      const statuses = answers.map(({ status }) => status)
      t.ok(statuses.every((status) => status === 202 || status === 409), 'accepted, or in progress', { statuses })
      const again = await Promise.all([one, two].map(({ api }) => api.post(nodes, input(`web-${i}`), headers)))
      const ids = new Set([...answers, ...again].filter(({ status }) => status === 202).map(({ body }) => body.id))
      t.equal(ids.size, 1, 'all answers name one operation', { ids: [...ids] })
      await two.api.ended({ id: [...ids][0]! })
    }
    t.equal(fake.cloud.instances.size, 10)
  })

  await t.test('a request of another body with the same key is refused by every server', async (t) => {
    const { servers: [one, two], input } = await startTwo(t, cluster)
    const headers = { 'idempotency-key': 'mine' }
    await one.api.post(nodes, input('a'), headers)
    const { status, body } = await two.api.post(nodes, input('b'), headers)
    t.match([status, body.code], [422, 'idempotency_mismatch'])
  })

  await t.test('an action that two servers get at once is one operation', async (t) => {
    const { fake, servers: [one, two], input } = await startTwo(t, cluster, { delay: 3000 })
    const made = await one.api.post(nodes, input('web'), { prefer: 'wait=30' })
    const { self } = made.body.resource
    const answers = await Promise.all([one, two, one, two].map(({ api }) => api.post(`${self}/actions/stop`)))
    t.same(new Set(answers.map(({ body }) => body.id)).size, 1, 'one operation', { answers })
    t.match(await two.api.ended(answers[0]!.body), { status: 'succeeded' })
    t.equal(fake.requests.filter(({ action }) => action === 'StopInstances').length, 1)
  })

  await t.test('the end of an operation wakes those who wait for it at another server', async (t) => {
    const { servers: [one, two], input } = await startTwo(t, cluster, { delay: 1000 })
    const { body } = await one.api.post(nodes, input('web'))
    const started = performance.now()
    const waited = await two.api.get(`${body.self}?wait=30`)
    t.match(waited.body, { id: body.id, status: 'succeeded' })
    t.ok(performance.now() - started < 5000, 'long before the time is over')
  })

  await t.test('a destroy cancels what another server has under way on the node', async (t) => {
    const { servers: [one, two], input } = await startTwo(t, cluster, { delay: 3000 })
    const created = await one.api.post(nodes, input('web'))
    const { self } = created.body.resource
    const destroyed = await two.api.delete(self)
    t.equal(destroyed.status, 202, 'accepted', { body: destroyed.body })
    const { body } = await one.api.get(`${created.body.self}?wait=30`)
    t.match(body, { status: 'cancelled', error: { code: 'resource_not_found' } })
    t.match(await one.api.ended(destroyed.body), { status: 'succeeded' })
  })

  await t.test('the limits of a caller and of a cloud are those of all servers together', async (t) => {
    const limits = { per_caller: { requests_per_minute: 60, cloud_requests_per_minute: 1000, changes_at_once: 100 } }
    const { servers: [one, two] } = await startTwo(t, cluster, {}, undefined, { auth: {}, limits })
    for (const { app: { membership, farm } } of [one, two]) {
      while (membership.servers < 2) await new Promise((resolve) => membership.onBeat(() => resolve(undefined)))
      const [limiter] = limitersOf.get(farm.get('default').connection!)!
      let running = 0
      const calls = Array.from({ length: 40 }, () => limiter!(async () => { running++ }, AbortSignal.timeout(60_000)))
      t.equal(running, 16, 'half of the 32 calls in flight')
      await Promise.all(calls)
    }
    const { secrets } = await one.app.auth.keys.create(
      { name: 'script', grants: [{ clouds: ['*'], level: 'manage' }] }, toCallerRef(localCaller)
    )
    const authorization = { authorization: `Bearer ${secrets!.key}` }
    const answers = await Promise.all(Array.from({ length: 120 }, (_, i) =>
      [one, two][i % 2]!.api.get('/api/v2/me', authorization)))
    const served = answers.filter(({ status }) => status === 200).length
    t.ok(served >= 48 && served <= 72, 'within a fifth of 60', { served })
    t.match(answers.at(0)!.headers, { 'ratelimit-policy': '"caller";q=60;w=60' })
  })

  await t.test('servers work behind a pooler that gives each transaction another session', async (t) => {
    const pooler = await startPgbouncer(t, cluster)
    const behind = (url: string) => ({ url: pooler.urlOf(url), direct_url: url })
    const { fake, servers, input } = await startTwo(t, cluster, {}, behind)
    const answers = await Promise.all(Array.from({ length: 40 }, (_, i) =>
      servers[i % 2]!.api.post(nodes, input(`web-${i >> 1}`), { 'idempotency-key': `${i >> 1}`, prefer: 'wait=30' })
    ))
    for (const { status, body } of answers) {
      t.ok(status === 200 || status === 202 || status === 409, `${status}`, { body })
    }
    const { items } = await servers[0].api.walk('/api/v2/operations')
    await Promise.all(items.map((one) => servers[1].api.ended(one)))
    t.equal(fake.cloud.instances.size, 20)
  })

  await t.test('servers that have only a pooler look for the news of others each second', async (t) => {
    const pooler = await startPgbouncer(t, cluster)
    const pooled = (url: string) => ({ url: pooler.urlOf(url) })
    const { url, servers: [one], input, start } = await startTwo(t, cluster, { delay: 1000 })
    const two = await start({ store: pooled(url) })
    const { body } = await one.api.post(nodes, input('web'))
    const started = performance.now()
    t.match((await two.api.get(`${body.self}?wait=30`)).body, { status: 'succeeded' })
    t.ok(performance.now() - started < 6000, 'a wait ends')
    await two.api.get(nodes)
    t.match(await one.api.ended((await one.api.delete(body.resource.self)).body), { status: 'succeeded' })
    const isGone = async () => (await two.api.get(body.resource.self)).body.state !== 'running'
    for (const deadline = Date.now() + 3000; !await isGone();) {
      if (Date.now() > deadline) throw new Error('the change is not seen')
    }
    t.pass('no older answer is shown for longer than 3 s')
  })

  await t.test('a server that ends in order leaves its operations to the others at once', async (t) => {
    const { servers: [one, two], input } = await startTwo(t, cluster, { delay: 4000 })
    const { body } = await one.api.post(nodes, input('web'))
    await one.app.close()
    const { body: ended } = await two.api.get(`${body.self}?wait=30`)
    t.match(ended, { status: 'succeeded' })
  })
})
