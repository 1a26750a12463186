import { setTimeout } from 'node:timers/promises'
import { ProblemError, type ProblemCode } from '../../../openapi/model/index.ts'
import type { Call } from '../../call.ts'
import type { Services } from '../../driver.ts'
import type { Limiter } from '../../common/limiter.ts'
import { createRandom } from './random.ts'
import type { FaultKind, FaultRule, Settings } from './settings.ts'

const problems: Record<FaultKind, readonly [ProblemCode, string]> = {
  error: ['provider_error', 'The dummy cloud failed'],
  rate_limited: ['provider_rate_limited', 'The dummy cloud limits the rate of requests'],
  unavailable: ['provider_unavailable', 'The dummy cloud is not available'],
  auth_failed: ['provider_auth_failed', 'The dummy cloud did not accept the credentials'],
  permission_denied: [
    'provider_permission_denied',
    'The dummy cloud does not permit this account to do this'
  ],
  hang: ['provider_timeout', 'The dummy cloud did not answer'],
  reset: [
    'provider_unavailable',
    'The connection to the dummy cloud broke before its answer was complete'
  ]
}

/** The longest time of a timer in milliseconds, which is longer than any call waits. */
const forever = 0x7fffffff

/** Waits, or throws the signal's reason when it is aborted: then the outcome of a change is unknown. */
async function wait (ms: number, { signal }: Call, isChange: boolean) {
  if (ms === 0) return
  try {
    await setTimeout(ms, undefined, { signal, ref: ms !== forever })
  } catch {
    const { reason } = signal
    throw isChange && reason instanceof ProblemError
      ? reason.with({ outcomeUnknown: true })
      : reason
  }
}

function matches (on: string, name: string) {
  if (on === '*' || on === name) return true
  return on.endsWith('.*') && name.startsWith(on.slice(0, -1))
}

/** Returns a function that finds the rule for a call. A rule counts only the calls that reach it. */
function createRules (rules: readonly FaultRule[], seed: number) {
  const random = createRandom(seed)
  const counts = rules.map(() => ({ calls: 0, faults: 0 }))
  return (name: string) =>
    rules.find(({ on, skip, times = Infinity, probability }, i) => {
      const count = counts[i]!
      if (!matches(on, name)) return false
      if (count.calls++ < skip || count.faults >= times) return false
      if (probability < 1 && random() >= probability) return false
      count.faults++
      return true
    })
}

async function fail (rule: FaultRule, call: Call, isChange: boolean): Promise<never> {
  const { kind, when, retry_after: retryAfter } = rule
  if (kind === 'hang') await wait(forever, call, isChange)
  const [code, detail] = problems[kind]
  throw new ProblemError(code, `${detail} (a fault of the setting \`faults\`)`, {
    retry_after: retryAfter,
    outcomeUnknown: isChange && (when === 'after' || kind === 'reset' || kind === 'hang')
  })
}

/** The methods that change nothing. A retry is safe, and their outcome is never unknown. */
const reads: ReadonlySet<string> = new Set([
  'list',
  'get',
  'list_nics',
  'findCreated',
  'checkCreate',
  'check',
  'console'
])

type Method = (...args: unknown[]) => Promise<unknown>

const isCall = (argument: unknown): argument is Call =>
  typeof argument === 'object' && argument !== null && 'requestId' in argument

/**
 * Creates the interceptor of calls, which adds `latency`, `faults` and the limit of calls in flight. Without latency
 * and faults the services stay as they are, so that no call creates its signal.
 */
export function createInterceptor ({ latency, faults, seed }: Settings, limit: Limiter) {
  const isIdle = latency === 0 && faults.length === 0
  const ms = latency * 1000
  const findRule = createRules(faults, seed)

  /** Makes a change before the wait, because only the answer, or the refusal, is late or lost. Reads after it. */
  const intercept = async (
    name: string,
    run: () => Promise<unknown>,
    call: Call,
    isChange: boolean
  ) => {
    const rule = findRule(name)
    const runsFirst = isChange && rule?.when !== 'before'
    const [outcome] = await Promise.allSettled(runsFirst ? [run()] : [])
    await wait(ms, call, isChange)
    if (rule !== undefined) await fail(rule, call, isChange)
    if (outcome === undefined) return run()
    if (outcome.status === 'rejected') throw outcome.reason
    return outcome.value
  }

  /** Wraps methods. Faults name them by service and method: `findCreated` of `nodes` is `nodes.find_created`. */
  const interceptMethods = <Methods extends object>(methods: Methods, prefix = ''): Methods => {
    if (isIdle) return methods
    return Object.fromEntries(
      Object.entries(methods).map(([key, method]: [string, Method]) => {
        const name = prefix + key.replace('findCreated', 'find_created')
        return [key, (...args: unknown[]) => {
          const call = args.find(isCall)!
          return limit(
            () => intercept(name, () => method(...args), call, !reads.has(key)),
            call.signal
          )
        }]
      })
    ) as Methods
  }

  return {
    interceptMethods,
    interceptServices: <S extends Services>(services: S): S =>
      Object.fromEntries(
        Object.entries(services).map((
          [service, methods]
        ) => [service, interceptMethods(methods, `${service}.`)])
      ) as S
  }
}
