import path from 'node:path'
import type { FastifyInstance } from 'fastify'
import { createApp } from '../../app.ts'
import { loadSettings } from '../../config/index.ts'
import { packageFolder } from '../../config/version.ts'
import type { DriverPlugin } from '../../drivers/driver.ts'
import { callAll, type Answer } from './calls.ts'

/** One call of each operation and its answer, by operationId. */
export type Examples = Record<string, Example>

export interface Example {
  method: string
  /** Path and query. */
  url: string
  path: Record<string, string>
  headers: Record<string, string>
  body?: unknown
  status: number
  contentType?: string
  answer?: unknown
}

interface Document {
  paths: Record<string, Record<string, { operationId: string, parameters?: { name: string }[] }>>
}

/** The default farm in memory. Its changes are done at once, and it keeps destroyed nodes. */
function exampleSettings (drivers: ReadonlyMap<string, DriverPlugin>) {
  const settings = loadSettings({
    env: { STORE_FILE: ':memory:' },
    cwd: import.meta.dirname,
    drivers
  })
  const clouds = settings.clouds.map((cloud) => ({
    ...cloud,
    settings: { ...cloud.settings, state_file: null, delay: 0, soft_delete_seconds: 3600 }
  }))
  // It has a part of the table that `orchestrator install libcloud` writes.
  const dataDirectory = path.join(packageFolder, 'openapi/examples')
  return { ...settings, dataDirectory, clouds, operations: { ...settings.operations, poll_ms: 1 } }
}

/**
 * Replaces what differs from run to run: times by one time, random ids by ids in the order of their appearance. A text
 * has the same replacement wherever it occurs.
 */
function createNormalizer () {
  const replaced = new Map<string, string>()
  const hex = (n: number) => Math.imul(n, 0x9e3779b1) >>> 0
  const keep = (text: string, make: (n: number) => string) => {
    if (!replaced.has(text)) replaced.set(text, make(replaced.size + 1))
    return replaced.get(text)!
  }
  const digits = (n: number) => hex(n).toString(16).padStart(8, '0')
  return (text: string) =>
    text
      .replaceAll(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z/g, '2026-01-31T12:00:00.000Z')
      .replaceAll(/[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, (id) =>
        keep(id, (n) => `019c13d0-7a00-7000-8000-0000${digits(n)}`))
      .replaceAll(
        /\b(node|vol|snap|fip|router|sg|rule|nic|img|net|subnet)-[0-9a-f]{8}\b/g,
        (id, kind: string) =>
          keep(id, (n) => `${kind}-${digits(n)}`)
      )
      .replaceAll(/id: [0-9a-f]{8}-\w+-\w+/g, 'id: 4f1d0c5e-0-2a')
      .replaceAll(/orch_[0-9a-f]{64}/g, 'orch_…')
      .replaceAll(/whsec_[A-Za-z0-9+/=]+/g, 'whsec_…')
      .replaceAll(/\b(?:[0-9a-f]{2}:){5}[0-9a-f]{2}\b/g, (mac) =>
        keep(mac, (n) =>
          `0a:16:${digits(n).match(/../g)!.join(':')}`))
      .replaceAll(
        /"next_cursor":"[^"]+"/g,
        '"next_cursor":"eyJxdWVyeSI6IkNUY0RsaHVqczVOaS1Ic08ifQ"'
      )
      .replaceAll(/"elapsed_ms":\s*[\d.]+/g, '"elapsed_ms":0.4')
}

/** Reads a stream of events from the first event that the server has, until one arrives. */
async function readFirstEvent (app: FastifyInstance, url: string) {
  const beginning = app.events.toId({ xid: 0, seq: 0 })
  const response = await app.inject({
    method: 'GET',
    url,
    headers: { 'last-event-id': beginning },
    payloadAsStream: true
  })
  const stream = response.stream().setEncoding('utf8')
  let text = ''
  for await (const chunk of stream) {
    text += chunk as string
    const event = /(?:^|\n\n)(id: [^\n]*\nevent: [^\n]*\ndata: [^\n]*\n\n)/.exec(text)?.[1]
    if (event !== undefined) return event
  }
  throw new Error(`${url} answered ${response.statusCode} without an event: ${text}`)
}

/** Calls every operation on a server with a dummy cloud, and returns the calls by their operationId. */
export async function collectExamples (
  drivers: ReadonlyMap<string, DriverPlugin>
): Promise<Examples> {
  const app = createApp({ settings: exampleSettings(drivers), drivers })
  const found: Examples = {}
  try {
    await app.ready()
    const { paths } = app.swagger() as unknown as Document
    const routes = new Map(
      Object.entries(paths).flatMap(([path, methods]) =>
        Object.entries(methods)
          .map(([method, { operationId, parameters = [] }]) =>
            [operationId, { path, method, parameters }] as const
          )
      )
    )
    await callAll(async (operationId, { path: given = {}, query, body, file } = {}) => {
      const route = routes.get(operationId)
      if (route === undefined) throw new Error(`There is no operation ${operationId}`)
      const values: Record<string, string> = { cloud: 'default', ...given }
      const used: Record<string, string> = {}
      const pathname = route.path.replaceAll(
        /\{(\w+)\}/g,
        (_, name: string) => encodeURIComponent(used[name] = values[name]!)
      )
      const headers: Record<string, string> = {}
      if (route.parameters.some(({ name }) => name === 'prefer')) headers['prefer'] = 'wait=30'
      if (body !== undefined) headers['content-type'] = 'application/json'
      if (file !== undefined) headers['content-type'] = 'application/octet-stream'
      const url = query === undefined ? pathname : `${pathname}?${query}`
      if (operationId === 'streamEvents') {
        const answer = await readFirstEvent(app, url)
        const contentType = 'text/event-stream'
        const method = route.method.toUpperCase()
        found[operationId] = { method, url, path: used, headers, status: 200, contentType, answer }
        return {} as Answer
      }
      const payload = file ?? (body === undefined ? undefined : JSON.stringify(body))
      const response = await app.inject({ method: route.method as 'GET', url, headers, payload })
      if (response.statusCode >= 300) {
        throw new Error(`${operationId} ${url} answered ${response.statusCode} ${response.body}`)
      }
      const contentType = String(response.headers['content-type'] ?? '').split(';', 1)[0]!
      const example: Example = {
        method: route.method.toUpperCase(),
        url,
        path: used,
        headers,
        ...(body !== undefined && { body }),
        status: response.statusCode,
        ...(response.body !== '' && { contentType, answer: response.json<unknown>() })
      }
      // The last call has the richest answer: the first list may be empty.
      found[operationId] = example
      return (response.body === '' ? {} : response.json<Answer>()) as Answer
    })
  } finally {
    await app.close()
  }
  return JSON.parse(createNormalizer()(JSON.stringify(found))) as Examples
}
