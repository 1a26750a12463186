/**
 * The calls of Nova that need more than version 2.1, each with the lowest version that does it. Never more than that:
 * from 2.37 a create must send `networks`, from 2.47 a server no longer names its flavor's id, from 2.92 no key pair is
 * generated. What is not here is sent without a version, which is 2.1. From Nova's "REST API Version History".
 */
export const microversions = {
  /** `locked` of a server is shown from 2.9 on; without it `protected` is not known. */
  readServers: { lowest: '2.9', needed: false },
  /** The type of a key pair is told from 2.2 on. */
  typeKeyPairs: { lowest: '2.2', needed: false },
  /** Key pairs are listed in pages from 2.35 on, all at once before. */
  pageKeyPairs: { lowest: '2.35', needed: false },
  /** `description` of a server can be given from 2.19 on. */
  describeServer: { lowest: '2.19', needed: true },
  /** The screen of a server by `remote-consoles`. */
  remoteConsole: { lowest: '2.6', needed: true },
  /** `volume_type` of a root volume can be given from 2.67 on. */
  rootVolumeType: { lowest: '2.67', needed: true },
  /** Cinder's, and the only one: a volume that is attached can be extended from 3.42 on. */
  extendAttached: { lowest: '3.42', needed: false }
} as const satisfies Record<string, Microversion>

export interface Microversion {
  lowest: string
  /** Whether the call makes no sense below; otherwise it is sent without a version then. */
  needed: boolean
}

/** What a cloud offers; null where it has no microversions. */
export interface VersionRange {
  min: string
  max: string
}

/** Whether `version` is at least `other`: both are numbers with a dot, of which each part counts for itself. */
export function atLeast (version: string, other: string) {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  const [otherMajor = 0, otherMinor = 0] = other.split('.').map(Number)
  return major > otherMajor || (major === otherMajor && minor >= otherMinor)
}

/** Reads Nova's version document: `{version: {version: '2.93', min_version: '2.1'}}`; both are empty before 2.1. */
export function readRange (document: unknown): VersionRange | null {
  const { version, min_version: min } = (document ?? {}) as { version?: unknown, min_version?: unknown }
  return typeof version === 'string' && typeof min === 'string' && version !== '' ? { min, max: version } : null
}

/** The version to send for a call, undefined for none; null where the cloud lacks one that is needed. */
export function chooseVersion ({ lowest, needed }: Microversion, range: VersionRange | null): string | undefined | null {
  if (range === null || !atLeast(range.max, lowest)) return needed ? null : undefined
  return atLeast(lowest, range.min) ? lowest : range.min
}

/** The header of a version of Cinder. */
export const volumeHeaders = ({ lowest }: Microversion) => ({ 'OpenStack-API-Version': `volume ${lowest}` })

/** Both forms of the header: the older one is all that Nova understands before 2.27. */
export const versionHeaders = (version: string) =>
  ({ 'OpenStack-API-Version': `compute ${version}`, 'X-OpenStack-Nova-API-Version': version })
