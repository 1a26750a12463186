import { setTimeout } from 'node:timers/promises'
import { ProblemError, type ProblemCode } from '../../openapi/model/index.ts'
import type { Call } from '../call.ts'
import type { Limiter } from '../limiter.ts'
import { createRandom } from './random.ts'
import type { FaultKind, FaultRule, Settings } from './settings.ts'

const problems: Record<FaultKind, readonly [ProblemCode, string]> = {
  error: ['provider_error', 'The dummy cloud failed'],
  rate_limited: ['provider_rate_limited', 'The dummy cloud wants fewer requests'],
  unavailable: ['provider_unavailable', 'The dummy cloud is not available'],
  auth_failed: ['provider_auth_failed', 'The dummy cloud did not accept the credentials'],
  permission_denied: ['provider_permission_denied', 'The dummy cloud does not let this account do this'],
  hang: ['provider_timeout', 'The dummy cloud did not answer'],
  reset: ['provider_unavailable', 'The connection to the dummy cloud broke before its answer was complete']
}

/** Longer than any call waits: the most that a timer can. */
const forever = 0x7fffffff

/** The error of a change whose answer does not come: nobody can know then whether it took place. */
function unanswered (reason: unknown) {
  if (!(reason instanceof ProblemError)) return reason
  return new ProblemError(reason.code, reason.message, { ...reason.details, cause: reason, outcomeUnknown: true })
}

/** Throws the signal's reason when it is aborted meanwhile; of a change, with `outcomeUnknown`. */
async function wait (ms: number, { signal }: Call, change: boolean) {
  if (ms === 0) return
  try {
    await setTimeout(ms, undefined, { signal, ref: ms !== forever })
  } catch {
    throw change ? unanswered(signal.reason) : signal.reason
  }
}

function matches (on: string, name: string) {
  if (on === '*' || on === name) return true
  return on.endsWith('.*') && name.startsWith(on.slice(0, -1))
}

/** Decides for each call which rule strikes, if any. A rule counts the calls that come as far as it. */
function createRules (rules: readonly FaultRule[], seed: number) {
  const random = createRandom(seed)
  const counts = rules.map(() => ({ seen: 0, struck: 0 }))
  return (name: string) => rules.find(({ on, skip, times = Infinity, probability }, i) => {
    const count = counts[i]!
    if (!matches(on, name)) return false
    if (count.seen++ < skip || count.struck >= times) return false
    if (probability < 1 && random() >= probability) return false
    count.struck++
    return true
  })
}

async function strike ({ kind, when, retry_after: retryAfter }: FaultRule, call: Call, change: boolean): Promise<never> {
  if (kind === 'hang') await wait(forever, call, change)
  const [code, detail] = problems[kind]
  throw new ProblemError(code, `${detail}, as its setting \`faults\` wants it`, {
    ...(retryAfter === undefined ? {} : { retry_after: retryAfter }),
    outcomeUnknown: change && (when === 'after' || kind === 'reset' || kind === 'hang')
  })
}

/** Calls that change nothing: repeating them is safe, and their outcome is never in doubt. */
const reads: ReadonlySet<string> = new Set(['list', 'get', 'list_nics', 'find_created', 'check', 'console'])

type Method = (...args: never[]) => Promise<unknown>

/**
 * The way to this cloud: every call through it takes `latency`, meets `faults` and is one of the calls in flight. Without
 * either there is no way to go, and methods are what they were: nothing then asks for the signal of a call.
 */
export function createWay ({ latency, faults, seed }: Settings, limit: Limiter) {
  const ms = latency * 1000
  const ruleFor = createRules(faults, seed)

  const read = async <T>(name: string, run: () => Promise<T>, call: Call) => {
    const fault = ruleFor(name)
    await wait(ms, call, false)
    if (fault !== undefined) await strike(fault, call, false)
    return run()
  }

  /** A change is made when it arrives; what takes time or is lost is the answer, a refusal too. */
  const change = async <T>(name: string, run: () => Promise<T>, call: Call) => {
    const fault = ruleFor(name)
    const before = fault?.when === 'before'
    const [outcome] = await Promise.allSettled(before ? [] : [run()])
    await wait(ms, call, true)
    if (fault !== undefined) await strike(fault, call, true)
    if (outcome!.status === 'rejected') throw outcome!.reason
    return outcome!.value
  }

  const through = <T>(name: string, run: () => Promise<T>, call: Call) => {
    const method = name.slice(name.indexOf('.') + 1)
    return limit(() => (reads.has(method) ? read : change)(name, run, call), call.signal)
  }

  /** The methods of a service, each by the name under which faults know it: `nodes` and `findCreated` is nodes.find_created. */
  return <S extends object>(service: string, methods: S): S => {
    if (latency === 0 && faults.length === 0) return methods
    return Object.fromEntries(Object.entries(methods).map(([key, method]: [string, Method]) => {
      const name = [service, key].filter((part) => part !== '').join('.').replace('findCreated', 'find_created')
      return [key, (...args: never[]) => through(name, () => method(...args), args.at(-1) as unknown as Call)]
    })) as S
  }
}
