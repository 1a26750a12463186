import { setTimeout as sleep } from 'node:timers/promises'
import type { Test } from 'tap'
import { makeDirectory } from '../../helper/app.ts'
import { startEucalyptus, type EucalyptusOptions } from '../eucalyptus/index.ts'
import { startFaultProxy } from '../fault-proxy.ts'
import { startCluster } from './cluster.ts'
import { ask, createGroup, toJson } from './group.ts'
import { startTcpProxy } from './tcp-proxy.ts'

export const nodes = '/api/v2/clouds/default/nodes'

/** Starts two servers: the first reaches PostgreSQL by a proxy that can be broken; both reach the cloud by another. */
export async function startPair (t: Test, behaviour: EucalyptusOptions['behaviour'] = {}) {
  const fake = await startEucalyptus({ behaviour: { delay: 100, quotas: { instances: 1000 }, ...behaviour } })
  t.teardown(fake.close)
  const faults = await startFaultProxy({
    targets: { cloud: fake.origin }, keepHost: true, manners: (request, pass) => pass(request)
  })
  t.teardown(faults.close)
  const cluster = await startCluster(t)
  const url = await cluster.createDatabase()
  const proxy = await startTcpProxy(t, cluster.port)
  const { hostname: host, port } = new URL(faults.urls['cloud']!)
  const { path, region, accessKeyId, secretAccessKey } = fake
  const cloud = { driver: 'eucalyptus', host, port: Number(port), path, secure: false, location: region, timeout: 30 }
  const clouds = { default: { ...cloud, access_key_id: accessKeyId, secret_access_key: secretAccessKey } }
  const proxied = url.replace(`:${cluster.port}/`, `:${proxy.port}/`)
  const group = createGroup(t, makeDirectory(t), (i) => ({
    store: { url: i === 0 ? proxied : url, statement_timeout: 5 },
    log_level: 'warn',
    operations: { poll_ms: 100, reconcile_seconds: 5 },
    clouds
  }))
  const servers = await Promise.all([0, 1].map(group.start))
  const input = (name: string) => ({ name, image_id: fake.images.ebs, size_id: 'm1.small' })
  const create = (i: number, name: string) =>
    ask(servers[i]!.url + nodes, toJson('POST', input(name), { 'idempotency-key': name }))
  return { fake, faults, cluster, url, proxy, servers, create }
}

/** Asks until the answer fits, at most so many seconds. */
export async function until<T> (read: () => Promise<T>, fits: (value: T) => boolean, seconds = 60): Promise<T> {
  for (const deadline = Date.now() + seconds * 1000; ;) {
    const value = await read().catch((error: unknown) => error as T)
    if (fits(value)) return value
    if (Date.now() > deadline) throw new Error(`it does not come: ${JSON.stringify(value)}`)
    await sleep(100)
  }
}
