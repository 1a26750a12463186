import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from '#typebox'
import { fieldError } from '../../drivers/common/invalid.ts'
import { MayAnswer, Me, ok, ProblemError, queryOf } from '../../openapi/model/index.ts'

const tags = ['Callers']

const unknownAction = (action: string) => {
  const message = 'must be an action such as nodes.stop, volumes.create or clouds.refresh'
  return new ProblemError(
    'validation_failed',
    `"${action.slice(0, 64)}" is not an action; it ${message}`,
    {
      errors: [{ ...fieldError('/action', message), in: 'query' }],
      hint: 'The capabilities of a cloud (GET /api/v2/clouds/{cloud}) are actions.'
    }
  )
}

/** The caller of the request, and what they may do. */
const routes: FastifyPluginAsyncTypebox = async (fastify) => {
  const { auth, farm } = fastify

  fastify.get(
    '/me',
    {
      config: { level: 'read', action: 'me.get' },
      schema: {
        operationId: 'getMe',
        summary: 'Get the caller of this request, its grants and its limits',
        description:
          'Without `auth` in the settings, the caller of every request is `local`, who may do everything.',
        tags,
        response: ok(Me, 'The caller.')
      }
    },
    async ({ caller: { kind, issuer, id, name, credential, expiresAt, grants } }): Promise<Me> => ({
      kind,
      issuer,
      id,
      name,
      credential,
      expires_at: expiresAt === null ? null : new Date(expiresAt).toISOString(),
      grants: [...grants],
      limits: fastify.callerLimits
    })
  )

  fastify.get('/me/may', {
    config: { level: 'read', action: 'me.may' },
    schema: {
      operationId: 'getMay',
      summary: 'Ask whether the caller may do an action on a cloud',
      description:
        'A portal shows its buttons by this answer. A cloud that the caller may not read, or that does ' +
        'not exist, gives `false`.',
      tags,
      querystring: queryOf({
        action: Type.String({
          minLength: 1,
          maxLength: 64,
          description: 'The action, such as `nodes.stop`.',
          examples: ['nodes.stop']
        }),
        cloud: Type.Optional(Type.String({
          minLength: 1,
          maxLength: 63,
          description: 'Name of the cloud. Without it: on all clouds.'
        }))
      }),
      response: ok(MayAnswer, 'The answer.')
    }
  }, async ({ caller, query: { action, cloud } }): Promise<MayAnswer> => {
    const known = auth.actions.get(action)
    if (known === undefined) throw unknownAction(action)
    const { level, isOnCloud } = known
    const isFree = !isOnCloud && level === 'read'
    const isSeen = cloud === undefined ||
      farm.seenBy(caller).clouds.some(({ name }) => name === cloud)
    const isGranted = cloud === undefined || !isOnCloud
      ? caller.mayEverywhere(level)
      : caller.may(level, cloud)
    return { action, cloud: cloud ?? null, level, allowed: isSeen && (isFree || isGranted) }
  })
}

export default routes
