import { createHash } from 'node:crypto'
import fp from 'fastify-plugin'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { ProblemError, toProblem, type Problem } from '../openapi/model/index.ts'

declare module 'fastify' {
  interface FastifyInstance {
    /**
     * Answers a creating request, once for each Idempotency-Key: the same request with the same key gets the first answer
     * again. `run` is given the key, which it hands on to the operation that it starts. With `direct` there is no
     * operation: if the server dies meanwhile, the second request is told that the outcome is not known.
     */
    once (
      request: FastifyRequest, reply: FastifyReply, run: (key: string | undefined) => Promise<Answer>, options?: { direct: boolean }
    ): Promise<never>
  }
}

export interface Answer {
  status: number
  headers: Record<string, string>
  body: object
}

/** Draft 07 of the header has it as a quoted string; without quotes it is as clear. */
function parseKey (header: string | string[] | undefined): string | undefined {
  if (header === undefined) return undefined
  const key = [header].flat().join(',').replace(/^"(.*)"$/, '$1')
  if (/^[\x21-\x7e ]{1,255}$/.test(key)) return key
  throw new ProblemError('validation_failed', 'The Idempotency-Key is not one', {
    errors: [{ in: 'header', pointer: '/idempotency-key', message: 'must be 1 to 255 printable ASCII characters' }]
  })
}

/** The same for two bodies with the same content, whatever the order of their keys. */
function canonical (value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`
  if (value === null || typeof value !== 'object') return JSON.stringify(value) ?? 'null'
  const entries = Object.entries(value).sort(([a], [b]) => a < b ? -1 : 1)
  return `{${entries.map(([key, item]) => `${JSON.stringify(key)}:${canonical(item)}`).join(',')}}`
}

const fingerprintOf = ({ method, url, body }: FastifyRequest) =>
  createHash('sha256').update(`${method} ${url.split('?', 1)[0]}\n${canonical(body)}`).digest('hex')

/** In the place of an operation's id, where the cloud is asked without one. */
const direct = 'direct'

/** What is shown once is not shown again: it is in no store. */
const withoutSecrets = ({ status, headers, body }: Answer): Answer => {
  const { secrets, ...rest } = body as { secrets?: unknown }
  return { status, headers, body: rest }
}

const write = (reply: FastifyReply, { status, headers, body }: Answer) => {
  if (status >= 400) reply.type('application/problem+json')
  // The reply is what a handler may return, whatever its schema.
  return reply.code(status).headers(headers).send(body) as never
}

/** Idempotency-Key on creating requests, in the store, for 24 hours. */
export default fp(async (fastify) => {
  const { store } = fastify
  const running = new Set<string>()

  const inProgress = () => new ProblemError('idempotency_in_progress',
    'The first request with this Idempotency-Key has no answer yet', { retry_after: 1 })

  /** The answer to a key that was used before; undefined where nothing came of it, so that this is a first request. */
  const replay = async (key: string, fingerprint: string): Promise<Answer | undefined> => {
    const kept = await store.selectFrom('idempotency_keys').selectAll().where('key', '=', key).executeTakeFirst()
    if (kept === undefined) return undefined
    if (kept.fingerprint !== fingerprint) {
      throw new ProblemError('idempotency_mismatch', 'This Idempotency-Key came with another request before')
    }
    if (kept.answer !== null) return JSON.parse(kept.answer) as Answer
    if (kept.operation_id === null) {
      await store.deleteFrom('idempotency_keys').where('key', '=', key).execute()
      return undefined
    }
    if (kept.operation_id === direct) {
      throw new ProblemError('outcome_unknown', 'The server ended while the first request with this Idempotency-Key was under way')
    }
    // The server died before it could answer; its operation lives.
    const body = await fastify.operations.get(kept.operation_id)
    return { status: 202, headers: { location: body.self }, body }
  }

  const first = async (
    key: string, fingerprint: string, request: FastifyRequest, run: (key: string) => Promise<Answer>, isDirect: boolean
  ): Promise<Answer> => {
    const drop = () => store.deleteFrom('idempotency_keys').where('key', '=', key).execute()
    const keep = (answer: Answer) =>
      store.updateTable('idempotency_keys').set({ answer: JSON.stringify(answer) }).where('key', '=', key).execute()
    await store.insertInto('idempotency_keys')
      .values({ key, fingerprint, operation_id: isDirect ? direct : null, answer: null, created_at: new Date().toISOString() }).execute()
    try {
      const answer = await run(key)
      await keep(withoutSecrets(answer))
      return answer
    } catch (error) {
      // Refused before anything was asked of the cloud, or in a way that may pass: the same request may be sent again.
      const { operation_id: asked = null } = await store.selectFrom('idempotency_keys').select('operation_id')
        .where('key', '=', key).executeTakeFirst() ?? {}
      const problem = error instanceof ProblemError ? toProblem(error, { instance: request.url.split('?', 1)[0]! }) : undefined
      if (asked === null || problem === undefined || problem.retryable) await drop()
      else await keep({ status: problem.status, headers: {}, body: problem })
      throw error
    }
  }

  fastify.decorate('once', async (request, reply, run, options) => {
    const key = parseKey(request.headers['idempotency-key'])
    if (key === undefined) return write(reply, await run(undefined))
    if (running.has(key)) throw inProgress()
    running.add(key)
    try {
      const fingerprint = fingerprintOf(request)
      const before = await replay(key, fingerprint)
      if (before === undefined) return write(reply, await first(key, fingerprint, request, run, options?.direct ?? false))
      reply.header('idempotency-replayed', 'true')
      // A problem tells the request it answers.
      const body = before.status < 400 ? before.body : { ...before.body as Problem, request_id: request.id }
      return write(reply, { ...before, body })
    } finally {
      running.delete(key)
    }
  })
}, { name: 'idempotency', dependencies: ['store', 'operations'] })
