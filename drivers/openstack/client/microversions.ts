/**
 * The calls of Nova that need more than version 2.1, each with the lowest sufficient version. A
 * higher one would do harm: from 2.37 a create must send `networks`, from 2.47 a server no longer
 * contains its flavor's id, from 2.92 Nova no longer generates key pairs. Other calls have no
 * version, which means 2.1. Source: Nova's "REST API Version History".
 */
export const microversions = {
  /** Shows `locked` of a server, which becomes `protected`. */
  readServers: { lowest: '2.9', needed: false },
  /** Shows the type of a key pair. */
  typeKeyPairs: { lowest: '2.2', needed: false },
  /** Lists key pairs in pages; older versions list all at once. */
  pageKeyPairs: { lowest: '2.35', needed: false },
  /** Accepts the `description` of a server. */
  describeServer: { lowest: '2.19', needed: true },
  /** Opens the screen of a server by `remote-consoles`. */
  remoteConsole: { lowest: '2.6', needed: true },
  /** Accepts `none` as the networks of a server. */
  noNetworks: { lowest: '2.37', needed: true },
  /** Accepts the `volume_type` of a root volume. */
  rootVolumeType: { lowest: '2.67', needed: true },
  /** Rescues a server that boots from a volume. */
  rescueVolume: { lowest: '2.87', needed: false },
  /** Rebuilds a server that boots from a volume. */
  rebuildVolume: { lowest: '2.93', needed: false },
  /** Attaches a volume to several servers; from 2.20 Nova attaches to shelved servers, and detaches from them. */
  attachVolume: { lowest: '2.60', needed: false, or: '2.20' },
  /** Lists the attachments of a volume. This and the next one are versions of Cinder. */
  listAttachments: { lowest: '3.27', needed: true },
  /** Extends an attached volume. */
  extendAttached: { lowest: '3.42', needed: false }
} as const satisfies Record<string, Microversion>

export interface Microversion {
  lowest: string
  /** True if the call is useless below this version; otherwise an older cloud gets it without a version. */
  needed: boolean
  /** A lower version that is sent to a cloud that lacks `lowest`. */
  or?: string
}

/** The versions of a cloud; null stands for a cloud without microversions. */
export interface VersionRange {
  min: string
  max: string
}

/** Compares two versions part by part: `2.10` is at least `2.9`. */
export function atLeast (version: string, other: string) {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  const [otherMajor = 0, otherMinor = 0] = other.split('.').map(Number)
  return major > otherMajor || (major === otherMajor && minor >= otherMinor)
}

/** Reads Nova's version document, `{version: '2.93', min_version: '2.1'}`. Both fields are empty before 2.1. */
export function readRange (document: unknown): VersionRange | null {
  const { version, min_version: min } = (document ?? {}) as {
    version?: unknown
    min_version?: unknown
  }
  if (typeof version !== 'string' || typeof min !== 'string' || version === '') return null
  return { min, max: version }
}

/**
 * Chooses the version of a call: undefined to send none, null if the cloud lacks a version that the
 * call needs.
 */
export function chooseVersion (
  { lowest, needed, or }: Microversion,
  range: VersionRange | null
): string | null | undefined {
  if (range === null || !atLeast(range.max, lowest)) {
    if (or !== undefined) return chooseVersion({ lowest: or, needed }, range)
    return needed ? null : undefined
  }
  return atLeast(lowest, range.min) ? lowest : range.min
}

/** Makes the header that selects a version of Cinder. */
export const volumeHeaders = ({ lowest }: Microversion) => ({
  'OpenStack-API-Version': `volume ${lowest}`
})

/** Makes the headers that select a version of Nova. Before 2.27, Nova reads only the second one. */
export const versionHeaders = (version: string) => ({
  'OpenStack-API-Version': `compute ${version}`,
  'X-OpenStack-Nova-API-Version': version
})
