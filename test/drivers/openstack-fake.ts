import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import Fastify from 'fastify'
import type { Test } from 'tap'
import { openCall } from '../../drivers/call.ts'
import type {
  Connection,
  ImageService,
  NodeService,
  QuotaService,
  ReadService,
  SnapshotService,
  VolumeService
} from '../../drivers/driver.ts'
import openstack from '../../drivers/openstack/index.ts'
import { ProblemError, type Location, type NodeCreate, type Size, type VolumeType } from '../../openapi/model/index.ts'

/** A request that the fake cloud has received. */
export interface FakeRequest {
  method: string
  path: string
  query: URLSearchParams
  headers: IncomingHttpHeaders
  body: unknown
}

export type Asked = FakeRequest

export interface Answer {
  status?: number
  body?: unknown
  headers?: Record<string, string>
  /** Sent as it is instead of an HTTP response. */
  raw?: string
}

export type Routes = Record<string, Answer | ((request: FakeRequest) => Answer)>

interface Cloud extends Connection {
  nodes: Required<NodeService>
  images: Required<ImageService>
  sizes: ReadService<Size>
  locations: ReadService<Location>
  volumes: Required<VolumeService>
  volume_types: ReadService<VolumeType>
  snapshots: Required<SnapshotService>
  quotas: QuotaService
}

export const id = '00000000-0000-4000-8000-000000000001'
export const server = {
  id,
  name: 'web',
  status: 'ACTIVE',
  metadata: {},
  'OS-SRV-USG:launched_at': '2026-01-01T00:00:00.000000'
}
const nothing: Answer = { status: 404, body: { itemNotFound: { code: 404, message: 'no' } } }
const versions = { version: { version: '2.93', min_version: '2.1' } }

export interface FakeOptions {
  /** Whether the cloud has Cinder. */
  volumes?: boolean
  /** Changes the catalog. */
  catalog?: (entries: CatalogEntry[], base: string) => CatalogEntry[]
}

export interface CatalogEntry {
  type: string
  name?: string
  endpoints: Array<{ interface: string, region_id: string, url: string }>
}

const defaultRoutes: Routes = {
  'GET /compute/v2.1/': { body: versions },
  'GET /compute/v2.1/servers/detail': { body: { servers: [server] } },
  [`GET /compute/v2.1/servers/${id}`]: { body: { server } },
  'GET /network/v2.0/ports': { body: { ports: [] } },
  'GET /network/v2.0/subnets': { body: { subnets: [] } }
}

/** Starts a fake OpenStack cloud. `routes` maps `METHOD /path` below its endpoints to answers. Records all requests. */
export async function startFake (
  t: Test, given: Routes = {}, { volumes = true, catalog = (entries) => entries }: FakeOptions = {}
) {
  const asked: FakeRequest[] = []
  let tokens = 0
  const routes: Routes = {
    'POST /v3/auth/tokens': () => ({
      status: 201,
      body: { token: tokenBody() },
      headers: { 'x-subject-token': `token-${++tokens}` }
    }),
    ...defaultRoutes,
    ...given
  }
  const http = createServer((request, response) => {
    let text = ''
    request.on('data', (part) => { text += part })
    request.on('end', () => {
      const { pathname, searchParams: query } = new URL(request.url!, 'http://x')
      const isFile = request.headers['content-type'] === 'application/octet-stream'
      const body = text === '' ? undefined : isFile ? text : JSON.parse(text) as unknown
      const one = { method: request.method!, path: pathname, query, headers: request.headers, body }
      asked.push(one)
      const route = routes[`${request.method} ${pathname}`] ?? nothing
      const { status = 200, body: answer, headers = {}, raw } = typeof route === 'function' ? route(one) : route
      if (raw !== undefined) return request.socket.end(raw)
      response.writeHead(status, headers).end(typeof answer === 'string' ? answer : JSON.stringify(answer))
    })
  })
  await new Promise<void>((resolve) => { http.listen(0, '127.0.0.1', resolve) })
  t.teardown(() => {
    http.closeAllConnections()
    http.close()
  })
  const base = `http://127.0.0.1:${(http.address() as AddressInfo).port}`
  const tokenBody = () => ({
    issued_at: new Date().toISOString(),
    expires_at: new Date(Date.now() + 3600_000).toISOString(),
    project: { id: 'p' },
    catalog: catalog([
      entry('compute', `${base}/compute/v2.1`),
      entry('image', `${base}/image`),
      entry('network', `${base}/network/v2.0/`),
      ...(volumes ? [entry('block-storage', `${base}/volume/v3/p`)] : [])
    ], base)
  })
  const credentials = { auth_url: base, username: 'me', password: 'topsecret', project_name: 'p' }
  const of = (route: string) => asked.filter(({ method, path }) => `${method} ${path}` === route)
  return { base, credentials, asked, routes, of }
}

/** An entry of the catalog with one endpoint. */
export const entry = (type: string, url: string, region = 'R'): CatalogEntry =>
  ({ type, endpoints: [{ interface: 'public', region_id: region, url }] })

/** Starts a fake cloud and the driver on it, without the rest of the server. */
export async function start (t: Test, given: Routes = {}, settings: object = {}, options: FakeOptions = {}) {
  const { credentials, asked, routes, of, base } = await startFake(t, given, options)
  const logged: string[] = []
  const fastify = Fastify({ logger: { level: 'trace', stream: { write: (line: string) => { logged.push(line) } } } })
  t.teardown(() => fastify.close())
  await fastify.register(openstack, { name: 'default', auth: credentials, ...settings })
  const cloud = fastify.clouds['default'] as Cloud
  const call = (more: { timeout?: number, operation?: string } = {}) => {
    const opened = openCall({ timeout: 5000, log: fastify.log, requestId: 't', ...more })
    t.teardown(() => { opened.end() })
    return opened
  }
  return { base, cloud, nodes: cloud.nodes, asked, call, logged, routes, of }
}

export const query = { limit: 100, token: null, filters: {}, extra: false }
export const input: NodeCreate = { name: 'web', image_id: 'img', size_id: '1' }
export const auth = 'POST /v3/auth/tokens'
export const list = 'GET /compute/v2.1/servers/detail'
export const action = `POST /compute/v2.1/servers/${id}/action`
export const plain = { extra: false }

export async function refused (run: Promise<unknown>): Promise<ProblemError> {
  try {
    await run
  } catch (error) {
    if (error instanceof ProblemError) return error
    throw error
  }
  throw new Error('not refused')
}
