import { isTagged } from './conditions.ts'
import { takes, type Response, type Route } from './document.ts'

const text = (description: string) => ({ schema: { type: 'string' }, description })

/** The headers of responses, for `components.headers`. */
export const headers = {
  'X-Request-Id': text('Id of this request. The log of the server has the same id.'),
  ETag: text(
    'The tag of this answer. Send it as If-None-Match to read only what has changed, and, if the answer has ' +
      'neither `fields` nor `include`, as If-Match to change only what you have read. That of a list is weak: it ' +
      'does not change with the times in `sources`.'
  ),
  Location: text('Path of the new resource, or of the operation.'),
  Link: text('The next page, `rel="next"`, if there is one.'),
  'Preference-Applied': text('The part of `Prefer` that was applied: `wait=30`.'),
  'Idempotency-Replayed': text(
    '`true` if this is the response of the first request with the same Idempotency-Key.'
  ),
  RateLimit: text(
    'The limits of the caller by their names, with the requests that are left (`r`) and the seconds ' +
      'until the window ends (`t`): `"caller";r=5999;t=60, "cloud";r=2999;t=60`. Only if the server checks callers.'
  ),
  'RateLimit-Policy': text(
    'The same limits with their requests (`q`) and the seconds of their window (`w`): ' +
      '`"caller";q=6000;w=60, "cloud";q=3000;w=60`. Only if the server checks callers.'
  ),
  'Retry-After': {
    schema: { type: 'integer', format: 'int32', minimum: 0 },
    description:
      'Seconds to wait before the next request: for an operation that has not ended, and with problems ' +
      'that have `retry_after`.'
  }
}

type Header = keyof typeof headers

const refTo = (name: Header) => [name, { $ref: `#/components/headers/${name}` }] as const

const limitHeaders = ['RateLimit', 'RateLimit-Policy'] as const

/** The headers of a problem. One that is found before the caller is known has no limits. */
export const problemHeaders = (hasLimits: boolean) =>
  Object.fromEntries(
    (['X-Request-Id', ...hasLimits ? limitHeaders : [], 'Retry-After'] as const).map(refTo)
  )

/** A new rule is a part of its group and has no path of its own. */
const withoutLocation = new Set(['createSecurityGroupRule'])

/** Returns the names of the headers that a successful response of an operation can have. */
function headersOf (status: string, route: Route): Header[] {
  const { operation } = route
  const isChange = operation.responses['202'] !== undefined
  const found: (Header | false)[] = [
    'X-Request-Id',
    ...operation['x-required-level'] === undefined ? [] : limitHeaders,
    isTagged(route) && status === '200' && 'ETag',
    (status === '201' || isChange) && !withoutLocation.has(operation.operationId) && 'Location',
    takes(operation, 'cursor') && 'Link',
    isChange && 'Preference-Applied',
    takes(operation, 'idempotency-key') && 'Idempotency-Replayed',
    (status === '202' || operation.operationId === 'getOperation') && 'Retry-After'
  ]
  return found.filter((name) => name !== false)
}

/** Adds the headers to the successful responses of an operation. */
export function addHeaders (route: Route) {
  for (
    const [status, response] of Object.entries(route.operation.responses) as [string, Response][]
  ) {
    if (!status.startsWith('2')) continue
    response.headers = {
      ...response.headers,
      ...Object.fromEntries(headersOf(status, route).map(refTo))
    }
  }
}
