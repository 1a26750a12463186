import type { FastifyInstance } from 'fastify'
import { Type, type Static } from '#typebox'
import { ProblemError } from '../../openapi/model/index.ts'
import { createSignIn, type V1Options } from '../../plugins/v1/credentials.ts'
import { deprecationHeaders } from '../../plugins/v1/deprecation.ts'
import { documentV1 } from '../../plugins/v1/document.ts'
import { assignmentRoutes } from './assignments.ts'
import { sendError } from './errors.ts'
import { createFinder } from './find.ts'
import { firewallRoutes } from './firewall.ts'
import { listRoutes } from './lists.ts'
import { machineRoutes } from './machines.ts'
import { answer, bodyTypes, SignIn } from './schemas.ts'

const malformed = () => new ProblemError('invalid_request', 'The body is not valid JSON')

/**
 * The API of the original Orchestrator, for its clients: the same paths, answers and errors. Everything else goes
 * through the same plugins as /api/v2.
 */
export default async function v1 (fastify: FastifyInstance, options: V1Options) {
  if (!options.settings.v1.enabled) return
  await documentV1(fastify)
  await fastify.register(routes, { ...options, prefix: '/api/v1' })
}

async function routes (fastify: FastifyInstance, { settings }: V1Options) {
  const signIn = createSignIn(fastify, settings)
  const finder = createFinder(fastify)
  const headers = deprecationHeaders(settings)

  fastify.setErrorHandler(sendError)
  fastify.setNotFoundHandler(async () => {
    throw new ProblemError('route_not_found', 'Page not found')
  })
  fastify.removeAllContentTypeParsers()
  fastify.addContentTypeParser(bodyTypes, { parseAs: 'string' }, (_request, body, done) => {
    try {
      done(null, body === '' ? {} : JSON.parse(body as string))
    } catch {
      done(malformed())
    }
  })
  fastify.addHook('onRequest', async (_request, reply) => {
    reply.headers(headers)
  })

  fastify.get('/', {
    config: { level: 'open' },
    schema: {
      operationId: 'v1Ping',
      summary: 'Whether the server answers',
      tags: ['Server'],
      response: answer({})
    }
  }, async () => ({ status: 'ok' }))

  fastify.post<{ Body: Static<typeof SignIn> }>('/auth', {
    config: { level: 'open' },
    schema: {
      operationId: 'v1SignIn',
      summary: 'Get a token for a name and a password',
      description:
        'The token is valid for an hour by default (setting `v1.token_minutes`), and for /api/v1 only. A ' +
        'server without `auth` in its settings answers a token for any name, and checks none.',
      tags: ['Server'],
      consumes: bodyTypes,
      body: SignIn,
      response: answer({ status_code: Type.Integer(), token: Type.String() })
    }
  }, async (request, reply) => {
    const { username, password } = request.body
    const token = await signIn(request, username, password)
    reply.header('cache-control', 'no-store')
    return { status: 'ok', status_code: 200, token }
  })

  listRoutes(fastify, finder)
  machineRoutes(fastify, finder)
  assignmentRoutes(fastify, finder)
  firewallRoutes(fastify, finder)
}
