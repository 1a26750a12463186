/** A response instead of the cloud's. */
export interface Answer {
  status: number
  headers?: Record<string, string>
  /** Sent as JSON, unless it is a string. */
  body?: unknown
}

/** A fault for the requests that match, before or after the cloud handles them. */
export interface Rule {
  /** As `POST /servers`: the method, and how the path ends. */
  match: string
  /** How often the rule applies. Default: always. */
  times?: number
  /** The response instead of the cloud's. */
  answer?: Answer
  /** The cloud handles the request, and the connection breaks before the response. */
  lose?: boolean
  /** Called before the cloud handles the request. */
  before?: () => void
}

/** Settings that a test can change at any time. */
export interface Behaviour {
  /** Seconds that a token lives. */
  tokenLife: number
  /** Whether Identity and the services answer 203 (Non-Authoritative Information) instead of 200. */
  nonAuthoritative: boolean
  /** Milliseconds that each status of a change lasts. */
  delay: number
  /** The maximum number of items in one page. */
  pageSize: number
  /** The quotas. Those that are missing are unlimited. */
  quotas: { servers?: number, ram?: number, networks?: number, gigabytes?: number }
  /** Status of the error for an exceeded quota of servers: 403 today, 413 in older releases. */
  quotaStatus: 403 | 413
  /** Flavors for which there is no host. */
  full: Set<string>
  /** Flavors whose servers cannot be stopped. */
  unstoppable: Set<string>
  /** Statuses that a resize goes through before VERIFY_RESIZE. */
  resizing: string[]
  /** Whether a name matches the filter `name` of servers. Default: an equal one. In other releases it is a regex. */
  matchesName: (filter: string, name: string) => boolean
  /** The Location of a new image, instead of its address. */
  imageLocation: string | undefined
  /** Whether Cloud Block Storage writes its statuses in capitals. */
  capitals: boolean
  rules: Rule[]
}

export const createBehaviour = (given: Partial<Behaviour> = {}): Behaviour => ({
  tokenLife: 86_400,
  nonAuthoritative: false,
  delay: 20,
  pageSize: 3,
  quotas: {},
  quotaStatus: 403,
  full: new Set(),
  unstoppable: new Set(['onmetal-compute1']),
  resizing: ['QUEUE_RESIZE', 'PREP_RESIZE', 'RESIZE'],
  matchesName: (filter, name) => filter === name,
  imageLocation: undefined,
  capitals: true,
  rules: [],
  ...given
})
