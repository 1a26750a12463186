/** Settings of the original Orchestrator. Their names are those of Apache Libcloud's drivers. */

/** An entry of `CLOUD_FARM`, or an entry of `clouds` with the same names. */
export interface OriginalEntry {
  /** `ENGINE`: the name of the provider in Libcloud, in lower case. */
  engine: string
  /** `USER`: the name of the user or the access key. */
  user: unknown
  /** `PASSWORD`: the password, the API key or the secret key. */
  password: unknown
  /** `EXTRA_PARAMS`: the other arguments of Libcloud's driver. */
  extra: Record<string, unknown>
}

export interface ConvertedEntry {
  settings: Record<string, unknown>
  /** Sentences about what the user should check. */
  notes?: string[]
}

const isMap = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/**
 * Splits an entry into its original settings and all others. Returns undefined as `original` if it has none. Throws an
 * Error if EXTRA_PARAMS is not a map.
 */
export function splitOriginal (entry: Record<string, unknown>) {
  const { USER: user, PASSWORD: password, EXTRA_PARAMS: extra = {}, ...others } = entry
  if (extra !== null && !isMap(extra)) {
    throw new Error('EXTRA_PARAMS must be a map of names and values')
  }
  const has = ['USER', 'PASSWORD', 'EXTRA_PARAMS'].some((name) => name in entry)
  const original = has ? { user, password, extra: extra ?? {} } : undefined
  return { original, others }
}

/** Returns the values of EXTRA_PARAMS under the names of settings. Throws an Error that names an unknown parameter. */
export function renameParameters (
  extra: Record<string, unknown>,
  names: Readonly<Record<string, string>>
) {
  return Object.fromEntries(
    Object.entries(extra).map(([name, value]) => {
      if (names[name] !== undefined) return [names[name], value]
      throw new Error(
        `EXTRA_PARAMS.${name} is not known; expected ${Object.keys(names).join(', ')}`
      )
    })
  )
}

/** Returns an object without its undefined values. */
export const defined = (settings: Record<string, unknown>) =>
  Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== undefined))
