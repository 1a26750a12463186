import type { DocumentCheck } from './document.ts'

type Method = 'GET' | 'POST' | 'PATCH' | 'PUT' | 'DELETE' | 'HEAD' | 'OPTIONS'

export interface ApiResponse {
  status: number
  headers: Record<string, string>
  /** Parsed where it is JSON. Tests look into it freely: its form is checked against the document. */
  body: any
}

export interface RequestOptions {
  headers?: Record<string, string>
  /** Sent as JSON, unless it is a string. */
  body?: unknown
}

export type Send = (request: {
  method: Method
  url: string
  headers: Record<string, string>
  payload?: string | undefined
}) => Promise<{ status: number, headers: Record<string, string>, text: string }>

export interface Api {
  request (method: Method, url: string, options?: RequestOptions): Promise<ApiResponse>
  get (url: string, headers?: Record<string, string>): Promise<ApiResponse>
  post (url: string, body?: unknown, headers?: Record<string, string>): Promise<ApiResponse>
  patch (url: string, body?: unknown, headers?: Record<string, string>): Promise<ApiResponse>
  delete (url: string, headers?: Record<string, string>): Promise<ApiResponse>
  /** Follows `next_cursor` to the end. */
  walk (url: string): Promise<{ items: any[], pages: any[] }>
  /** Waits until an operation has ended. */
  ended (operation: { id: string }): Promise<any>
}

/** A client of the API that checks every answer against the document. */
export function createApi (send: Send, check: DocumentCheck): Api {
  const request: Api['request'] = async (method, url, { headers = {}, body } = {}) => {
    const payload = body === undefined ? undefined : typeof body === 'string' ? body : JSON.stringify(body)
    const type: Record<string, string> = payload === undefined ? {} : { 'content-type': 'application/json' }
    const { status, headers: answered, text } = await send({ method, url, headers: { ...type, ...headers }, payload })
    const contentType = answered['content-type'] ?? ''
    const parsed: unknown = contentType.includes('json') && text !== '' ? JSON.parse(text) : text
    if (method !== 'HEAD') check({ method, url, status, contentType, body: parsed })
    if (answered['x-request-id'] === undefined) throw new Error(`${method} ${url} ${status} has no x-request-id`)
    return { status, headers: answered, body: parsed }
  }
  const get: Api['get'] = (url, headers = {}) => request('GET', url, { headers })

  return {
    request,
    get,
    post: (url, body, headers = {}) => request('POST', url, { headers, body }),
    patch: (url, body, headers = {}) => request('PATCH', url, { headers, body }),
    delete: (url, headers = {}) => request('DELETE', url, { headers }),
    async walk (url) {
      const pages: any[] = []
      let next: string | null = null
      do {
        const cursor: string = next === null ? '' : `${url.includes('?') ? '&' : '?'}cursor=${encodeURIComponent(next)}`
        const { status, body } = await get(`${url}${cursor}`)
        if (status !== 200) throw new Error(`GET ${url}${cursor} answered ${status}: ${JSON.stringify(body)}`)
        pages.push(body)
        next = body.next_cursor
      } while (next !== null && pages.length < 100_000)
      return { items: pages.flatMap(({ items }) => items), pages }
    },
    async ended ({ id }) {
      for (let tries = 0; tries < 60; tries++) {
        const { body } = await get(`/api/v2/operations/${id}?wait=5`)
        if (body.finished_at !== null) return body
      }
      throw new Error(`operation ${id} has not ended`)
    }
  }
}
