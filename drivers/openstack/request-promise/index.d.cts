/** One request as openstack-client describes it. */
export interface TransportRequest {
  method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  url: string
  headers: Record<string, string>
  qs?: Record<string, unknown> | null
  body?: unknown
}

/** The answer; anything but a 2xx must be thrown instead. `body` is undefined where the answer has none. */
export interface TransportResponse {
  statusCode: number
  headers: Record<string, string>
  body: unknown
}

/** Runs a call of openstack-client whose requests are sent by `send`. */
export function withTransport<T> (send: (request: TransportRequest) => Promise<TransportResponse>, run: () => Promise<T>): Promise<T>
