import { setTimeout as sleep } from 'node:timers/promises'
import type { Test } from 'tap'
import type { Api } from '../helper/api.ts'
import { build, dummy, type BuildOptions } from '../helper/app.ts'

/** The body of a create. */
export const input = { name: 'web', image_id: 'img-debian-12', size_id: 'dummy.small' }
export const wait = { prefer: 'wait=20' }
const loopback = { allow_http: true, allow_addresses: ['127.0.0.0/8'], retry_seconds: 0.05 }

interface Own { webhooks?: object, auth?: object, audit?: object }

/** Starts a server with two clouds, whose webhooks may go to the loopback. */
export const open = (t: Test, { webhooks = {}, ...own }: Own = {}, options: BuildOptions = {}) =>
  build(t, {
    clouds: { prod: dummy({ nodes: 1 }), lab: dummy() },
    ...options,
    settings: { ...own, webhooks: { ...loopback, ...webhooks } }
  })

/** Creates a webhook. Throws where that is refused. */
export async function create (api: Api, body: object, headers: Record<string, string> = {}) {
  const answer = await api.post('/api/v2/webhooks', body, headers)
  if (answer.status !== 201) throw new Error(JSON.stringify(answer.body))
  return answer.body
}

/** Reads until the answer is as wanted. */
export async function until<T> (read: () => Promise<T>, isWanted: (value: T) => boolean): Promise<T> {
  const end = performance.now() + 20_000
  for (;;) {
    const value = await read()
    if (isWanted(value)) return value
    if (performance.now() > end) throw new Error(`still ${JSON.stringify(value)}`)
    await sleep(20)
  }
}

/** The log of a webhook, the newest delivery first. */
export const readDeliveries = async (api: Api, webhook: { self: string }, headers = {}) =>
  (await api.get(`${webhook.self}/deliveries`, headers)).body.items as any[]

/** Whether there are deliveries, and none of them is sent again. */
export const ended = (items: any[]) => items.length > 0 && items.every(({ next_attempt_at: next }) => next === null)
