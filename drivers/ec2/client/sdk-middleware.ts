import type { EC2Client } from '@aws-sdk/client-ec2'
import { isUnsent } from '../../common/http.ts'
import { codeOf, isThrottling, malformed, statusOf } from './errors.ts'

export interface TrackOptions {
  /** Name of the action, for example `RunInstances`. */
  action: string
  /** Whether the request may be sent twice. */
  repeatable: boolean
  /** The header `traceparent` of the call, if the server makes traces. */
  traceparent?: string | undefined
  /** Receives the body of a successful response. */
  onBody?: (body: string) => void
}

/** The attempts that the SDK makes for one call. */
export interface Attempts {
  /** Whether an attempt was sent and not answered. */
  inFlight: boolean
  /** The error of the last attempt that ended. */
  lastRefusal: unknown
  /** Returns the original error of an error that the SDK throws. */
  unwrap(error: unknown): unknown
}

interface TrackedCall extends Attempts, TrackOptions {
  repeats: number
}

interface SdkRequest {
  headers: Record<string, string>
}

interface SdkResponse {
  statusCode: number
  headers: Record<string, string>
  /** The whole body, see limitResponses. */
  body: Buffer
}

/**
 * Ends the SDK's retries: its `retryMiddleware` repeats errors with certain names, codes, statuses and causes, and this
 * error has none of them.
 */
class UnrepeatableError extends Error {
  readonly original: unknown

  constructor (original: unknown) {
    super('not to be repeated')
    this.original = original
  }
}

/** Repeats after failures other than throttling. Only throttling is sure to pass. */
const maxRepeats = 3

/** The cloud sends these codes with status 500, which the SDK would repeat, although nothing was made. */
const noCapacity = /^Insufficient/

function mayRepeat (error: unknown, call: TrackedCall) {
  if (isThrottling(error)) return true
  if (noCapacity.test(codeOf(error)) || ++call.repeats > maxRepeats) return false
  if (isUnsent(error)) return true
  const status = statusOf(error)
  // The SDK repeats a 4xx only after it has corrected its clock.
  return call.repeatable || (status !== undefined && status < 500)
}

/**
 * Creates the middleware between the SDK's retries and its transport. It decides which failures may be repeated, finds
 * empty responses, and removes the `strip` parameters, by action, that the cloud does not know.
 */
export function createMiddleware (strip: Readonly<Record<string, readonly string[]>>) {
  const calls = new WeakMap<object, TrackedCall>()

  return {
    /** Announces a command by its input object, before the command is sent. */
    track (input: object, options: TrackOptions): Attempts {
      const call: TrackedCall = {
        ...options,
        inFlight: false,
        lastRefusal: undefined,
        repeats: 0,
        unwrap: (error) => error instanceof UnrepeatableError ? error.original : error
      }
      calls.set(input, call)
      return call
    },

    install ({ middlewareStack }: EC2Client) {
      // The logger goes through each whole response, which takes a tenth of the time of a page.
      middlewareStack.remove('loggerMiddleware')

      middlewareStack.add((next) => async (args) => {
        const call = calls.get(args.input)
        if (call === undefined) return next(args)
        call.inFlight = true
        try {
          const result = await next(args)
          call.inFlight = false
          return result
        } catch (error) {
          // After an abort, the cloud may still have received the request.
          if (statusOf(error) !== undefined || isUnsent(error)) {
            call.inFlight = false
            call.lastRefusal = error
          }
          throw mayRepeat(error, call) ? error : new UnrepeatableError(error)
        }
      }, { step: 'finalizeRequest', priority: 'low', name: 'orchestratorRepeats' })

      // After the signature, which must not cover it: proxies on the way may change it (W3C Trace Context, section 3).
      middlewareStack.add((next) => async (args) => {
        const traceparent = calls.get(args.input)?.traceparent
        if (traceparent !== undefined) {
          ;(args.request as SdkRequest).headers['traceparent'] = traceparent
        }
        return next(args)
      }, { step: 'deserialize', priority: 'low', name: 'orchestratorTrace' })

      middlewareStack.add((next) => async (args) => {
        const result = await next(args)
        const response = result.response as SdkResponse
        const { body } = response
        const isSuccess = response.statusCode < 300
        // The SDK would take an empty 200 for an empty list. Real clouds have sent one.
        if (isSuccess && body.length === 0) throw malformed('The response of the cloud is empty')
        if (isSuccess) calls.get(args.input)?.onBody?.(body.toString())
        else copyRequestId(response.headers, body.toString())
        return result
      }, { step: 'deserialize', priority: 'low', name: 'orchestratorBody' })

      if (Object.keys(strip).length === 0) return
      middlewareStack.add((next) => async (args) => {
        const request = args.request as { body?: unknown }
        const action = calls.get(args.input)?.action ?? ''
        if (typeof request.body === 'string') {
          request.body = removeParameters(request.body, strip[action] ?? [])
        }
        return next(args)
      }, { step: 'serialize', priority: 'low', name: 'orchestratorStrip' })
    }
  }
}

/** The SDK reads the request id from this header. It drops the id in the body of a refusal. */
const requestIdHeader = 'x-amzn-requestid'

function copyRequestId (headers: Record<string, string>, body: string) {
  const id = /<RequestI[Dd]>([^<]+)</.exec(body)?.[1]
  if (id !== undefined) headers[requestIdHeader] ??= id
}

function removeParameters (body: string, names: readonly string[]) {
  if (names.length === 0) return body
  const isKept = (pair: string) => !names.includes(pair.slice(0, pair.indexOf('=')))
  return body.split('&').filter(isKept).join('&')
}
