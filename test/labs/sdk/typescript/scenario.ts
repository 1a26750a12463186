/** The scenario of the clients in TypeScript: scenario.js ORIGIN TOMORROW prints what it saw as JSON. */
import { createClient, createConfig } from './orchestrator/client/index.js'
import * as sdk from './orchestrator/index.js'
import type { Operation } from './orchestrator/index.js'

const [origin, tomorrow] = process.argv.slice(2) as [string, string]
const connect = (baseUrl: string) => createClient(createConfig({ baseUrl, throwOnError: true }))
const api = { client: connect(origin), throwOnError: true } as const
const cloud = 'default'
const name = 'sdk-typescript'
const wait = 30

async function ended (operation: Operation): Promise<Operation> {
  if (operation.finished_at !== null) return operation
  const { data } = await sdk.getOperation({ ...api, path: { id: operation.id }, query: { wait } })
  return ended(data)
}

async function countSizes (): Promise<number> {
  let count = 0
  let cursor: string | undefined
  do {
    const { data } = await sdk.listSizes({ ...api, path: { cloud }, query: { limit: 2, cursor } })
    count += data.items.length
    cursor = data.next_cursor ?? undefined
  } while (cursor !== undefined)
  return count
}

const sizes = await countSizes()
const created = (await sdk.createNode({
  ...api,
  path: { cloud },
  body: { name, image_id: 'img-debian-12', size_id: 'dummy.small' },
  headers: { Prefer: `wait=${wait}`, 'Idempotency-Key': crypto.randomUUID() }
})).data
const path = { cloud, id: created.resource!.id }
const node = async () => (await sdk.getNode({ ...api, path })).data

const polled = await ended((await sdk.createVolume({ ...api, path: { cloud }, body: { name, size: 2 } })).data)
const volume = { cloud, id: polled.resource!.id }

await ended((await sdk.stopNode({ ...api, path })).data)
const stopped = (await node()).state
await ended((await sdk.startNode({ ...api, path })).data)
const started = (await node()).state
await ended((await sdk.resizeNode({ ...api, path, body: { size_id: 'dummy.medium' } })).data)
await ended((await sdk.confirmResizeNode({ ...api, path })).data)
const resized = (await node()).size_id

await ended((await sdk.attachVolume({ ...api, path: volume, body: { node_id: path.id } })).data)
const attached = (await node()).volume_ids?.includes(volume.id)

const partial = await sdk.listNodes({ ...api, path: { cloud }, query: { name, fields: ['name', 'state'] } })
const { error: refused } = await sdk.revertResizeNode({ client: connect(origin), throwOnError: false, path })

const later = { client: connect(tomorrow), throwOnError: true } as const
await sdk.listClouds(later)
await sdk.listImages({ ...later, path: { cloud } })
await sdk.listVolumes({ ...later, path: { cloud } })
const absent = await sdk.getNode({
  client: connect(tomorrow), throwOnError: false, path: { cloud, id: 'node-00000000' }
})
const seenTomorrow = [
  (await sdk.listNodes({ ...later, path: { cloud }, query: { name } })).data.items[0]!.state,
  (await sdk.listOperations(later)).data.items[0]!.status,
  absent.error!.code
]

await ended((await sdk.detachVolume({ ...api, path: volume })).data)
await ended((await sdk.deleteVolume({ ...api, path: volume })).data)
const destroyed = await ended((await sdk.destroyNode({ ...api, path })).data)
const left = (await sdk.listNodes({ ...api, path: { cloud }, query: { name } })).data.items.length

console.log(JSON.stringify({
  sizes,
  created: created.status,
  polled: polled.status,
  stopped,
  started,
  resized,
  attached,
  fields: partial.data.items,
  refused: refused!.code,
  tomorrow: seenTomorrow,
  destroyed: destroyed.status,
  left
}))
