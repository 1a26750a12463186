import fp from 'fastify-plugin'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { ProblemError, toProblem, type Problem } from '../openapi/model/index.ts'
import { forbidStorage, hasSecrets } from './http/caching.ts'
import { canonicalize, hashText } from './fingerprint.ts'
import type { FirstAnswer } from './operations/first-answer.ts'
import { parsePrefer } from './operations/index.ts'
import { keyRetention, StoreConflict, writeUntilDone, type Tables } from './store/index.ts'
import { namesOf, prepare } from './store/prepared.ts'
import type { IdempotencyKey, StoreChange } from './store/tables.ts'

declare module 'fastify' {
  interface FastifyInstance {
    /**
     * Answers a creating request once for each Idempotency-Key: the same request with the same key gets the first
     * answer again. Each caller has keys of its own. `run` passes the first answer on to the operation that it starts.
     * With `direct` there is no operation: if the server stops during the first request, the second is answered with
     * outcome_unknown.
     */
    idempotent(
      request: FastifyRequest,
      reply: FastifyReply,
      run: (first: FirstAnswer | undefined) => Promise<Answer>,
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
  const cleaned = items.map((item) =>
    item.operation ? { ...item, operation: dropSecrets(item.operation) } : item
  )
  return { status, headers, body: { ...rest, items: cleaned } }
}

const send = (reply: FastifyReply, { status, headers, body }: Answer) => {
  if (status >= 400) reply.type('application/problem+json')
  if (hasSecrets(body)) forbidStorage(reply)
  return reply.code(status).headers(headers).send(body) as never
}

const inProgress = () =>
  new ProblemError(
    'idempotency_in_progress',
    'The first request with this Idempotency-Key has no answer yet',
    { retry_after: 1 }
  )

/** Idempotency-Key on creating requests, kept in the store for 24 hours. */
export default fp(async (fastify) => {
  const { store, membership } = fastify
  /** Rows whose first request is under way, or whose answer is not in the store yet. */
  const running = new Set<string>()
  const unwritten = new Set<string>()

  const nameOf = ({ caller, key }: IdempotencyKey) => `${caller}\n${key}`
  const find = ({ caller, key }: IdempotencyKey) =>
    store.selectFrom('idempotency_keys').where('caller', '=', caller).where('key', '=', key)
  const remove = ({ caller, key }: IdempotencyKey) =>
    store.deleteFrom('idempotency_keys').where('caller', '=', caller).where('key', '=', key)
  const insert = prepare<keyof Tables['idempotency_keys']>(
    store.insertInto('idempotency_keys')
      .values(namesOf<Tables['idempotency_keys']>([
        'caller',
        'key',
        'fingerprint',
        'operation_id',
        'answer',
        'created_at',
        'server'
      ]))
  )
  const update = prepare<'answer' | 'caller' | 'key' | 'operation'>(
    store.updateTable('idempotency_keys').set(namesOf<Tables['idempotency_keys']>(['answer']))
      .where('caller', '=', 'caller').where('key', '=', 'key').where('operation_id', '=', 'operation')
  )

  const claim = (key: IdempotencyKey, fingerprint: string, operation: string) =>
    insert({
      ...key,
      fingerprint,
      operation_id: operation,
      answer: null,
      created_at: new Date().toISOString(),
      server: membership.id
    })
  const keep = (key: IdempotencyKey, operation: string, answer: Answer) =>
    update({ ...key, operation, answer: JSON.stringify(withoutSecrets(answer)) })

  /** Keeps a refusal, or frees the key if the same request may succeed later. */
  const refuse = (key: IdempotencyKey, operation: string, path: string, error: ProblemError) => {
    const problem = toProblem(error, { instance: path })
    return problem.retryable
      ? remove(key).where('operation_id', '=', operation)
      : keep(key, operation, { status: problem.status, headers: {}, body: problem })
  }

  /** Returns the answer for a key that was used before; undefined if this counts as the first request. */
  const findAnswer = async (
    key: IdempotencyKey,
    fingerprint: string,
    request: FastifyRequest
  ): Promise<Answer | undefined> => {
    const row = await find(key).selectAll().executeTakeFirst()
    if (row === undefined) return undefined
    if (row.created_at < new Date(Date.now() - keyRetention).toISOString()) {
      // Its time is over, also before it is purged.
      await remove(key).execute()
      return undefined
    }
    if (row.fingerprint !== fingerprint) {
      throw new ProblemError(
        'idempotency_mismatch',
        'Another request used this Idempotency-Key before'
      )
    }
    if (row.answer !== null) return JSON.parse(row.answer) as Answer
    if (row.operation_id === null) {
      // From an earlier version, which stopped before it had sent anything.
      await remove(key).execute()
      return undefined
    }
    const isOwn = row.server === membership.id
    const isUnderWay = isOwn || await membership.isAlive(row.server)
    if (row.operation_id === direct) {
      if (isUnderWay && !isOwn) throw inProgress()
      throw new ProblemError(
        'outcome_unknown',
        'The server stopped during the first request with this Idempotency-Key'
      )
    }
    // The server stopped before it could answer, or another server has not answered yet. The operation continues.
    const body = await fastify.operations.get(row.operation_id, request.caller)
    // The first request may still be refused, or its end is not in the store yet.
    if (isUnderWay && body.phase === 'calling') throw inProgress()
    return { status: 202, headers: { location: body.self }, body }
  }

  /** Sends the first answer again. */
  const sendAgain = (request: FastifyRequest, reply: FastifyReply, first: Answer) => {
    reply.header('idempotency-replayed', 'true')
    // A problem has the id of the request that it answers.
    const body = first.status < 400
      ? first.body
      : { ...first.body as Problem, request_id: request.id }
    return send(reply, { ...first, body })
  }

  const runFirst = async (
    key: IdempotencyKey,
    fingerprint: string,
    request: FastifyRequest,
    run: (first: FirstAnswer) => Promise<Answer>,
    isDirect: boolean
  ): Promise<Answer> => {
    const path = request.url.split('?', 1)[0]!
    /** Writes the outcome, in the background if the store fails: the caller gets the answer in any case. */
    const settle = async (change: StoreChange) => {
      const write = () => store.commit([change])
      try {
        await write()
      } catch (err) {
        fastify.log.error(
          { err },
          'the store did not accept the answer to an Idempotency-Key; this is tried again'
        )
        unwritten.add(nameOf(key))
        writeUntilDone(write, () => fastify.closing).then(() => unwritten.delete(nameOf(key)))
      }
    }
    const waits = parsePrefer(request.headers.prefer) !== undefined
    let operation = direct
    const first: FirstAnswer = {
      claim (id) {
        operation = id
        return [claim(key, fingerprint, id)]
      },
      keep: waits
        ? undefined
        : (row) => [keep(key, row.id, fastify.operations.toAnswer(row, request.caller))],
      refuse: (problem) => [refuse(key, operation, path, problem)]
    }
    if (isDirect) await store.commit([claim(key, fingerprint, direct)])
    try {
      const answer = await run(first)
      if (isDirect || waits) await settle(keep(key, operation, answer))
      return answer
    } catch (error) {
      // An operation has kept the refusal with its own end, or the key stays with it. After a defect of the server it
      // is unknown what the cloud did, so the key stays taken.
      if (isDirect && error instanceof ProblemError) await settle(refuse(key, direct, path, error))
      throw error
    }
  }

  fastify.decorate('idempotent', async (request, reply, run, options) => {
    const text = parseKey(request.headers['idempotency-key'])
    if (text === undefined) return send(reply, await run(undefined))
    const key = { caller: request.caller.identity, key: text }
    const name = nameOf(key)
    if (running.has(name) || unwritten.has(name)) throw inProgress()
    running.add(name)
    try {
      const fingerprint = requestFingerprint(request)
      const first = await findAnswer(key, fingerprint, request)
      if (first !== undefined) return sendAgain(request, reply, first)
      try {
        return send(reply, await runFirst(key, fingerprint, request, run, options?.direct ?? false))
      } catch (error) {
        // Another server has got the same request at the same moment.
        const other = error instanceof StoreConflict
          ? await findAnswer(key, fingerprint, request)
          : undefined
        if (other === undefined) throw error
        return sendAgain(request, reply, other)
      }
    } finally {
      running.delete(name)
    }
  })
}, { name: 'idempotency', dependencies: ['store', 'membership', 'operations'] })
