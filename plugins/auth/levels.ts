import type { FastifyRequest, RouteOptions } from 'fastify'
import { levels, type Level } from '../../openapi/model/index.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /**
     * The permission that a route needs. Every route declares it; the server does not start otherwise.
     *
     * - A level: on the cloud in the path. Without a cloud in the path, `read` needs a valid caller and the answer has
     *   only what that caller may read; any other level is needed on `*`.
     * - `byInput(…)`: the level depends on the checked input.
     * - `open`: nobody is asked for a credential.
     */
    level?: RouteLevel
    /** The name of the action in `/me/may` and in the audit: `nodes.stop`. */
    action?: string
    /** Tells the cloud of a request whose path is not /clouds/{cloud}. The level is then needed on it. */
    cloudOf?: (request: FastifyRequest) => string
    /** The name of the source of the credential (see sources.ts). Without it: `Authorization: Bearer`. */
    credential?: string
  }
}

export interface LevelByInput {
  /** The level of each case. */
  cases: Readonly<Record<string, Level>>
  /** Tells the case of a request whose input has been validated. */
  caseOf(request: FastifyRequest): string
}

export type RouteLevel = Level | LevelByInput | 'open'

/** Declares a level that depends on the input: `byInput({ text: 'operate', url: 'manage' }, …)`. */
export const byInput = (
  cases: LevelByInput['cases'],
  caseOf: LevelByInput['caseOf']
): LevelByInput => ({ cases, caseOf })

/** The lowest level of the cases of a route. */
export const lowestLevel = (level: Level | LevelByInput): Level =>
  typeof level === 'string'
    ? level
    : levels.find((one) => Object.values(level.cases).includes(one))!

export interface Action {
  level: Level
  /** Whether the action is on one cloud. */
  isOnCloud: boolean
}

/** Whether the level of a route is needed on one cloud. */
export const isOnCloud = ({ url, config }: Pick<RouteOptions, 'url' | 'config'>) =>
  config?.cloudOf !== undefined || /\/clouds\/:cloud(\/|$)/.test(url)

/** The cloud of a request of such a route. */
export const cloudOf = (request: FastifyRequest): string =>
  request.routeOptions.config.cloudOf?.(request) ?? (request.params as { cloud: string }).cloud

/**
 * Returns the actions of a route by their names. If the level depends on the input, each case is an action as well:
 * `nodes.console` needs the lowest level, `nodes.console.url` that of its case.
 */
export function actionsOf (route: RouteOptions): [string, Action][] {
  const { level, action } = route.config ?? {}
  if (action === undefined || level === undefined || level === 'open') return []
  const place = { isOnCloud: isOnCloud(route) }
  const own: [string, Action] = [action, { level: lowestLevel(level), ...place }]
  if (typeof level === 'string') return [own]
  return [
    own,
    ...Object.entries(level.cases).map((
      [name, level]
    ): [string, Action] => [`${action}.${name}`, { level, ...place }])
  ]
}

/** Swagger UI, whose plugin cannot declare a level, and the answers to preflights. */
const isOpenByNature = ({ url, method }: RouteOptions) =>
  /^\/docs(\/|$)/.test(url) || method === 'OPTIONS'

/** Returns the level of a route. Throws an Error if it declares none. */
export function levelOf (route: RouteOptions): RouteLevel {
  const level = route.config?.level ?? (isOpenByNature(route) ? 'open' : undefined)
  if (level !== undefined) return level
  throw new Error(
    `The route ${[route.method].flat().join(', ')} ${route.url} declares no level. Add ` +
      `config: { level, action } beside its schema; levels: ${levels.join(', ')}, byInput(…), open`
  )
}
