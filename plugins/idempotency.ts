import fp from 'fastify-plugin'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { ProblemError, toProblem, type Problem } from '../openapi/model/index.ts'
import { forbidStorage, hasSecrets } from './http/caching.ts'
import { canonicalize, hashText } from './fingerprint.ts'
import { writeUntilDone } from './store/index.ts'
import type { IdempotencyKey } from './store/tables.ts'

declare module 'fastify' {
  interface FastifyInstance {
    /**
     * Answers a creating request once for each Idempotency-Key: the same request with the same key gets the first
     * answer again. Each caller has keys of its own. `run` passes the key on to the operation that it starts. With
     * `direct` there is no operation: if the server stops during the first request, the second is answered with
     * outcome_unknown.
     */
    idempotent (
      request: FastifyRequest,
      reply: FastifyReply,
      run: (key: IdempotencyKey | undefined) => Promise<Answer>,
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

/** Identifies equal requests. */
const requestFingerprint = ({ method, url, body }: FastifyRequest) =>
  hashText(`${method} ${url.split('?', 1)[0]}\n${canonicalize(body)}`)

/** Stands in place of an operation's id if the request has none. */
const direct = 'direct'

const dropSecrets = ({ secrets, ...rest }: { secrets?: unknown }) => rest

/** The store never contains secrets, so a replayed answer lacks them, also those of the operations of a bulk action. */
const withoutSecrets = ({ status, headers, body }: Answer): Answer => {
  const { items, ...rest } = dropSecrets(body) as { items?: { operation?: object | null }[] }
  if (items === undefined) return { status, headers, body: rest }
  const cleaned = items.map((item) => item.operation ? { ...item, operation: dropSecrets(item.operation) } : item)
  return { status, headers, body: { ...rest, items: cleaned } }
}

const send = (reply: FastifyReply, { status, headers, body }: Answer) => {
  if (status >= 400) reply.type('application/problem+json')
  if (hasSecrets(body)) forbidStorage(reply)
  return reply.code(status).headers(headers).send(body) as never
}

/** Idempotency-Key on creating requests, kept in the store for 24 hours. */
export default fp(async (fastify) => {
  const { store } = fastify
  /** Rows whose first request is under way, or whose answer is not in the store yet. */
  const running = new Set<string>()
  const unwritten = new Set<string>()

  const nameOf = ({ caller, key }: IdempotencyKey) => `${caller}\n${key}`
  const find = ({ caller, key }: IdempotencyKey) =>
    store.selectFrom('idempotency_keys').where('caller', '=', caller).where('key', '=', key)
  const remove = ({ caller, key }: IdempotencyKey) =>
    store.deleteFrom('idempotency_keys').where('caller', '=', caller).where('key', '=', key).execute()

  /** Returns the answer for a key that was used before; undefined if this counts as the first request. */
  const findAnswer = async (
    key: IdempotencyKey, fingerprint: string, request: FastifyRequest
  ): Promise<Answer | undefined> => {
    const row = await find(key).selectAll().executeTakeFirst()
    if (row === undefined) return undefined
    if (row.fingerprint !== fingerprint) {
      throw new ProblemError('idempotency_mismatch', 'Another request used this Idempotency-Key before')
    }
    if (row.answer !== null) return JSON.parse(row.answer) as Answer
    if (row.operation_id === null) {
      await remove(key)
      return undefined
    }
    if (row.operation_id === direct) {
      throw new ProblemError('outcome_unknown', 'The server stopped during the first request with this Idempotency-Key')
    }
    // The server stopped before it could answer. Its operation continues.
    const body = await fastify.operations.get(row.operation_id, request.caller)
    return { status: 202, headers: { location: body.self }, body }
  }

  const runFirst = async (
    key: IdempotencyKey,
    fingerprint: string,
    path: string,
    run: (key: IdempotencyKey) => Promise<Answer>,
    isDirect: boolean
  ): Promise<Answer> => {
    /** Writes the outcome, in the background if the store fails: the caller gets the answer in any case. */
    const settle = async (write: () => Promise<unknown>) => {
      try {
        await write()
      } catch (err) {
        fastify.log.error({ err }, 'the store did not accept the answer to an Idempotency-Key; this is tried again')
        unwritten.add(nameOf(key))
        writeUntilDone(write, () => fastify.closing).then(() => unwritten.delete(nameOf(key)))
      }
    }
    const keep = (answer: Answer) => store.updateTable('idempotency_keys').set({ answer: JSON.stringify(answer) })
      .where('caller', '=', key.caller).where('key', '=', key.key).execute()
    const findOperation = () => find(key).select('operation_id').executeTakeFirst()
    await store.insertInto('idempotency_keys').values({
      ...key, fingerprint, operation_id: isDirect ? direct : null, answer: null, created_at: new Date().toISOString()
    }).execute()
    try {
      const answer = await run(key)
      await settle(() => keep(withoutSecrets(answer)))
      return answer
    } catch (error) {
      await settle(async () => {
        const { operation_id: operation = null } = await findOperation() ?? {}
        // Nothing was sent to the cloud.
        if (operation === null) return remove(key)
        // A defect of the server: what the cloud did is unknown, so the key stays with its operation.
        if (!(error instanceof ProblemError)) return
        const problem = toProblem(error, { instance: path })
        // The same request may succeed later, so the key is free again.
        if (problem.retryable) return remove(key)
        await keep({ status: problem.status, headers: {}, body: problem })
      })
      throw error
    }
  }

  fastify.decorate('idempotent', async (request, reply, run, options) => {
    const text = parseKey(request.headers['idempotency-key'])
    if (text === undefined) return send(reply, await run(undefined))
    const key = { caller: request.caller.identity, key: text }
    const name = nameOf(key)
    if (running.has(name) || unwritten.has(name)) {
      const detail = 'The first request with this Idempotency-Key has no answer yet'
      throw new ProblemError('idempotency_in_progress', detail, { retry_after: 1 })
    }
    running.add(name)
    try {
      const fingerprint = requestFingerprint(request)
      const first = await findAnswer(key, fingerprint, request)
      if (first === undefined) {
        const path = request.url.split('?', 1)[0]!
        return send(reply, await runFirst(key, fingerprint, path, run, options?.direct ?? false))
      }
      reply.header('idempotency-replayed', 'true')
      // A problem has the id of the request that it answers.
      const body = first.status < 400 ? first.body : { ...first.body as Problem, request_id: request.id }
      return send(reply, { ...first, body })
    } finally {
      running.delete(name)
    }
  })
}, { name: 'idempotency', dependencies: ['store', 'operations'] })
