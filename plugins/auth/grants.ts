import { levels, type Grant, type Level } from '../../openapi/model/index.ts'
import { matchesPattern } from '../lists/filters.ts'

/** The rank of a level: 1 for read, 4 for admin. 0 means no permission. */
export const rankOf = (level: Level) => levels.indexOf(level) + 1

export interface Permissions {
  /** The rank of the caller's level on a cloud, 0 without any. The name need not be that of a cloud. */
  rankOn(cloud: string): number
  /** The rank on all clouds, also those that will be added: only the pattern `*` itself gives it. */
  rankEverywhere: number
}

/** Number of clouds to remember. Names in paths are arbitrary, and must not fill the memory. */
const maxRemembered = 1000

const highest = (grants: readonly Grant[]) =>
  Math.max(0, ...grants.map(({ level }) => rankOf(level)))

/** Compiles grants. The result for each cloud is computed once. */
export function compileGrants (grants: readonly Grant[]): Permissions {
  const ranks = new Map<string, number>()
  const compute = (cloud: string) =>
    highest(grants.filter(({ clouds }) => clouds.some((pattern) => matchesPattern(pattern, cloud))))
  return {
    rankOn (cloud) {
      const known = ranks.get(cloud)
      if (known !== undefined) return known
      const rank = compute(cloud)
      if (ranks.size >= maxRemembered) ranks.clear()
      ranks.set(cloud, rank)
      return rank
    },
    rankEverywhere: highest(grants.filter(({ clouds }) => clouds.includes('*')))
  }
}
