import type { Settings } from '../../config/index.ts'

/** The day of the first version with /api/v2, in the form of RFC 9745. */
const deprecated = `@${Date.UTC(2026, 10, 1) / 1000}`

/** The headers that tell a client of v1 to move to v2 (RFC 9745, RFC 8594). */
export function deprecationHeaders ({ v1: { sunset } }: Settings): Record<string, string> {
  const headers = { deprecation: deprecated, link: '</docs>; rel="successor-version"' }
  return sunset === undefined
    ? headers
    : { ...headers, sunset: new Date(`${sunset}T00:00:00Z`).toUTCString() }
}
