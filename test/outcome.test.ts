import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { once } from 'node:events'
import Fastify from 'fastify'
import t from 'tap'
import { openCall } from '../drivers/call.ts'
import { createHttpClient } from '../drivers/common/http.ts'
import { isOutcomeUnknown, outcomeOf, outcomeRules, type CallEnd } from '../drivers/common/outcome.ts'

t.test('each failure has one outcome, with a reason', async (t) => {
  const change = (end: Omit<CallEnd, 'read'>) => outcomeOf({ read: false, ...end }).outcome
  for (const cloud of ['openstack', 'ec2'] as const) {
    for (const answer of ['queued', 'unsent', 301, 400, 401, 403, 404, 409, 413, 429, 501] as const) {
      t.equal(change({ cloud, answer }), 'certain', `${cloud} ${answer}`)
    }
    for (const answer of ['lost', 'malformed', 500, 502, 504, 520, 599, 999] as const) {
      t.equal(change({ cloud, answer }), 'unknown', `${cloud} ${answer}`)
      t.notOk(isOutcomeUnknown({ cloud, answer, read: true }), `${cloud} ${answer} of a read`)
    }
  }
  t.equal(change({ cloud: 'openstack', answer: 503 }), 'certain')
  for (const [answer, code, outcome] of [
    [500, 'InsufficientInstanceCapacity', 'certain'],
    [503, 'RequestLimitExceeded', 'certain'],
    [503, 'Unavailable', 'certain'],
    [503, 'ServiceUnavailable', 'unknown'],
    [500, 'InternalError', 'unknown'],
    [503, '', 'unknown']
  ] as const) t.equal(change({ cloud: 'ec2', answer, code }), outcome, `ec2 ${answer} ${code}`)
  for (const { reason } of outcomeRules) t.match(reason, /^[A-Z].*\.$/)
})

t.test('a change is certain until a connection sends it', async (t) => {
  // The first connection is never accepted by TLS, so the request waits for it until the deadline.
  const silent = http.createServer()
  silent.removeAllListeners('connection')
  silent.on('connection', () => {})
  silent.listen(0, '127.0.0.1')
  await once(silent, 'listening')
  t.teardown(() => silent.close())
  const { port } = silent.address() as AddressInfo
  const sockets = new Set<{ destroy (): void }>()
  silent.on('connection', (socket) => sockets.add(socket))
  const client = createHttpClient({ timeout: 10_000, maxInFlight: 1, userAgent: 'tests' })
  t.teardown(() => client.close())
  t.teardown(() => { for (const socket of sockets) socket.destroy() })
  for (const [scheme, outcomeUnknown] of [['https', false], ['http', true]] as const) {
    const call = openCall({ timeout: 300, log: Fastify().log, requestId: 't' })
    const error = await client.request({ method: 'POST', url: `${scheme}://127.0.0.1:${port}/`, body: {} }, call)
      .catch((error: unknown) => error)
    call.end()
    t.match(error, { code: 'provider_timeout', outcomeUnknown }, scheme)
  }
})
