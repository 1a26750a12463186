/** An answered request, as the access log describes it. */
export interface Access {
  /** When the request arrived. */
  at: Date
  /** Address of the client; of a trusted proxy's client, if there is one (`trust_proxy`). */
  client: string
  /** Name of the caller; null without `auth` and without a credential. */
  user: string | null
  method: string
  /** Path without the query, which may contain names, tags and tokens. */
  path: string
  /** Version of HTTP, such as 1.1. */
  version: string
  /** Status of the answer; 499 if the client closed the connection before it. */
  status: number
  /** Bytes of the body as it was sent; null if the answer has no Content-Length, as compressed answers have none. */
  bytes: number | null
  /** Milliseconds from the headers of the request to the last byte of the answer. */
  ms: number
  /** The page that led to the request, without its query; null without the header. */
  referer: string | null
  userAgent: string | null
  requestId: string
}

const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']
const twoDigits = (value: number) => String(value).padStart(2, '0')

/** The time in the form of Apache's %t, in UTC: 31/Jan/2026:12:00:00 +0000. */
function toApacheTime (at: Date) {
  const day = `${twoDigits(at.getUTCDate())}/${months[at.getUTCMonth()]}/${at.getUTCFullYear()}`
  const time = [at.getUTCHours(), at.getUTCMinutes(), at.getUTCSeconds()].map(twoDigits).join(':')
  return `${day}:${time} +0000`
}

const escapeByte = (byte: number) => `\\x${byte.toString(16).padStart(2, '0')}`

/** Escapes what could end a field or a line, as Apache does (mod_log_config, "Format Notes"). */
const escapeField = (text: string) =>
  text
    .replaceAll(/["\\]/g, '\\$&')
    .replaceAll(/[^\x20-\x7e]/gu, (character) =>
      [...Buffer.from(character, character > '\xff' ? 'utf8' : 'latin1')].map(escapeByte).join(''))

const quote = (text: string | null) => text === null ? '"-"' : `"${escapeField(text)}"`

/** The combined log format of Apache and nginx. Spaces separate the fields, so the name of a user gets none. */
function toCombined (
  { at, client, user, method, path, version, status, bytes, referer, userAgent }: Access
) {
  const name = user === null || user === '' ? '-' : escapeField(user).replaceAll(' ', '\\x20')
  const request = quote(`${method} ${path} HTTP/${version}`)
  const answer = `${status} ${bytes ?? '-'}`
  return `${client} - ${name} [${toApacheTime(at)}] ${request} ${answer} ${quote(referer)} ${
    quote(userAgent)
  }`
}

const toJson = ({ at, version, userAgent, requestId, ...others }: Access) =>
  JSON.stringify({
    time: at.toISOString(),
    ...others,
    version,
    user_agent: userAgent,
    request_id: requestId
  })

/** The formats of the access log by their names. Each returns one line, without its end. */
export const accessFormats = { combined: toCombined, json: toJson } satisfies Record<
  string,
  (access: Access) => string
>

export type AccessFormat = keyof typeof accessFormats
