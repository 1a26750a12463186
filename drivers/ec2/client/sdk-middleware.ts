import type { EC2Client } from '@aws-sdk/client-ec2'
import { ProblemError } from '../../../openapi/model/index.ts'
import { isUnsent } from '../../http.ts'
import { codeOf, isThrottling, malformed, statusOf } from './errors.ts'

/** One call on its way through the SDK. */
export interface Sending {
  /** As the API names it: `RunInstances`. */
  action: string
  /** Whether an attempt has been sent and not been answered. */
  inFlight: boolean
  /** What the last attempt that has ended was refused with. */
  refusal: unknown
  /** What an error of the SDK really is. */
  failure (error: unknown): unknown
}

export interface SendOptions {
  /** Whether a second one does no harm. */
  repeatable: boolean
  /** Takes the body of an answer as it came. */
  raw?: ((body: string) => void) | undefined
}

/**
 * Ends the SDK's retries: its `retryMiddleware` repeats what it takes for transient, looking at name, code, status and
 * cause, of which this has none.
 */
class Unrepeatable extends Error {
  readonly failure: unknown
  constructor (failure: unknown) {
    super('not to be repeated')
    this.failure = failure
  }
}

/** Repeats of what fails for another reason than throttling, which alone is sure to pass. */
const mostRepeats = 3

/** Comes with status 500 (seen in Amazon's list of errors), which the SDK would repeat; nothing was made. */
const noCapacity = /^Insufficient/

/**
 * What stands between the SDK's retries and its transport: tells which failures may be repeated, finds empty answers, and
 * takes out parameters that the cloud does not know.
 */
export function createHandling (strip: Readonly<Record<string, readonly string[]>>) {
  const sendings = new WeakMap<object, Sending & SendOptions & { repeats: number }>()

  const mayRepeat = (error: unknown, sending: SendOptions & { repeats: number }) => {
    const { repeatable } = sending
    if (isThrottling(error)) return true
    if (noCapacity.test(codeOf(error)) || ++sending.repeats > mostRepeats) return false
    if (isUnsent(error)) return true
    const status = statusOf(error)
    // The cloud's own refusals are not repeated by the SDK, but for a clock that it has set right.
    return repeatable || (status !== undefined && status < 500)
  }

  return {
    /** Announces a command that will be sent. */
    begin ({ input, constructor }: { input: object, constructor: { name: string } }, options: SendOptions): Sending {
      const sending = {
        ...options,
        action: constructor.name.replace(/Command$/, ''),
        inFlight: false,
        refusal: undefined,
        repeats: 0,
        failure: (error: unknown) => error instanceof Unrepeatable ? error.failure : error
      }
      sendings.set(input, sending)
      return sending
    },

    install ({ middlewareStack }: EC2Client) {
      // It goes through the whole answer for a log that nobody reads: a tenth of the time of a page.
      middlewareStack.remove('loggerMiddleware')

      middlewareStack.add((next) => async (args) => {
        const sending = sendings.get(args.input)
        if (sending === undefined) return next(args)
        sending.inFlight = true
        try {
          const result = await next(args)
          sending.inFlight = false
          return result
        } catch (error) {
          // An abort leaves it open whether the cloud has it.
          if (statusOf(error) !== undefined || isUnsent(error)) {
            sending.inFlight = false
            sending.refusal = error
          }
          throw mayRepeat(error, sending) ? error : new Unrepeatable(error)
        }
      }, { step: 'finalizeRequest', priority: 'low', name: 'orchestratorRepeats' })

      middlewareStack.add((next) => async (args) => {
        const result = await next(args)
        const response = result.response as { statusCode: number, headers: Record<string, string>, body: unknown }
        const body = await collect(response.body)
        // An empty 200 would pass for an answer that lists nothing (seen).
        if (response.statusCode < 300 && body.length === 0) throw malformed('The cloud answered with nothing')
        response.body = body
        if (response.statusCode < 300) sendings.get(args.input)?.raw?.(body.toString())
        else nameRequest(response.headers, body.toString())
        return result
      }, { step: 'deserialize', priority: 'low', name: 'orchestratorBody' })

      if (Object.keys(strip).length === 0) return
      middlewareStack.add((next) => async (args) => {
        const request = args.request as { body?: unknown }
        const action = sendings.get(args.input)?.action ?? ''
        if (typeof request.body === 'string') request.body = without(request.body, strip[action] ?? [])
        return next(args)
      }, { step: 'serialize', priority: 'low', name: 'orchestratorStrip' })
    }
  }
}

/** Where the SDK looks for the id of a request; the one in the body of a refusal it drops. */
const requestId = 'x-amzn-requestid'

function nameRequest (headers: Record<string, string>, body: string) {
  const told = /<RequestI[Dd]>([^<]+)</.exec(body)?.[1]
  if (told !== undefined) headers[requestId] ??= told
}

async function collect (body: unknown): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  try {
    for await (const chunk of body as AsyncIterable<Uint8Array>) chunks.push(chunk)
  } catch (cause) {
    // With its cause, by which the SDK knows that it may pass.
    throw new ProblemError('provider_error', 'The connection to the cloud broke before its answer was complete', { cause, outcomeUnknown: true })
  }
  return chunks.length === 1 ? Buffer.from(chunks[0]!) : Buffer.concat(chunks)
}

function without (body: string, names: readonly string[]) {
  if (names.length === 0) return body
  return body.split('&').filter((pair) => !names.includes(pair.slice(0, pair.indexOf('=')))).join('&')
}
