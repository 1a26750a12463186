import swagger from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import fp from 'fastify-plugin'
import type { FastifySchema } from 'fastify'
import { version } from '../config/version.ts'

const description = `One API over many clouds.

- Lists are paged: follow \`next_cursor\` (or the \`Link\` header) until it is null; \`sources\` tells how each cloud answered.
- Changes that take their time answer 202 with an operation; \`Prefer: wait=30\` holds the answer until it has ended.
- Send an \`Idempotency-Key\` with every create: the same request may then be sent again without creating twice.
- Every error is \`application/problem+json\` with a \`code\` for programs and a \`hint\` for people.
- Unknown is null, never 0 or "".`

const tags = [
  { name: 'Clouds', description: 'The clouds of this server and what each can do' },
  { name: 'Nodes', description: 'Virtual machines: instances, servers' },
  { name: 'Images', description: 'What nodes boot from: AMIs, images' },
  { name: 'Sizes', description: 'Sizes of nodes: instance types, flavors' },
  { name: 'Locations', description: 'Regions and availability zones' },
  { name: 'Key pairs', description: 'Keys to sign in to nodes with' },
  { name: 'Networks', description: 'Networks (VPCs), subnets, routers' },
  { name: 'Security groups', description: 'Rules on what may reach a node' },
  { name: 'Floating IPs', description: 'Public addresses that move: elastic IPs' },
  { name: 'Volumes', description: 'Disks that outlive nodes, their types and snapshots' },
  { name: 'Operations', description: 'Changes that take their time' },
  { name: 'Drivers', description: 'Kinds of clouds that this server can connect to' },
  { name: 'Server', description: 'This server itself' }
]

interface Query { required?: string[], properties?: Record<string, { default?: unknown }> }

/** A parameter with a default need not be sent, which @fastify/swagger takes for required. */
function optionalWhereDefault (schema: FastifySchema): FastifySchema {
  const query = schema.querystring as Query | undefined
  if (query?.required === undefined) return schema
  const required = query.required.filter((name) => query.properties?.[name]?.default === undefined)
  return { ...schema, querystring: { ...query, required } }
}

interface Schema { $ref?: string, required?: string[] }
interface Document {
  paths: Record<string, { post?: { requestBody?: { required?: boolean, content: Record<string, { schema: Schema }> } } }>
  components: { schemas: Record<string, Schema> }
}

/** An action of which nothing must be said needs no body, which @fastify/swagger takes for required as well. */
function optionalWhereEmpty ({ openapiObject: document }: { openapiObject: Document }): Document {
  for (const [path, { post }] of Object.entries(document.paths)) {
    const schema = post?.requestBody?.content['application/json']?.schema
    if (schema === undefined || !path.includes('/actions/')) continue
    const { required = [] } = schema.$ref === undefined ? schema : document.components.schemas[schema.$ref.split('/').at(-1)!]!
    if (required.length === 0) post!.requestBody!.required = false
  }
  return document
}

/** The live document: /openapi.json, /openapi.yaml, and Swagger UI at /docs. */
export default fp(async (fastify) => {
  await fastify.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: { title: 'Cloud Orchestrator', version, description, license: { name: 'Apache-2.0', identifier: 'Apache-2.0' } },
      servers: [{ url: '/', description: 'This server' }],
      // Nobody is asked who calls; said, so that nobody takes it for forgotten.
      security: [],
      tags
    },
    refResolver: {
      buildLocalReference: (json, _base, _fragment, i) => typeof json['$id'] === 'string' ? json['$id'] : `def-${i}`
    },
    transform: ({ schema, url }) => ({ schema: schema === undefined ? schema : optionalWhereDefault(schema), url }),
    transformObject: optionalWhereEmpty as never
  } as Parameters<typeof swagger>[1])

  await fastify.register(swaggerUi, {
    routePrefix: '/docs',
    uiConfig: { deepLinking: true, displayRequestDuration: true, tryItOutEnabled: true, docExpansion: 'list', defaultModelsExpandDepth: 0 },
    theme: { title: 'Cloud Orchestrator' }
  })

  // Made once: after start neither routes nor models can change.
  let json: string | undefined
  let yaml: string | undefined
  const hidden = { schema: { hide: true }, logLevel: 'warn' as const }
  fastify.get('/openapi.json', hidden, async (_request, reply) => {
    reply.type('application/json; charset=utf-8')
    return (json ??= JSON.stringify(fastify.swagger()))
  })
  fastify.get('/openapi.yaml', hidden, async (_request, reply) => {
    reply.type('application/yaml; charset=utf-8')
    return (yaml ??= fastify.swagger({ yaml: true }))
  })
}, { name: 'openapi', dependencies: ['schemas'] })
