import type { Answer } from './behaviour.ts'

/** A request to a service of the stand-in. */
export interface Asked {
  method: string
  /** Below the endpoint, as `/servers/detail`. */
  path: string
  query: URLSearchParams
  headers: Record<string, string | string[] | undefined>
  body: any
  /** Address of the endpoint, for links. */
  endpoint: string
}

const kinds: Readonly<Record<number, string>> = {
  400: 'badRequest',
  401: 'unauthorized',
  403: 'forbidden',
  404: 'itemNotFound',
  409: 'conflictingRequest',
  413: 'overLimit',
  500: 'computeFault'
}

/** An error response, in the format of the service. */
export class Fault extends Error {
  readonly answer: Answer

  constructor (status: number, message: string, headers: Record<string, string> = {}) {
    super(message)
    this.answer = { status, headers, body: { [kinds[status] ?? 'computeFault']: { code: status, message } } }
  }
}

export const ok = (body: unknown, status = 200): Answer => ({ status, body })
export const nothing = (status: number): Answer => ({ status })

/**
 * The text that Nova's framework sends instead of an empty body, as the guide shows it for networks: 58 bytes of
 * text.
 */
export const accepted: Answer = {
  status: 202,
  headers: { 'content-type': 'text/plain; charset=UTF-8' },
  body: '202 Accepted\n\nThe request is accepted for processing.\n\n   '
}

/** Handlers by method and path; `:name` stands for one part of the path. */
export type Routes = Record<string, (asked: Asked, ids: Record<string, string>) => Answer>

/** Finds and runs the route. Throws 404 if there is none. */
export function dispatch (routes: Routes, asked: Asked): Answer {
  for (const [route, run] of Object.entries(routes)) {
    const [method, pattern = ''] = route.split(' ')
    if (method !== asked.method) continue
    const match = new RegExp(`^${pattern.replace(/:(\w+)/g, '(?<$1>[^/]+)')}$`).exec(asked.path)
    if (match === null) continue
    const ids = Object.fromEntries(
      Object.entries(match.groups ?? {}).map(([key, value]) => [key, decodeURIComponent(value)])
    )
    return run(asked, ids)
  }
  throw new Fault(404, 'The resource could not be found.')
}

/** A page after the marker, with the link to the next one. Throws 400 for an unknown marker. */
export function page<T extends { id: string }> (items: readonly T[], name: string, asked: Asked, most: number) {
  const { query, endpoint, path } = asked
  const marker = query.get('marker')
  const at = marker === null ? 0 : items.findIndex(({ id }) => id === marker) + 1
  if (marker !== null && at === 0) throw new Fault(400, `marker [${marker}] not found`)
  const limit = Math.min(Number(query.get('limit') ?? most), most)
  const shown = items.slice(at, at + limit)
  const rest = at + shown.length < items.length
  const next = new URLSearchParams(query)
  if (rest) next.set('marker', shown.at(-1)!.id)
  return {
    [name]: shown,
    ...(rest ? { [`${name}_links`]: [{ rel: 'next', href: `${endpoint}${path}?${next.toString()}` }] } : {})
  }
}

export const linksTo = (endpoint: string, path: string) => [
  { rel: 'self', href: `${endpoint}${path}` }, { rel: 'bookmark', href: `${endpoint.replace(/\/v2\//, '/')}${path}` }
]

/** The time in Nova's format. */
export const stamp = () => new Date().toISOString().replace(/\.\d+Z$/, 'Z')
