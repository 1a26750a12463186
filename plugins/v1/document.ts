import swagger from '@fastify/swagger'
import type { FastifyInstance } from 'fastify'
import { version } from '../../config/version.ts'

declare module 'fastify' {
  interface FastifyInstance {
    /** The document of /api/v1. */
    swaggerV1 (): object
  }
}

const description =
  `The API of the original Orchestrator, for its clients. **New clients use [/api/v2](/docs).**

- Without a cloud in the path, a request is for the cloud \`default\`.
- Sign in with \`POST /api/v1/auth\` and send the token as \`X-Auth-Token\`, or as \`auth_token\` in the body.
- **\`vm/stop\` destroys the node**, and so does \`vm/action/release\`, as in the original.
- Lists are whole: there are no pages.
- Errors are \`{"status": "error", "status_code", "status_short_message", "status_long_message", "message"}\`.`

const tags = [
  { name: 'Machines', description: 'Create, destroy and assign nodes' },
  { name: 'Lists', description: 'What there is' },
  { name: 'Firewall', description: 'Ports of nodes' },
  { name: 'Server', description: 'This server and its tokens' }
]

const page = `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>Cloud Orchestrator: /api/v1</title>
<link rel="stylesheet" href="/docs/static/swagger-ui.css">
<link rel="icon" href="/docs/static/favicon-32x32.png">
</head>
<body>
<div id="swagger-ui"></div>
<script src="/docs/static/swagger-ui-bundle.js"></script>
<script src="/docs/v1/start.js"></script>
</body>
</html>
`

const script = `window.onload = () => {
  window.ui = SwaggerUIBundle({
    url: '/openapi-v1.json', dom_id: '#swagger-ui', deepLinking: true, tryItOutEnabled: true, docExpansion: 'list'
  })
}
`

/** Serves the document of v1 (/openapi-v1.json) and its own Swagger UI (/docs/v1). */
export async function documentV1 (fastify: FastifyInstance) {
  await fastify.register(
    swagger,
    {
      decorator: 'swaggerV1',
      openapi: {
        openapi: '3.1.0',
        info: {
          title: 'Cloud Orchestrator: the API of the original',
          version,
          description,
          license: { name: 'Apache-2.0', identifier: 'Apache-2.0' }
        },
        servers: [{ url: '/', description: 'This server' }],
        tags,
        components: {
          securitySchemes: { token: { type: 'apiKey', in: 'header', name: 'X-Auth-Token' } }
        }
      },
      transform: ({ schema, url, route }) => {
        const security = route.config?.level === 'open' ? [] : [{ token: [] }]
        return { schema: { ...schema, deprecated: true, security }, url }
      }
    } as Parameters<typeof swagger>[1]
  )

  let document: string | undefined
  const hidden = { config: { level: 'open' as const }, schema: { hide: true } }
  fastify.get('/openapi-v1.json', hidden, async (_request, reply) => {
    reply.type('application/json; charset=utf-8')
    return (document ??= JSON.stringify(fastify.swaggerV1()))
  })
  fastify.get(
    '/docs/v1',
    hidden,
    async (_request, reply) => reply.type('text/html; charset=utf-8').send(page)
  )
  fastify.get(
    '/docs/v1/start.js',
    hidden,
    async (_request, reply) => reply.type('text/javascript; charset=utf-8').send(script)
  )
}
