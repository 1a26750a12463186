import { lookup as lookUp, type LookupAddress, type LookupOptions } from 'node:dns'
import { isIP, type LookupFunction } from 'node:net'
import { promisify } from 'node:util'
import type { Settings } from '../../config/index.ts'
import { version } from '../../config/version.ts'
import { createAddressCheck } from '../../config/webhook-addresses.ts'
import { findUrlError, hostOf } from '../../config/webhook-url.ts'
import type { AttemptError } from '../../openapi/model/index.ts'
import { AddressRefused, toFailure } from './failures.ts'

export interface Message {
  url: string
  secret: string
  /** The same for each attempt, so that the receiver knows an event that it has already. */
  id: string
  body: string
  contentType: string
}

/** What came of an attempt. The body of the answer is not kept. */
export interface Outcome {
  status: number | null
  error: AttemptError | null
  /** The error in a sentence. */
  detail: string | null
}

/** Bytes of an answer that are read, so that the connection can be used again. */
const maxAnswer = 65_536

/**
 * Looks up a name and returns only addresses to which the server may connect. The connection is made to one of them, so
 * that a name which has another address a moment later changes nothing.
 */
function createLookup (mayConnect: (address: string) => boolean): LookupFunction {
  return (host, options, done) => {
    const all = { ...options as LookupOptions, all: true as const }
    lookUp(host, all, (error, found: LookupAddress[]) => {
      if (error !== null) return done(error, '')
      const addresses = found.filter(({ address }) => mayConnect(address))
      const [first] = addresses
      if (first === undefined) return done(new AddressRefused(`${host} has no public address`), '')
      if (options.all === true) done(null, addresses)
      else done(null, first.address, first.family)
    })
  }
}

const rejectOn = (signal: AbortSignal) =>
  new Promise<never>((_resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true })
  })

/** Sends messages to receivers, signed by Standard Webhooks. */
export async function createSender (settings: Settings['webhooks']) {
  const [{ Agent, ProxyAgent, request }, { Webhook }] = await Promise.all([
    import('undici'),
    import('standardwebhooks')
  ])
  const { allow_http: allowHttp, allow_addresses: allowed, proxy } = settings
  const timeout = settings.timeout_seconds * 1000
  const mayConnect = createAddressCheck(allowed)
  const lookup = createLookup(mayConnect)
  const resolve = promisify<string, string>((host, done) =>
    lookup(host, { all: false }, (error, address) => done(error, address as string)))
  const dispatcher = proxy === undefined
    ? new Agent({ connect: { lookup } })
    : new ProxyAgent({ uri: proxy })

  /** A literal address is not looked up, and a proxy looks up names by itself. */
  const checkAddress = async (url: URL, signal: AbortSignal) => {
    const host = hostOf(url)
    if (isIP(host) !== 0) {
      if (!mayConnect(host)) throw new AddressRefused(`${host} is no public address`)
    } else if (proxy !== undefined) await Promise.race([resolve(host), rejectOn(signal)])
  }

  const send = async (message: Message, signal: AbortSignal): Promise<number> => {
    const { url, secret, id, body, contentType } = message
    // The settings may have changed since the webhook was made.
    if (findUrlError(url, { allowHttp, mayConnect }) !== undefined) {
      throw new AddressRefused('The settings do not allow the URL')
    }
    await checkAddress(new URL(url), signal)
    const now = new Date()
    const answer = await request(url, {
      method: 'POST',
      body,
      dispatcher,
      signal,
      headers: {
        'content-type': contentType,
        'user-agent': `cloud-orchestrator/${version}`,
        'webhook-id': id,
        'webhook-timestamp': String(Math.floor(now.getTime() / 1000)),
        'webhook-signature': new Webhook(secret).sign(id, now, body)
      }
    })
    // The status counts, also if the rest of the answer does not come.
    await answer.body.dump({ limit: maxAnswer, signal }).catch(() => {})
    return answer.statusCode
  }

  return {
    /** Sends a message. Redirects are not followed. Never rejects. */
    async send (message: Message, stopping: AbortSignal): Promise<Outcome> {
      const signal = AbortSignal.any([AbortSignal.timeout(timeout), stopping])
      try {
        const status = await send(message, signal)
        if (status >= 200 && status < 300) return { status, error: null, detail: null }
        return { status, error: 'status', detail: `The receiver answered ${status}.` }
      } catch (error) {
        return { status: null, ...toFailure(error, settings.timeout_seconds) }
      }
    },
    close: () => dispatcher.destroy()
  }
}

export type Sender = Awaited<ReturnType<typeof createSender>>
