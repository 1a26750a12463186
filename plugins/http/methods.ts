import fp from 'fastify-plugin'
import type { FastifyRequest } from 'fastify'
import { ProblemError } from '../../openapi/model/index.ts'

const escape = (text: string) => text.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`)

/** Turns the URL of a route into a pattern of paths: `/nodes/:id` matches `/nodes/a`. */
const toPattern = (url: string) =>
  new RegExp(
    `^${
      url.split('/').map((step) =>
        step.startsWith(':') ? '[^/]+' : escape(step).replaceAll(String.raw`\*`, '.*')
      ).join('/')
    }/?$`
  )

/** Whether a browser asks for the permission to send a request of another origin. */
const isPreflight = ({ headers }: FastifyRequest) =>
  headers.origin !== undefined && headers['access-control-request-method'] !== undefined

/** Answers a path without a route with 404, and a wrong method with 405 and the methods of that path in Allow. */
export default fp(async (fastify) => {
  const methodsByUrl = new Map<string, Set<string>>()
  fastify.addHook('onRoute', ({ url, method }) => {
    // The route of all preflights.
    if (url.endsWith('*') && method === 'OPTIONS') return
    const methods = methodsByUrl.get(url) ?? new Set()
    for (const one of [method].flat()) methods.add(one)
    methodsByUrl.set(url, methods)
  })

  /** Built at the first wrong request: most clients send none. */
  let patterns: { pattern: RegExp, methods: ReadonlySet<string> }[] | undefined

  const allowedMethods = (path: string) => {
    patterns ??= [...methodsByUrl].map(([url, methods]) => ({ pattern: toPattern(url), methods }))
    return new Set(
      patterns.flatMap(({ pattern, methods }) => pattern.test(path) ? [...methods] : [])
    )
  }

  const notFound = (request: FastifyRequest, path: string) =>
    new ProblemError(
      'route_not_found',
      `This server has no route ${request.method} ${path.slice(0, 500)}`
    )

  fastify.addHook('onRequest', (request, reply, done) => {
    if (!request.is404 && (request.raw.method !== 'OPTIONS' || isPreflight(request))) return done()
    const path = request.url.split('?', 1)[0]!
    const allowed = allowedMethods(path)
    if (allowed.size === 0) return done(notFound(request, path))
    const allow = [...allowed].join(', ')
    reply.header('allow', allow)
    done(
      new ProblemError(
        'method_not_allowed',
        `${request.method} is not a method of ${path.slice(0, 500)}`,
        {
          hint: `Use one of ${allow}.`
        }
      )
    )
  })

  // The hook has answered already, unless a route itself says that it does not exist: a missing file of /docs.
  fastify.setNotFoundHandler(async (request) => {
    throw notFound(request, request.url.split('?', 1)[0]!)
  })
}, { name: 'methods', dependencies: ['http'] })
