import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { ask } from './group.ts'
import { nodes, startPair, until } from './pair.ts'

t.setTimeout(600_000)

t.test('while PostgreSQL is away, clouds are read, changes refused, and servers recover by themselves', async (t) => {
  const { fake, cluster, servers: [one, two], create } = await startPair(t)
  t.match(await create(0, 'before'), { status: 202 })
  await cluster.stop('immediate')
  const stopped = Date.now()
  for (const server of [one!, two!]) {
    t.match(await ask(server.url + nodes), { status: 200 }, 'nodes are listed')
    const { status, body } = await create(server === one ? 0 : 1, 'during')
    t.match([status, body.code, body.retryable], [503, 'store_unavailable', true])
  }
  await sleep(Math.max(0, 12_000 - (Date.now() - stopped)))
  t.match(await ask(one!.url + nodes), { status: 200 }, 'nodes are listed')
  const refused = await create(1, 'during')
  t.match([refused.status, refused.body.code], [503, 'store_unavailable'])
  await cluster.start()
  const made = await until(() => create(0, 'during'), ({ status }) => status === 202)
  t.match(await until(() => ask(`${two!.url}${made.body.self}?wait=30`), ({ body }) => body?.status === 'succeeded'), {
    status: 200
  })
  const { body: { items } } = await ask(`${two!.url}/api/v2/operations`)
  for (const { self } of items) {
    await until(() => ask(`${one!.url}${self}?wait=10`), ({ body }) => ['succeeded', 'failed'].includes(body?.status))
  }
  t.equal(fake.cloud.instances.size, 2, 'two keys have made two nodes')
})

t.test('connections that are cut in the middle of transactions leave nothing half done', async (t) => {
  const { fake, proxy, servers: [one, two], create } = await startPair(t)
  const over = new AbortController()
  const cutting = (async () => {
    while (!over.signal.aborted) {
      await sleep(100 + Math.random() * 400)
      proxy.reset()
    }
  })()
  const names = Array.from({ length: 40 }, (_, i) => `node-${i}`)
  await Promise.all(names.map((name) => until(
    () => create(0, name), ({ status, body }) => status === 202 || (status === 200 && body.id !== undefined), 120
  )))
  over.abort()
  await cutting
  const { body: { items } } = await ask(`${two!.url}/api/v2/operations?limit=1000`)
  const ends = await Promise.all(items.map(({ self }: { self: string }) =>
    until(() => ask(`${one!.url}${self}?wait=10`), ({ body }) => ['succeeded', 'failed'].includes(body?.status), 120)))
  const succeeded = ends.filter(({ body }) => body.status === 'succeeded')
  const failed = ends.filter(({ body }) => body.status === 'failed')
  t.ok(failed.every(({ body }) => body.error.code === 'store_unavailable'), 'what was not sent has failed', { failed })
  t.equal(fake.cloud.instances.size, succeeded.length, 'each operation that succeeded has made one node')
  const names2 = (await ask(`${two!.url}${nodes}?limit=1000`)).body.items.map(({ name }: { name: string }) => name)
  t.equal(new Set(names2).size, names2.length, 'no node was made twice')
})

t.test('a server cut off while it calls a cloud is replaced, and does nothing twice when it comes back', async (t) => {
  const { fake, faults, proxy, servers: [one, two], create } = await startPair(t)
  const rule = faults.addRule({ content: /Action=RunInstances/, swallowHang: true, times: 1 })
  const creating = create(0, 'web')
  await until(async () => fake.cloud.instances.size, (size) => size === 1)
  proxy.drop()
  const cut = Date.now()

  const { body: { items: [operation] } } = await ask(`${two!.url}/api/v2/operations`)
  const ended = await until(
    () => ask(`${two!.url}${operation.self}?wait=5`), ({ body }) => body?.status === 'succeeded', 60
  )
  t.match(ended.body, { status: 'succeeded', error: null })
  t.ok(Date.now() - cut < 35_000, 'another server has followed it within 30 s', { ms: Date.now() - cut })

  t.match(await ask(one!.url + nodes), { status: 200 }, 'the server that is cut off lists nodes')
  const refused = await create(0, 'other')
  t.match([refused.status, refused.body.code], [503, 'store_unavailable'])
  rule.remove()
  proxy.heal()
  await creating
  const again = await until(() => ask(one!.url + operation.self), ({ body }) => body?.status === 'succeeded')
  t.equal(again.body.finished_at, ended.body.finished_at, 'the end stays')
  const replayed = await until(() => create(0, 'web'), ({ status }) => status === 202 || status === 200)
  t.equal(replayed.body.id, operation.id, 'the key has one operation')
  t.equal(fake.cloud.instances.size, 1, 'there is one node')
  t.equal(fake.requests.filter(({ action }) => action === 'RunInstances').length, 1, 'the cloud was asked once')
})

t.test('a server that stands still for 25 s does nothing twice when it goes on', async (t) => {
  const { fake, servers: [one, two], create } = await startPair(t, { delay: 3000 })
  const names = Array.from({ length: 20 }, (_, i) => `node-${i}`)
  const started = names.map((name) => create(0, name).catch(() => undefined))
  await until(async () => fake.cloud.instances.size, (size) => size > 3)
  one!.child.kill('SIGSTOP')
  await sleep(25_000)
  one!.child.kill('SIGCONT')
  await Promise.all(started)
  await Promise.all(names.map((name) =>
    until(() => create(1, name), ({ status, body }) => [200, 202].includes(status) && body.kind === 'nodes.create')))
  const { body: { items } } = await ask(`${two!.url}/api/v2/operations?limit=1000`)
  const ends = await Promise.all(items.map(({ self }: { self: string }) =>
    until(() => ask(`${two!.url}${self}?wait=10`), ({ body }) => ['succeeded', 'failed'].includes(body?.status), 120)))
  const failed = ends.filter(({ body }) => body.status === 'failed')
  t.ok(failed.every(({ body }) => body.error.code === 'store_unavailable'), 'what was not sent has failed', { failed })
  t.equal(ends.length - failed.length, names.length, 'and was sent by another operation with the same key')
  t.equal(fake.cloud.instances.size, names.length, 'each key has made one node')
})
