import type { Action, Token } from 'openstack-client'
import { withTransport, type TransportRequest } from 'request-promise'
import { ProblemError, type ProblemCode } from '../../../openapi/model/index.ts'
import type { Call } from '../../call.ts'
import { isUnsent, type HttpClient, type HttpRequest } from '../../common/http.ts'
import { isOutcomeUnknown } from '../../common/outcome.ts'
import { createSingleFlight } from '../../common/single-flight.ts'
import type { Service } from './catalog.ts'
import { problemOf } from './errors.ts'
import {
  atLeast,
  chooseVersion,
  readRange,
  versionHeaders,
  volumeHeaders,
  type Microversion,
  type VersionRange
} from './microversions.ts'
import { resources } from './resources.ts'
import type { Access, Session } from './token-cache.ts'

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
  query?: Readonly<Record<string, unknown>>
  /** The body of an action that has one; undefined for a DELETE. */
  write?: { body: unknown }
  headers?: Record<string, string>
  /** True if the call changes nothing: it may be repeated, and its outcome is never unknown. */
  isRead: boolean
}

export interface ClientResponse {
  /** The body without the root that wraps it. */
  answer: unknown
  /** The whole body. */
  raw: unknown
  headers: Record<string, string>
}

/** Calls the services of one cloud. All methods throw ProblemError. */
export interface Client {
  request(upstream: Upstream, request: ClientRequest, call: Call): Promise<ClientResponse>
  /** Reads the id of the project; undefined if the identity service does not name it. */
  project(call: Call): Promise<string | undefined>
  /** Reads the versions of Nova, once. */
  versions(call: Call): Promise<VersionRange | null>
  /** Returns the versions of Nova without a call; undefined before they were read. */
  knownVersions(): VersionRange | null | undefined
  /** Returns whether Nova is known to have a version. Makes no call. */
  hasVersion(version: Microversion): boolean
  /** Returns whether the account administers the cloud, by its last token. */
  isAdmin(): boolean
  /** The services that were called since the start. */
  readonly usedServices: ReadonlySet<Service>
  refresh(): void
}

export interface ClientOptions {
  session: Session
  http: HttpClient
  /** Milliseconds. */
  timeout: number
  /** False for a cloud whose Nova has no microversions; it never gets one. */
  microversions: boolean
}

/**
 * Makes the client of a cloud: openstack-client knows paths and bodies, the session token and
 * endpoint, and the HTTP client sends. `bind` is the usual way to call it.
 */
export function createClient ({ session, http, timeout, microversions }: ClientOptions): Client {
  let range: VersionRange | null | undefined = microversions ? undefined : null
  let generation = 0
  const usedServices = new Set<Service>()

  /** Sends a request. If the endpoint cannot be reached and the catalog has a new one, it is sent there. */
  const run = async (
    service: Service,
    request: ClientRequest,
    call: Call
  ): Promise<ClientResponse> => {
    usedServices.add(service)
    const access = await session.access(call)
    try {
      return await runAt(access, service, request, call)
    } catch (error) {
      const isUnreachable = error instanceof ProblemError && !error.outcomeUnknown &&
        isUnsent(error.cause)
      // A stream that has been read cannot be sent again.
      if (!isUnreachable || isStream(request.write?.body)) throw error
      const fresh = await session.relocate(access, call)
      if (fresh === undefined || urlOf(fresh, service) === urlOf(access, service)) throw error
      return runAt(fresh, service, request, call)
    }
  }

  const runAt = async (
    access: Access,
    service: Service,
    { isRead, ...request }: ClientRequest,
    call: Call
  ): Promise<ClientResponse> => {
    let raw: unknown
    let headers: Record<string, string> = {}
    const transport = async (sent: TransportRequest) => {
      const response = await dispatch(sent, access, isRead, call)
      const { status, body } = response
      if (status < 200 || status >= 300) throw problemOf(response, { service, read: isRead })
      raw = body
      headers = response.headers
      return { statusCode: status, headers, body }
    }
    const answer = await withTransport(transport, () => invoke(request, access.of(service)))
    return { answer, raw, headers }
  }

  /** Sends a request. After a 401, when nothing was done, it is sent again with a new token. */
  const dispatch = async (
    request: TransportRequest,
    access: Access,
    isRead: boolean,
    call: Call
  ) => {
    const attempt = async (current: Access) => {
      const response = await http.request(toHttpRequest(request, current.token, isRead), call)
      if (response.status !== 401) current.accepted = true
      return response
    }
    const response = await attempt(access)
    // A stream that has been read cannot be sent again.
    if (response.status !== 401 || isStream(request.body)) return response
    return attempt(await session.renew(access.token, call))
  }

  const discover = createSingleFlight(timeout, async (call) => {
    const begun = generation
    const found = readRange(await readVersions(call))
    if (begun === generation) range = found
    return found
  })

  /** Reads Nova's version document. A cloud that refuses it counts as one without microversions. */
  const readVersions = async (call: Call) => {
    try {
      return (await run('compute', { action: resources.computeVersion.show, isRead: true }, call))
        .answer
    } catch (error) {
      if (error instanceof ProblemError && unversioned.has(error.code)) return undefined
      throw error
    }
  }

  const versions = async (call: Call) => range === undefined ? await discover(call) : range

  const headersFor = async ({ service, version }: Upstream, call: Call) => {
    if (version === undefined) return {}
    // Cinder's versions are not read: it refuses a version that it lacks, and nothing is done then.
    if (service === 'volume') return volumeHeaders(version)
    const chosen = chooseVersion(version, await versions(call))
    if (chosen !== null) return chosen === undefined ? {} : versionHeaders(chosen)
    throw new ProblemError(
      'not_supported',
      `This needs Nova ${version.lowest}, which the cloud does not have`
    )
  }

  return {
    async request (upstream, request, call) {
      const headers = { ...await headersFor(upstream, call), ...request.headers }
      return run(upstream.service, { ...request, headers }, call)
    },
    project: async (call) => (await session.access(call)).project,
    versions,
    knownVersions: () => range,
    hasVersion: ({ lowest }) => range !== undefined && range !== null && atLeast(range.max, lowest),
    isAdmin: session.isAdmin,
    usedServices,
    refresh () {
      generation++
      if (microversions) range = undefined
    }
  }
}

/** Returns the URL of a service; undefined if the catalog does not have it. */
function urlOf (access: Access, service: Service) {
  try {
    return access.of(service).catalog[0]?.endpoints[0]?.url
  } catch {
    return undefined
  }
}

/** The errors of a version document that does not exist, or that the account may not read. */
const unversioned = new Set<ProblemCode>([
  'resource_not_found',
  'provider_rejected',
  'provider_permission_denied',
  'not_supported'
])

/** A success without the expected content. After a change the outcome is unknown then. */
export function malformed (service: string, read: boolean) {
  const detail = `The ${service} service answered with success, but its answer is malformed`
  return new ProblemError('provider_error', detail, {
    outcomeUnknown: isOutcomeUnknown({ cloud: 'openstack', read, answer: 'malformed' })
  })
}

/** Calls an action of openstack-client, whose arguments are all positional. */
const invoke = (
  { action, ids = [], write, query = {}, headers = {} }: Omit<ClientRequest, 'isRead'>,
  token: Token
) =>
  action(
    token,
    null,
    ...ids.map(encodeId),
    ...(write === undefined ? [] : [write.body]),
    query,
    headers
  )

/**
 * Encodes an id, which openstack-client puts into the path as it is. In a path `.` and `..` have a
 * meaning, services read `%2F` as `/`, and half a surrogate pair cannot be encoded; no cloud has
 * such an id.
 */
function encodeId (id: string) {
  if (!/^\.\.?$|\/|\p{Surrogate}/u.test(id)) return encodeURIComponent(id)
  throw new ProblemError('resource_not_found', 'No resource has such an id')
}

function toHttpRequest (
  { method, url, headers, qs, body }: TransportRequest,
  token: string,
  read: boolean
): HttpRequest {
  const content = isStream(body) ? { stream: body } : { body }
  return {
    method,
    url,
    headers: { ...headers, 'X-Auth-Token': token },
    read,
    query: qs ?? undefined,
    ...content
  }
}

const isStream = (body: unknown): body is AsyncIterable<Uint8Array> =>
  typeof body === 'object' && body !== null && Symbol.asyncIterator in body
