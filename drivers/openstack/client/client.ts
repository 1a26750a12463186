import { withTransport, type TransportRequest } from 'request-promise'
import type { Action, Token } from 'openstack-client'
import { ProblemError } from '../../../openapi/model/index.ts'
import type { Call } from '../../call.ts'
import type { HttpClient } from '../../http.ts'
import type { Access } from './token-cache.ts'
import type { Session } from './session.ts'
import type { Service } from './catalog.ts'
import { problemOf } from './errors.ts'
import { createFlight } from '../../single-flight.ts'
import { chooseVersion, readRange, versionHeaders, volumeHeaders, type Microversion, type VersionRange } from './microversions.ts'
import { nextMarker } from './paging.ts'
import { resources } from './resources.ts'

/** One call of openstack-client, with the token and the headers that it is to be given. */
export type Send = (token: Token, region: null, headers: Record<string, string>) => Promise<unknown>

/** A service of the cloud, and the version of its API that a call needs. */
export interface Upstream {
  service: Service
  /** Undefined for the lowest version of Nova or Cinder. */
  version?: Microversion | undefined
}

/** One call in the terms of openstack-client. */
export interface ClientRequest {
  action: Action
  /** Ids that fill the places in the path, not yet encoded. */
  ids?: readonly string[]
  query?: Record<string, unknown>
  /** The body, for an action that takes one; a DELETE takes `undefined`. */
  write?: { body: unknown }
  headers?: Record<string, string>
  /** True if the call changes nothing at the cloud: it may be repeated, and its failure leaves nothing open. */
  isRead: boolean
}

export interface ClientResponse {
  /** The body without the root that it is wrapped in. */
  answer: unknown
  /** The whole body. */
  raw: unknown
  headers: Record<string, string>
}

export interface Client {
  request (upstream: Upstream, request: ClientRequest, call: Call): Promise<ClientResponse>
  /** A page: its items, and the marker of the next one. */
  list<T> (upstream: Upstream, call: Call, send: Send): Promise<{ items: T[], next: string | null }>
  /** One object. */
  show<T extends object> (upstream: Upstream, call: Call, send: Send): Promise<T>
  /** A change, whose answer may be empty. */
  change (upstream: Upstream, call: Call, send: Send): Promise<unknown>
  /** A change whose answer is in its headers. */
  headersOf (upstream: Upstream, call: Call, send: Send): Promise<Record<string, string>>
  /** Reads the id of the project; undefined if the identity service does not name it. */
  project (call: Call): Promise<string | undefined>
  /** Reads the versions of Nova, once. */
  versions (call: Call): Promise<VersionRange | null>
  /** Returns the versions of Nova without a call; undefined before they were read. */
  knownVersions (): VersionRange | null | undefined
  refresh (): void
}

export interface ClientOptions {
  session: Session
  http: HttpClient
  /** Milliseconds. */
  timeout: number
  /** Whether Nova has microversions at all; a cloud without is never sent one. */
  microversions: boolean
}

/**
 * The one way to call a cloud's services: openstack-client knows paths and bodies, the session the token and the
 * endpoint, the HTTP client the wire. All methods throw ProblemError.
 */
export function createClient ({ session, http, timeout, microversions }: ClientOptions): Client {
  let range: VersionRange | null | undefined = microversions ? undefined : null
  let generation = 0

  const run = async (service: Service, headers: Record<string, string>, read: boolean, call: Call, send: Send) => {
    const access = await session.access(call)
    let raw: unknown
    let received: Record<string, string> = {}
    const transport = async (request: TransportRequest) => {
      const response = await dispatch(request, { service, read, access, call })
      raw = response.body
      received = response.headers
      return { statusCode: response.status, headers: response.headers, body: response.body }
    }
    const answer = await withTransport(transport, () => send(access.of(service), null, headers))
    return { answer, raw, headers: received }
  }

  /** Sends a request, and once more with a new token where the first is refused: a 401 says that nothing was done. */
  const dispatch = async (request: TransportRequest, { service, read, access, call }: Dispatch) => {
    const attempt = async (by: Access) => {
      const response = await http.request(toHttp(request, by.token, read), call)
      if (response.status !== 401) by.accepted = true
      return response
    }
    const first = await attempt(access)
    // What has been read of a file is gone.
    const response = first.status === 401 && !isStream(request.body) ? await attempt(await session.renew(access.token, call)) : first
    if (response.status < 200 || response.status >= 300) throw problemOf(response, { service, read })
    return response
  }

  const discover = createFlight(timeout, async (call) => {
    const begun = generation
    const found = readRange(await askVersion(call))
    if (begun === generation) range = found
    return found
  })

  /** A cloud whose version document is not to be had is one without microversions. */
  const askVersion = async (call: Call) => {
    try {
      const { answer } = await run('compute', {}, true, call, (token, region, headers) =>
        resources.computeVersion.read(token, region, {}, headers))
      return answer
    } catch (error) {
      if (error instanceof ProblemError && undisclosed.has(error.code)) return undefined
      throw error
    }
  }

  const versions = async (call: Call) => range === undefined ? await discover(call) : range

  const headersFor = async ({ service, version }: Upstream, call: Call) => {
    if (version === undefined) return {}
    // Cinder's versions are not asked for: it refuses one that it lacks, and nothing is done then.
    if (service === 'volume') return volumeHeaders(version)
    const chosen = chooseVersion(version, await versions(call))
    if (chosen === null) throw new ProblemError('not_supported', `This needs Nova ${version.lowest}, which the cloud does not have`)
    return chosen === undefined ? {} : versionHeaders(chosen)
  }

  return {
    async request (upstream, { isRead, headers, ...request }, call) {
      const versioned = { ...await headersFor(upstream, call), ...headers }
      return run(upstream.service, versioned, isRead, call, (token, _region, sent) => invoke(request, token, sent))
    },
    async list<T> (upstream: Upstream, call: Call, send: Send) {
      const { answer, raw } = await run(upstream.service, await headersFor(upstream, call), true, call, send)
      if (!Array.isArray(answer)) throw malformed(upstream.service, true)
      return { items: answer as T[], next: nextMarker(raw) }
    },
    async show<T extends object> (upstream: Upstream, call: Call, send: Send) {
      const { answer } = await run(upstream.service, await headersFor(upstream, call), true, call, send)
      if (typeof answer !== 'object' || answer === null || Array.isArray(answer)) throw malformed(upstream.service, true)
      return answer as T
    },
    async change (upstream, call, send) {
      const { answer } = await run(upstream.service, await headersFor(upstream, call), false, call, send)
      return answer
    },
    async headersOf (upstream, call, send) {
      return (await run(upstream.service, await headersFor(upstream, call), false, call, send)).headers
    },
    project: async (call) => (await session.access(call)).project,
    versions,
    knownVersions: () => range,
    refresh () {
      generation++
      if (microversions) range = undefined
    }
  }
}

interface Dispatch {
  service: Service
  read: boolean
  access: Access
  call: Call
}

/** What a version document that is not there, or not for us, is refused with. */
const undisclosed = new Set<string>(['resource_not_found', 'provider_rejected', 'provider_permission_denied', 'not_supported'])

/** An answer of success that lacks what it is about; after a change it is open what that has done. */
export const malformed = (service: string, read: boolean) => new ProblemError('provider_error',
  `The ${service} service answered with success, but without what was asked for (malformed)`, { outcomeUnknown: !read })

function toHttp ({ method, url, headers, qs, body }: TransportRequest, token: string, read: boolean) {
  return {
    method,
    url,
    headers: { ...headers, 'X-Auth-Token': token },
    read,
    ...(qs === null || qs === undefined ? {} : { query: qs }),
    ...(body === undefined ? {} : isStream(body) ? { stream: body } : { body })
  }
}

const isStream = (body: unknown): body is AsyncIterable<Uint8Array> => typeof body === 'object' && body !== null && Symbol.asyncIterator in body

/** Calls an action of openstack-client, whose arguments are all positional. */
function invoke (
  { action, ids = [], query = {}, write }: Omit<ClientRequest, 'isRead' | 'headers'>, token: Token, headers: Record<string, string>
) {
  const run = action as (...args: unknown[]) => Promise<unknown>
  return run(token, null, ...ids.map(encodeId), ...(write === undefined ? [] : [write.body]), query, headers)
}

/**
 * An id as a part of a path, which openstack-client takes as it is. `.` and `..` mean something there however they are
 * written, services read `%2F` as `/`, and half a character cannot be written at all: none is in an id of any cloud.
 */
export function encodeId (id: string) {
  const never = () => new ProblemError('resource_not_found', 'No resource has such an id')
  if (id === '.' || id === '..' || id.includes('/')) throw never()
  try {
    return encodeURIComponent(id)
  } catch {
    throw never()
  }
}
