import type { Filters } from '../../driver.ts'

/** States whose nodes all have one of these statuses, whatever their task: what Nova then returns may be more, never less. */
const statuses: Readonly<Record<string, readonly string[]>> = {
  pending: ['BUILD'],
  running: ['ACTIVE', 'VERIFY_RESIZE'],
  stopped: ['SHUTOFF'],
  suspended: ['SUSPENDED', 'SHELVED', 'SHELVED_OFFLOADED'],
  paused: ['PAUSED'],
  rescued: ['RESCUE'],
  error: ['ERROR']
}

export const nodeFilters = ['name', 'state', 'image_id']

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i

/** Half of a four-byte character. */
export const surrogate = /[\ud800-\udfff]/

/**
 * A regex that matches a name, and perhaps others. Nova hands it to its database, and each has its own dialect, so what
 * has a meaning in any becomes `.`; Nova itself rewrites `|`. Undefined for a name that Nova's database cannot hold:
 * the question alone is an error there (seen with four-byte characters). `numbered`: with `-1` and so on behind it.
 */
export function namePattern (name: string, numbered = false): string | undefined {
  if (surrogate.test(name)) return undefined
  return `^${name.replace(/[\\^$.+?()[\]{}|]/g, '.').replaceAll('*', '.*')}${numbered ? '-.*' : ''}$`
}

/** Returns the only value of a filter, if a cloud that compares exactly finds the same; otherwise undefined. */
export function exactValue (values: readonly string[] = []): string | undefined {
  const [value] = values.length === 1 ? values : []
  return value === undefined || value === '' || value.includes('*') || surrogate.test(value) ? undefined : value
}

const only = (values: readonly string[] | undefined) => values?.length === 1 ? values[0] : undefined

/**
 * The filters that Nova can apply, as parameters of `/servers/detail`. `size_id` is not among them: Nova looks for the
 * flavor that has this id now, and misses the servers of one that was deleted since.
 */
export function pushDown (filters: Filters): { query: Record<string, unknown>, applied: string[] } {
  const query: Record<string, unknown> = {}
  const applied: string[] = []

  const name = only(filters.name)
  const pattern = name === undefined ? undefined : namePattern(name)
  if (pattern !== undefined) {
    query.name = pattern
    applied.push('name')
  }
  const states = filters.state?.map((state) => statuses[state])
  if (states !== undefined && states.length > 0 && !states.includes(undefined)) {
    query.status = states.flat()
    applied.push('state')
  }
  const image = only(filters.image_id)
  if (image !== undefined && uuid.test(image)) {
    query.image = image
    applied.push('image_id')
  }
  return { query, applied }
}
