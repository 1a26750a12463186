import { readFile } from 'node:fs/promises'
import path from 'node:path'
import swagger from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import fp from 'fastify-plugin'
import type { FastifySchema } from 'fastify'
import type { Settings } from '../../config/index.ts'
import { packageFolder, version } from '../../config/version.ts'
import { noFields } from '../../openapi/model/index.ts'
import { addConditions } from './conditions.ts'
import { describeOperation } from './descriptions.ts'
import { routesOf, type Document, type Route } from './document.ts'
import { addExample, readExamples } from './examples.ts'
import { addHeaders, headers } from './headers.ts'
import { sortRoutes } from './order.ts'
import { addProblems, describeProblems } from './problems.ts'
import { describeWebhooks } from './webhooks.ts'
import { securitySchemes, signInOptions, withPermission } from './security.ts'

const description = `One API over many clouds.

**Try it.** Without a settings file, the server has a dummy cloud named \`default\` with five nodes. Open an operation
below and press *Execute*:

1. \`GET /api/v2/nodes\` lists the nodes of all clouds, \`GET /api/v2/summary\` counts them by state.
2. \`POST /api/v2/clouds/{cloud}/nodes\` creates one, with the cloud \`default\`. The answer is an operation.
3. \`POST /api/v2/clouds/{cloud}/nodes/{id}/actions/stop\` stops it; \`DELETE /api/v2/clouds/{cloud}/nodes/{id}\`
   destroys it. \`allowed_actions\` of a node lists what its state allows.

**How it works.**

- Lists are paged: follow \`next_cursor\` (or the \`Link\` header) until it is null.
- Filters: \`state=stopped,error\`, \`exclude_state\`, \`name=*web*\`, \`tag.env=prod\`, \`min_ram\`, \`max_price\`,
  \`created_after\`. All must match; the values of one are alternatives. [All filters](/docs/filters.md)
- \`sources\` of a list reports the status of each cloud.
- Changes that take time answer 202 with an operation; \`Prefer: wait=30\` waits up to 30 s for its end.
- Send an \`Idempotency-Key\` with every create: the same request may then be sent again without creating twice.
- Every error is \`application/problem+json\` with a \`code\` for programs and a \`hint\` for people.
- Every GET can be sent as HEAD. It has an \`ETag\`, for \`If-None-Match\` and, on changes, \`If-Match\`.
- Unknown is null, never 0 or "".`

const tags = [
  { name: 'Clouds', description: 'The clouds of this server and what each can do' },
  { name: 'Nodes', description: 'Virtual machines: instances, servers' },
  { name: 'Images', description: 'Disk images from which nodes boot: AMIs, images' },
  { name: 'Sizes', description: 'Sizes of nodes: instance types, flavors' },
  { name: 'Locations', description: 'Regions and availability zones' },
  { name: 'Key pairs', description: 'SSH keys for nodes' },
  { name: 'Networks', description: 'Networks (VPCs), subnets, routers' },
  { name: 'Security groups', description: 'Firewall rules of nodes' },
  {
    name: 'Floating IPs',
    description: 'Public addresses that can move between nodes: elastic IPs'
  },
  { name: 'Volumes', description: 'Disks independent of nodes, their types and snapshots' },
  { name: 'Assignments', description: 'Who has which node, and until when' },
  { name: 'Operations', description: 'Changes that take time' },
  { name: 'Events', description: 'What happens, as it happens' },
  { name: 'Webhooks', description: 'URLs to which the server sends events' },
  { name: 'Drivers', description: 'Kinds of clouds that this server can connect to' },
  { name: 'Callers', description: 'Who sends a request, and what they may do' },
  { name: 'Server', description: 'This server itself' }
]

interface Query {
  required?: string[]
  properties?: Record<string, { default?: unknown }>
}

/** Makes parameters with a default optional: @fastify/swagger documents them as required. */
function relaxDefaults (schema: FastifySchema): FastifySchema {
  const query = schema.querystring as Query | undefined
  if (query?.required === undefined) return schema
  const required = query.required.filter((name) => query.properties?.[name]?.default === undefined)
  return { ...schema, querystring: { ...query, required } }
}

/** Leaves out the body of an action without fields, so that generated clients send none. */
function withoutEmptyBody (schema: FastifySchema): FastifySchema {
  if (schema.body !== noFields) return schema
  const { body, ...rest } = schema
  return rest
}

/** Makes a body without required fields optional: @fastify/swagger documents every body as required. */
function relaxBody ({ operation: { requestBody } }: Route, { schemas }: Document['components']) {
  const given = requestBody?.content['application/json']?.schema
  if (given === undefined) return
  const name = given.$ref?.split('/').at(-1)
  const { required = [], 'x-required-any': requiredAny = [] } = name === undefined
    ? given
    : schemas[name]!
  if (required.length === 0 && requiredAny.length === 0) requestBody!.required = false
}

/** Completes the document that @fastify/swagger makes of the routes. */
function complete ({ openapiObject: document }: { openapiObject: Document }): Document {
  const { components } = document
  const examples = readExamples()
  for (const route of routesOf(document)) {
    relaxBody(route, components)
    route.operation.description ??= describeOperation(route.operation.operationId) as string
    addConditions(route)
    addHeaders(route)
    addProblems(route)
    addExample(route, examples)
  }
  sortRoutes(document)
  document.webhooks = describeWebhooks()
  components.headers = headers
  components.responses = describeProblems()
  return document
}

const openApi30File = path.join(packageFolder, 'openapi/openapi-3.0.json')

/**
 * Serves the live document (/openapi.json, /openapi.yaml), the same in OpenAPI 3.0.3 (/openapi-3.0.json), and Swagger
 * UI (/docs).
 */
export default fp(async (fastify, { settings: { auth } }: { settings: Settings }) => {
  await fastify.register(
    swagger,
    {
      openapi: {
        openapi: '3.1.0',
        info: {
          title: 'Cloud Orchestrator',
          version,
          description,
          contact: { name: 'The authors of Cloud Orchestrator' },
          license: { name: 'Apache-2.0', identifier: 'Apache-2.0' }
        },
        servers: [{ url: '/', description: 'This server' }],
        tags,
        components: { securitySchemes: securitySchemes(auth) }
      },
      refResolver: {
        buildLocalReference: (json, _base, _fragment, i) =>
          typeof json['$id'] === 'string' ? json['$id'] : `def-${i}`
      },
      transform: ({ schema, url, route }) => {
        // It has a document of its own.
        if (/^\/api\/v1(\/|$)/.test(url)) return { schema: { hide: true }, url }
        return {
          schema: schema && withPermission(withoutEmptyBody(relaxDefaults(schema)), route, auth),
          url
        }
      },
      transformObject: complete as never
    } as Parameters<typeof swagger>[1]
  )

  await fastify.register(swaggerUi, {
    routePrefix: '/docs',
    uiConfig: {
      deepLinking: true,
      displayRequestDuration: true,
      tryItOutEnabled: true,
      docExpansion: 'list',
      defaultModelsExpandDepth: 0
    },
    initOAuth: signInOptions(auth),
    theme: { title: 'Cloud Orchestrator' }
  })

  // The document is built once: routes and models do not change after the start.
  let json: string | undefined
  let json30: string | undefined
  let yaml: string | undefined
  const hidden = {
    config: { level: 'open' as const },
    schema: { hide: true },
    logLevel: 'warn' as const
  }
  fastify.get('/openapi.json', hidden, async (_request, reply) => {
    reply.type('application/json; charset=utf-8')
    return (json ??= JSON.stringify(fastify.swagger()))
  })
  // Made when the package is built, because the converter is large. test/document.test.ts shows that it is current.
  fastify.get('/openapi-3.0.json', hidden, async (_request, reply) => {
    reply.type('application/json; charset=utf-8')
    return (json30 ??= await readFile(openApi30File, 'utf8'))
  })
  for (const page of ['filters.md', 'events.md']) {
    fastify.get(`/docs/${page}`, hidden, async (_request, reply) => {
      // Browsers show plain text; some of them save text/markdown as a file.
      reply.type('text/plain; charset=utf-8')
      return readFile(path.join(packageFolder, 'docs', page), 'utf8')
    })
  }
  fastify.get('/openapi.yaml', hidden, async (_request, reply) => {
    reply.type('application/yaml; charset=utf-8')
    return (yaml ??= fastify.swagger({ yaml: true }))
  })
}, { name: 'openapi', dependencies: ['schemas'] })
