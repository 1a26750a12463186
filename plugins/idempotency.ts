import { createHash } from 'node:crypto'
import fp from 'fastify-plugin'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { ProblemError, toProblem, type Problem } from '../openapi/model/index.ts'

declare module 'fastify' {
  interface FastifyInstance {
    /**
     * Answers a creating request once for each Idempotency-Key: the same request with the same key gets the first
     * answer again. `run` passes the key on to the operation that it starts. With `direct` there is no operation: if
     * the server stops during the first request, the second is answered with outcome_unknown.
     */
    idempotent (
      request: FastifyRequest,
      reply: FastifyReply,
      run: (key: string | undefined) => Promise<Answer>,
      options?: { direct: boolean }
    ): Promise<never>
  }
}

export interface Answer {
  status: number
  headers: Record<string, string>
  body: object
}

/** Reads the key. Draft 07 of the header has a quoted string; the quotes are optional here. */
function parseKey (header: string | string[] | undefined): string | undefined {
  if (header === undefined) return undefined
  const key = [header].flat().join(',').replace(/^"(.*)"$/, '$1')
  if (/^[\x21-\x7e ]{1,255}$/.test(key)) return key
  const message = 'must be 1 to 255 printable ASCII characters'
  throw new ProblemError('validation_failed', `Idempotency-Key ${message}`, {
    errors: [{ in: 'header', pointer: '/idempotency-key', message }]
  })
}

/** Serializes a body so that the order of its keys does not matter. */
function canonicalize (value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalize).join(',')}]`
  if (value === null || typeof value !== 'object') return JSON.stringify(value) ?? 'null'
  const entries = Object.entries(value).sort(([a], [b]) => a < b ? -1 : 1)
  return `{${entries.map(([key, item]) => `${JSON.stringify(key)}:${canonicalize(item)}`).join(',')}}`
}

const fingerprintOf = ({ method, url, body }: FastifyRequest) =>
  createHash('sha256').update(`${method} ${url.split('?', 1)[0]}\n${canonicalize(body)}`).digest('hex')

/** Stands in place of an operation's id if the request has none. */
const direct = 'direct'

/** The store never contains secrets, so a replayed answer lacks them. */
const withoutSecrets = ({ status, headers, body }: Answer): Answer => {
  const { secrets, ...rest } = body as { secrets?: unknown }
  return { status, headers, body: rest }
}

const send = (reply: FastifyReply, { status, headers, body }: Answer) => {
  if (status >= 400) reply.type('application/problem+json')
  return reply.code(status).headers(headers).send(body) as never
}

/** Idempotency-Key on creating requests, kept in the store for 24 hours. */
export default fp(async (fastify) => {
  const { store } = fastify
  const running = new Set<string>()

  /** Returns the answer for a key that was used before; undefined if this counts as the first request. */
  const findAnswer = async (key: string, fingerprint: string): Promise<Answer | undefined> => {
    const row = await store.selectFrom('idempotency_keys').selectAll().where('key', '=', key).executeTakeFirst()
    if (row === undefined) return undefined
    if (row.fingerprint !== fingerprint) {
      throw new ProblemError('idempotency_mismatch', 'Another request used this Idempotency-Key before')
    }
    if (row.answer !== null) return JSON.parse(row.answer) as Answer
    if (row.operation_id === null) {
      await store.deleteFrom('idempotency_keys').where('key', '=', key).execute()
      return undefined
    }
    if (row.operation_id === direct) {
      throw new ProblemError('outcome_unknown', 'The server stopped during the first request with this Idempotency-Key')
    }
    // The server stopped before it could answer. Its operation continues.
    const body = await fastify.operations.get(row.operation_id)
    return { status: 202, headers: { location: body.self }, body }
  }

  const runFirst = async (
    key: string, fingerprint: string, path: string, run: (key: string) => Promise<Answer>, isDirect: boolean
  ): Promise<Answer> => {
    const remove = () => store.deleteFrom('idempotency_keys').where('key', '=', key).execute()
    const keep = (answer: Answer) =>
      store.updateTable('idempotency_keys').set({ answer: JSON.stringify(answer) }).where('key', '=', key).execute()
    await store.insertInto('idempotency_keys').values({
      key, fingerprint, operation_id: isDirect ? direct : null, answer: null, created_at: new Date().toISOString()
    }).execute()
    try {
      const answer = await run(key)
      await keep(withoutSecrets(answer))
      return answer
    } catch (error) {
      // The key is free again if nothing was sent to the cloud, or if the same request may succeed later.
      const { operation_id: operation = null } = await store.selectFrom('idempotency_keys').select('operation_id')
        .where('key', '=', key).executeTakeFirst() ?? {}
      const problem = error instanceof ProblemError ? toProblem(error, { instance: path }) : undefined
      if (operation === null || problem === undefined || problem.retryable) await remove()
      else await keep({ status: problem.status, headers: {}, body: problem })
      throw error
    }
  }

  fastify.decorate('idempotent', async (request, reply, run, options) => {
    const key = parseKey(request.headers['idempotency-key'])
    if (key === undefined) return send(reply, await run(undefined))
    if (running.has(key)) {
      const detail = 'The first request with this Idempotency-Key has no answer yet'
      throw new ProblemError('idempotency_in_progress', detail, { retry_after: 1 })
    }
    running.add(key)
    try {
      const fingerprint = fingerprintOf(request)
      const first = await findAnswer(key, fingerprint)
      if (first === undefined) {
        const path = request.url.split('?', 1)[0]!
        return send(reply, await runFirst(key, fingerprint, path, run, options?.direct ?? false))
      }
      reply.header('idempotency-replayed', 'true')
      // A problem has the id of the request that it answers.
      const body = first.status < 400 ? first.body : { ...first.body as Problem, request_id: request.id }
      return send(reply, { ...first, body })
    } finally {
      running.delete(key)
    }
  })
}, { name: 'idempotency', dependencies: ['store', 'operations'] })
