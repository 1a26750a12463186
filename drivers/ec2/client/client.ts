import { Agent as HttpAgent } from 'node:http'
import { Agent as HttpsAgent } from 'node:https'
import type { $Command, EC2Client, EC2ClientResolvedConfig, ServiceInputTypes, ServiceOutputTypes } from '@aws-sdk/client-ec2'
import { ProblemError } from '../../../openapi/model/index.ts'
import { readAuthority } from '../../authority.ts'
import type { Call } from '../../call.ts'
import { userAgent, type Context } from '../../driver.ts'
import { isUnsent } from '../../http.ts'
import type { Credentials } from './credentials.ts'
import { problemOf } from './errors.ts'
import { createHandling, type Sending } from './sdk-middleware.ts'

export type Sdk = typeof import('@aws-sdk/client-ec2')

/** Makes the command of one call, once the SDK is there. */
export type Make<I extends ServiceInputTypes, O extends ServiceOutputTypes> =
  (sdk: Sdk) => $Command<I, O, EC2ClientResolvedConfig, ServiceInputTypes, ServiceOutputTypes>

export interface ClientOptions {
  /** Region, for the signature and the address. */
  region: string
  credentials: () => Promise<Credentials>
  /** Address in the place of Amazon's. */
  endpoint?: string | undefined
  /** Path of a file with the certificate authority. */
  ca?: string | undefined
  verify?: boolean | undefined
  /** Names of parameters, by action, that the SDK adds and the cloud refuses. */
  strip?: Readonly<Record<string, readonly string[]>>
}

export interface Client {
  /** Sends what changes nothing: repeated after throttling and after failures of the connection. */
  read<I extends ServiceInputTypes, O extends ServiceOutputTypes> (make: Make<I, O>, call: Call): Promise<O>
  /**
   * Sends a change: repeated only where the cloud certainly did nothing, or, with `token`, where its ClientToken makes
   * one of two. The error of one that may have been made has `outcomeUnknown`.
   */
  change<I extends ServiceInputTypes, O extends ServiceOutputTypes> (
    make: Make<I, O>, call: Call, options?: { token?: boolean }
  ): Promise<O>
  /** Sends what changes nothing and returns the body as it came, for what the SDK cannot parse. */
  raw<I extends ServiceInputTypes, O extends ServiceOutputTypes> (make: Make<I, O>, call: Call): Promise<string>
  /** Forgets credentials, so that the next call reads them anew. */
  refresh (): void
  close (): Promise<void>
}

/** Attempts of one call: under a limit of requests adaptive retry needs some. */
const attempts = 10

/**
 * One client of the SDK, which is loaded and made with the first call: 90 MB and 0.35 s that a farm without such a cloud
 * does not pay. Its retries, their quota and the adaptive rate are the SDK's own; `handling.ts` tells it what may be
 * repeated. Throws an Error where the file of the certificate authority cannot be read.
 */
export function createClient (options: ClientOptions, { cloud, timeout, maxInFlight, limit }: Context): Client {
  const tls = {
    ...(options.ca === undefined ? {} : { ca: readAuthority(options.ca, 'ca', cloud) }),
    ...(options.verify === undefined ? {} : { rejectUnauthorized: options.verify })
  }
  const agents = {
    httpAgent: new HttpAgent({ keepAlive: true, maxSockets: maxInFlight }),
    httpsAgent: new HttpsAgent({ keepAlive: true, maxSockets: maxInFlight, ...tls })
  }
  const handling = createHandling(options.strip ?? {})
  let opened: Promise<{ sdk: Sdk, client: EC2Client }> | undefined

  const open = async () => {
    const sdk = await import('@aws-sdk/client-ec2')
    const { region, endpoint } = options
    const client = new sdk.EC2Client({
      region,
      credentials: await options.credentials(),
      customUserAgent: userAgent,
      ...(endpoint === undefined ? {} : { endpoint }),
      maxAttempts: attempts,
      retryMode: 'adaptive',
      // Without the last, a timeout of the SDK is only a warning.
      requestHandler: { ...agents, connectionTimeout: Math.min(timeout / 2, 10_000), requestTimeout: timeout, throwOnRequestTimeout: true },
      // It warns of its own ends of support on the console.
      logger: { debug () {}, info () {}, warn () {}, error () {} }
    })
    handling.install(client)
    return { sdk, client }
  }

  const send = async <I extends ServiceInputTypes, O extends ServiceOutputTypes>(
    make: Make<I, O>, call: Call, read: boolean, token: boolean, raw?: (body: string) => void
  ): Promise<O> => limit(async () => {
    opened ??= open().catch((error: unknown) => {
      opened = undefined
      throw error
    })
    const { sdk, client } = await opened
    call.signal.throwIfAborted()
    const command = make(sdk)
    const sending = handling.begin(command, { repeatable: read || token, raw })
    const started = performance.now()
    try {
      const output = await client.send(command, { abortSignal: call.signal }) as O
      const elapsed = Math.round(performance.now() - started)
      call.log.debug({ action: sending.action, request_id: output.$metadata.requestId, elapsed_ms: elapsed }, 'call to the cloud')
      return output
    } catch (error) {
      throw explain(sending.failure(error), call, read, sending)
    }
  }, call.signal)

  return {
    read: (make, call) => send(make, call, true, false),
    change: (make, call, { token = false } = {}) => send(make, call, false, token),
    async raw (make, call) {
      let text = ''
      await send(make, call, true, false, (body) => { text = body })
      return text
    },
    refresh () {
      // Calls under way end on the old one; the sockets are the agents', which stay.
      opened = undefined
    },
    async close () {
      const { client } = await opened ?? {}
      client?.destroy()
      agents.httpAgent.destroy()
      agents.httpsAgent.destroy()
    }
  }
}

/** What ended a call: its own signal, a refusal of the cloud, or the connection. */
function explain (error: unknown, { signal }: Call, read: boolean, { inFlight, refusal }: Sending): ProblemError {
  if (!signal.aborted) return problemOf(error, read)
  const reason: unknown = signal.reason
  const { code, message, details } = reason instanceof ProblemError ? reason : problemOf(reason, read)
  // Time was up while it waited to ask again: what the cloud has said says more.
  if (code === 'provider_timeout' && !inFlight && refusal !== undefined) return problemOf(refusal, read)
  // Between two attempts nothing is on its way: those before were refused.
  return new ProblemError(code, message, { ...details, cause: error, outcomeUnknown: !read && inFlight && !isUnsent(error) })
}
