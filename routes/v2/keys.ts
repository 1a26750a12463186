import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from '#typebox'
import {
  ApiKey,
  ApiKeyCreate,
  ApiKeyPage,
  created,
  createHeaders,
  noContent,
  ok,
  pageAnswer,
  paging,
  queryOf
} from '../../openapi/model/index.ts'
import { toCallerRef } from '../../plugins/auth/caller.ts'
import { foreignCursor, readCursor, writeCursor } from '../../plugins/lists/cursor.ts'

const tags = ['Callers']
const keyParams = Type.Object({ id: Type.String({ description: 'Id of the key.' }) })

/** The keys of this server, for administrators of all clouds. */
const routes: FastifyPluginAsyncTypebox = async (fastify) => {
  const { auth: { keys }, store } = fastify

  fastify.get('/keys', {
    config: { level: 'admin', action: 'keys.list' },
    schema: {
      operationId: 'listKeys',
      summary: 'List the keys by their names',
      description:
        'Expired keys are listed until they are revoked. The keys themselves are not shown: the server ' +
        'has only their hashes.',
      tags,
      querystring: queryOf(paging),
      response: pageAnswer(ApiKeyPage)
    }
  }, async ({ query: { limit, cursor }, caller: { identity: owner } }) => {
    const kept = { store, owner }
    const [after] = cursor === undefined
      ? []
      : (await readCursor(cursor, 'keys', kept)).after ?? [null]
    if (after !== undefined && typeof after !== 'string') throw foreignCursor()
    // One more than the limit shows whether there is a next page.
    const found = await keys.list(limit + 1, after)
    const items = found.slice(0, limit)
    const last = found.length > limit ? items.at(-1) : undefined
    const next = last === undefined
      ? null
      : await writeCursor({ query: 'keys', after: [last.name] }, kept)
    return { items, next_cursor: next, total: null }
  })

  fastify.post('/keys', {
    config: { level: 'admin', action: 'keys.create' },
    schema: {
      operationId: 'createKey',
      summary: 'Create a key',
      description:
        '`secrets.key` of the answer is the key. The server does not store it and shows it only once.',
      tags,
      headers: createHeaders,
      body: ApiKeyCreate,
      response: created(ApiKey, 'The key.')
    }
  }, async (request, reply) =>
    fastify.idempotent(request, reply, async () => {
      const key = await keys.create(request.body, toCallerRef(request.caller))
      return { status: 201, headers: { location: key.self }, body: key }
    }, { direct: true }))

  fastify.get('/keys/:id', {
    config: { level: 'admin', action: 'keys.get' },
    schema: {
      operationId: 'getKey',
      summary: 'Get a key',
      description:
        'Grants, creator, expiry and last use. The key itself is not shown: the server has only its hash.',
      tags,
      params: keyParams,
      response: ok(ApiKey, 'The key.')
    }
  }, async ({ params: { id } }) => keys.get(id))

  fastify.delete('/keys/:id', {
    config: { level: 'admin', action: 'keys.revoke' },
    schema: {
      operationId: 'revokeKey',
      summary: 'Revoke a key',
      description: 'From now on no request with the key is accepted.',
      tags,
      params: keyParams,
      response: noContent('The key was revoked.')
    }
  }, async ({ params: { id } }, reply) => {
    const key = await keys.get(id)
    await keys.revoke(key.id)
    return reply.code(204).send()
  })
}

export default routes
