import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import type { Test } from 'tap'
import { request } from 'undici'

interface Schema {
  $ref?: string
  anyOf?: Schema[]
  items?: Schema
  properties?: Record<string, Schema>
  additionalProperties?: unknown
  'x-extensible-enum'?: unknown[]
}

interface Response {
  $ref?: string
  content?: Record<string, { schema: Schema }>
}

interface Document {
  paths: Record<string, Record<string, { responses: Record<string, Response> }>>
  components: { schemas: Record<string, Schema>, responses: Record<string, Response> }
}

const nameOf = (ref: string) => ref.split('/').at(-1)!

/** The value that no client knows yet. */
export const unknownValue = 'value_of_tomorrow'

/**
 * Returns an answer as a later version of the server may give it: each open enum has an unknown value, and each object
 * of the model has an unknown field.
 */
function rewrite (value: unknown, schema: Schema, { components }: Document): unknown {
  const visit = (part: unknown, at: Schema | undefined): unknown => {
    if (part === null || at === undefined) return part
    if (at.$ref !== undefined) return visit(part, components.schemas[nameOf(at.$ref)])
    if (at.anyOf !== undefined) return visit(part, at.anyOf[0])
    if (at['x-extensible-enum'] !== undefined) return unknownValue
    if (Array.isArray(part)) return part.map((item) => visit(item, at.items))
    if (typeof part !== 'object' || at.properties === undefined) return part
    const fields = Object.entries(part).map(([key, field]) => [key, visit(field, at.properties![key])])
    return { ...Object.fromEntries(fields), field_of_tomorrow: { nested: [1] } }
  }
  return visit(value, schema)
}

function findSchema ({ paths, components }: Document, method: string, url: string, status: number, media: string) {
  const { pathname } = new URL(url, 'http://localhost')
  const fits = (path: string) => new RegExp(`^${path.replaceAll(/\{[^}]+\}/g, '[^/]+')}$`).test(pathname)
  const path = Object.keys(paths).find(fits)
  if (path === undefined) throw new Error(`${pathname} is not documented`)
  const { responses } = paths[path]![method.toLowerCase()]!
  const response = responses[status] ?? responses[`${String(status)[0]}XX`]
  const { content } = response?.$ref === undefined ? response! : components.responses[nameOf(response.$ref)]!
  const schema = content?.[media]?.schema
  if (schema === undefined) throw new Error(`${method} ${pathname} ${status} ${media} is not documented`)
  return schema
}

/**
 * Starts a proxy on loopback that answers as a later version of the server may do. It passes GET on only. It ends
 * with the test. Resolves with its origin.
 */
export async function startTomorrow (t: Test, origin: string): Promise<string> {
  const document = await fetch(`${origin}/openapi.json`).then((answer) => answer.json()) as Document

  async function pass (incoming: IncomingMessage, outgoing: ServerResponse) {
    const { url = '/', headers } = incoming
    const answer = await request(origin + url, { headers: { accept: headers.accept ?? '*/*' } })
    const contentType = String(answer.headers['content-type'])
    const schema = findSchema(document, 'get', url, answer.statusCode, contentType.split(';', 1)[0]!)
    const body = rewrite(JSON.parse(await text(answer.body)), schema, document)
    outgoing.writeHead(answer.statusCode, { 'content-type': contentType }).end(JSON.stringify(body))
  }

  const server = createServer((incoming, outgoing) => {
    pass(incoming, outgoing).catch((error: Error) => outgoing.writeHead(502).end(error.stack))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}
