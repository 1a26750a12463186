import type { FastifyInstance } from 'fastify'

const links = {
  documentation: '/docs',
  document: '/openapi.json',
  liveness: '/health/live',
  readiness: '/health/ready'
}

/** The index: leads a browser to the documentation, and lists the collections for programs. */
export default async function routes (fastify: FastifyInstance) {
  let collections: Record<string, string> | undefined

  /** The paths of the API that can be read without parameters, by their name. */
  const listCollections = () => {
    const { paths = {} } = fastify.swagger() as { paths?: Record<string, { get?: object }> }
    return Object.fromEntries(
      Object.entries(paths)
        .filter(([path, { get }]) => get !== undefined && /^\/api\/v2\/[\w-]+$/.test(path))
        .map(([path]) => [path.split('/').at(-1)!.replaceAll('-', '_'), path])
    )
  }

  for (const url of ['/', '/api/v2']) {
    fastify.get(
      url,
      { config: { level: 'open' }, schema: { hide: true } },
      async (request, reply) => {
        reply.header('vary', `accept, ${String(reply.getHeader('vary'))}`)
        if (request.type(['json', 'html']) === 'html') return reply.redirect('/docs')
        return { ...links, ...(collections ??= listCollections()) }
      }
    )
  }
}
