import { ProblemError } from '../../../openapi/model/index.ts'
import type { Call } from '../../call.ts'
import { createFlight } from '../../single-flight.ts'
import type { Access } from './access.ts'

/** What an identity service has given. */
export interface Granted {
  access: Access
  /** Milliseconds that the token lives. */
  lifetime: number
}

interface Held<T> {
  granted: T
  /** `performance.now()` from when on it is renewed while it still serves, and at which it ends. */
  renewAt: number
  endsAt: number
  /** Of an access that replaced a refused one: when it was made. */
  replacedAt?: number
}

/** How long a refusal of the credentials is taken for the answer: many calls must not lock the account. */
const pause = 5000

export interface KeeperOptions<T> {
  /** Milliseconds that a sign-in may take. */
  timeout: number
  /** What the identity service is called. */
  issuer: string
  /** Signs in. Throws provider_auth_failed where the credentials are refused. */
  ask: (call: Call) => Promise<T>
}

/**
 * Keeps one token: one sign-in for all who wait for it, made anew five minutes before its end, or in the last fifth of a
 * short life, and once for all calls that a service has refused.
 */
export function createKeeper<T extends Granted> ({ timeout, issuer, ask }: KeeperOptions<T>) {
  let held: Held<T> | undefined
  let refusal: { problem: ProblemError, until: number } | undefined
  let generation = 0

  const authenticate = createFlight(timeout, async (call) => {
    const begun = generation
    const now = performance.now()
    try {
      const granted = await ask(call)
      const early = Math.min(300_000, granted.lifetime / 5)
      const fresh: Held<T> = { granted, renewAt: now + granted.lifetime - early, endsAt: now + granted.lifetime }
      if (begun === generation) held = fresh
      return fresh
    } catch (error) {
      if (error instanceof ProblemError && error.code === 'provider_auth_failed' && begun === generation) {
        refusal = { problem: error, until: performance.now() + pause }
      }
      throw error
    }
  })

  const refused = () => refusal !== undefined && performance.now() < refusal.until ? refusal.problem : undefined

  const enter = (call: Call) => {
    const problem = refused()
    if (problem !== undefined) throw problem
    return authenticate(call)
  }

  return {
    /** The present access; signs in where there is none or it is about to end. */
    async access (call: Call): Promise<Access> {
      const now = performance.now()
      if (held === undefined || now >= held.endsAt) return (await enter(call)).granted.access
      // Nobody waits for the early renewal, nor is hurt where it cannot be had just now.
      if (now >= held.renewAt && refused() === undefined) authenticate(call).catch(() => {})
      return held.granted.access
    },
    /** Access in the place of one that a service refused. */
    async renew (old: string, call: Call): Promise<Access> {
      const now = performance.now()
      if (held !== undefined && held.granted.access.token !== old) return held.granted.access
      if (held?.replacedAt !== undefined && !held.granted.access.accepted && now < held.replacedAt + pause) {
        throw new ProblemError('provider_auth_failed', `The cloud refuses a token that ${issuer} has just made`, {
          hint: `The services of the cloud and its ${issuer} disagree; look at the cloud itself.`
        })
      }
      const fresh = await enter(call)
      fresh.replacedAt ??= performance.now()
      return fresh.granted.access
    },
    /** What was granted last; undefined before the first. */
    last: () => held?.granted,
    refresh () {
      generation++
      held = undefined
      refusal = undefined
    }
  }
}
