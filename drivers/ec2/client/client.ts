import type {
  $Command,
  EC2Client,
  EC2ClientResolvedConfig,
  ServiceInputTypes,
  ServiceOutputTypes
} from '@aws-sdk/client-ec2'
import { Agent as HttpAgent } from 'node:http'
import { Agent as HttpsAgent } from 'node:https'
import { ProblemError } from '../../../openapi/model/index.ts'
import { readAuthority } from '../../settings.ts'
import type { Call } from '../../call.ts'
import { userAgent, type Context } from '../../driver.ts'
import { isUnsent } from '../../common/http.ts'
import { isOutcomeUnknown } from '../../common/outcome.ts'
import type { FieldRefusal } from '../../common/refusals.ts'
import { untilAborted } from '../../common/single-flight.ts'
import type { Credentials } from './credentials.ts'
import { toProblemError } from './errors.ts'
import { explainFields } from './refusals.ts'
import { limitResponses } from './response-limits.ts'
import { createMiddleware, type Attempts } from './sdk-middleware.ts'

type Sdk = typeof import('@aws-sdk/client-ec2')

type Command<I extends ServiceInputTypes, O extends ServiceOutputTypes> = $Command<
  I,
  O,
  EC2ClientResolvedConfig,
  ServiceInputTypes,
  ServiceOutputTypes
>

type CommandClass = new(input: object) => Command<ServiceInputTypes, ServiceOutputTypes>

type CommandOf<A extends Action> = InstanceType<Sdk[`${A}Command`]>

type ActionOfCommand<Name> = Name extends `${infer A}Command` ? A : never

/** The name of an action of the EC2 API, for example `RunInstances`. */
export type Action = ActionOfCommand<keyof Sdk>

export type ActionInput<A extends Action> = CommandOf<A>['input']

export type ActionOutput<A extends Action> = CommandOf<A> extends
Command<ActionInput<A>, infer Output> ? Output : never

export interface ClientOptions {
  /** Region, for the signature and the address. */
  region: string
  credentials: () => Promise<Credentials>
  /** Replaces Amazon's address. */
  endpoint?: string
  /** Path of a file with the certificate authority. */
  ca?: string
  verify?: boolean
  /** Parameters, by action, that the SDK adds and the cloud refuses. */
  strip?: Readonly<Record<string, readonly string[]>>
}

export interface ChangeOptions {
  /** Whether the change may be sent twice, because it is idempotent or carries a ClientToken. */
  idempotent?: boolean
  /** The fields of the request that the cloud's codes name. */
  refusals?: readonly FieldRefusal[]
}

export interface Client {
  /** Sends an action that changes nothing. Repeats it after throttling and after connection failures. */
  read<A extends Action>(action: A, input: ActionInput<A>, call: Call): Promise<ActionOutput<A>>
  /** Sends a read and returns the body of the response as text, for responses that the SDK cannot parse. */
  readText<A extends Action>(action: A, input: ActionInput<A>, call: Call): Promise<string>
  /**
   * Sends a change. Repeats it only if the cloud certainly did nothing, or if it is idempotent. If the change may have
   * been made, the error has `outcomeUnknown`.
   */
  change<A extends Action>(
    action: A,
    input: ActionInput<A>,
    call: Call,
    options?: ChangeOptions
  ): Promise<ActionOutput<A>>
  /** Drops the credentials; the next call reads them again. */
  refresh(): void
  close(): Promise<void>
}

interface SendOptions extends ChangeOptions {
  read: boolean
  onBody?: (body: string) => void
}

/** Attempts per call. Adaptive retry needs several when the account is near its request limit. */
const maxAttempts = 10

const maxConnectTimeout = 10_000

/** The SDK warns about its own end-of-support dates on the console. */
const silentLogger = { debug () {}, info () {}, warn () {}, error () {} }

/**
 * Creates a client. The first call loads the SDK (90 MB and 0.35 s), so that a server without such a cloud does not pay
 * for it. Retries, their quota and the adaptive rate are the SDK's own; sdk-middleware.ts decides what may be repeated.
 * Throws an Error if the file of the certificate authority cannot be read.
 */
export function createClient (
  options: ClientOptions,
  { cloud, timeout, maxInFlight, limit }: Context
): Client {
  const sockets = { keepAlive: true, maxSockets: maxInFlight }
  const httpAgent = new HttpAgent(sockets)
  const httpsAgent = new HttpsAgent({
    ...sockets,
    ca: options.ca === undefined ? undefined : readAuthority(options.ca, 'ca', cloud),
    rejectUnauthorized: options.verify ?? true
  })
  const middleware = createMiddleware(options.strip ?? {})
  let loaded: Promise<{ sdk: Sdk, client: EC2Client }> | undefined

  const load = async () => {
    const sdk = await import('@aws-sdk/client-ec2')
    const client = new sdk.EC2Client({
      region: options.region,
      credentials: await options.credentials(),
      customUserAgent: userAgent,
      endpoint: options.endpoint,
      maxAttempts,
      retryMode: 'adaptive',
      requestHandler: {
        httpAgent,
        httpsAgent,
        connectionTimeout: Math.min(timeout / 2, maxConnectTimeout),
        requestTimeout: timeout,
        // Without this, the SDK only logs a warning at a timeout.
        throwOnRequestTimeout: true
      },
      logger: silentLogger
    })
    limitResponses(client.config.requestHandler, timeout)
    middleware.install(client)
    return { sdk, client }
  }

  const sendNow = async <A extends Action>(
    action: A,
    input: ActionInput<A>,
    call: Call,
    { read, idempotent = false, refusals = [], onBody }: SendOptions
  ) => {
    loaded ??= load().catch((error: unknown) => {
      loaded = undefined
      throw error
    })
    const { sdk, client } = await loaded
    call.signal.throwIfAborted()
    if (!read) call.assertActive?.()
    const Command = (sdk as Record<string, unknown>)[`${action}Command`] as CommandClass
    // A copy, because the middleware identifies a call by its input object.
    const command = new Command({ ...input })
    const attempts = middleware.track(command.input, {
      action,
      repeatable: read || idempotent,
      onBody,
      traceparent: call.traceparent
    })
    const started = performance.now()
    try {
      // Reading the credentials does not end with the signal, so the call does not wait for it.
      const sending = client.send(command, { abortSignal: call.signal })
      const output = await untilAborted(sending, call.signal)
      const elapsed = Math.round(performance.now() - started)
      const { requestId } = output.$metadata
      if (!read && requestId !== undefined) call.noteRequestId?.(requestId)
      call.log.debug({ action, request_id: requestId, elapsed_ms: elapsed }, 'call to the cloud')
      return output as ActionOutput<A>
    } catch (error) {
      throw explainFields(explainFailure(attempts.unwrap(error), call, read, attempts), refusals)
    }
  }

  const send = <A extends Action>(
    action: A,
    input: ActionInput<A>,
    call: Call,
    options: SendOptions
  ) => limit(() => sendNow(action, input, call, options), call.signal)

  return {
    read: (action, input, call) => send(action, input, call, { read: true }),
    async readText (action, input, call) {
      let text = ''
      await send(action, input, call, {
        read: true,
        onBody: (body) => {
          text = body
        }
      })
      return text
    },
    change: (action, input, call, options) =>
      send(action, input, call, { ...options, read: false }),
    refresh () {
      // Running calls end on the old client. The agents keep the sockets open.
      loaded = undefined
    },
    async close () {
      const { client } = await loaded ?? {}
      client?.destroy()
      httpAgent.destroy()
      httpsAgent.destroy()
    }
  }
}

/** Explains why a call ended: by its own signal, by a refusal of the cloud, or by the connection. */
function explainFailure (
  error: unknown,
  { signal }: Call,
  read: boolean,
  { inFlight, lastRefusal }: Attempts
): ProblemError {
  if (!signal.aborted) return toProblemError(error, read)
  const { reason } = signal
  const problem = reason instanceof ProblemError ? reason : toProblemError(reason, read)
  // If the deadline passed between two attempts, the last refusal of the cloud says more.
  if (problem.code === 'provider_timeout' && !inFlight && lastRefusal !== undefined) {
    return toProblemError(lastRefusal, read)
  }
  // Between two attempts no request is in flight: the cloud refused all earlier attempts.
  const answer = inFlight && !isUnsent(error) ? 'lost' : 'unsent'
  return problem.with({ cause: error, outcomeUnknown: isOutcomeUnknown({ read, answer }) })
}
