import { ProblemError } from '../../openapi/model/index.ts'
import { createSingleFlight } from '../common/single-flight.ts'
import type { Call } from '../call.ts'
import type { Context } from '../driver.ts'
import { findProgram, startChild, type Child } from './child.ts'
import type { Launch, ProcessOptions } from './lazy.ts'
import { openSession, type Session } from './session.ts'
import { readStderr } from './stderr.ts'

/** The process of one cloud. */
export interface Host {
  readonly isRunning: boolean
  /** Starts the process and reads its description, unless that is known. */
  prepare(call: Call): Promise<void>
  /** Calls a method of the driver. Starts the process if it does not run. */
  call(method: string, params: object, call: Call, isRead: boolean): Promise<unknown>
  /** Asks the driver whether its cloud answers. Does not keep an idle process alive. */
  check(call: Call): Promise<void>
  /** Lets a running driver drop its caches. */
  refresh(): void
  close(): Promise<void>
}

export interface HostOptions extends ProcessOptions {
  /** The parameters of the first message, without the settings. */
  hello: object
  /** Receives the answer to the first message. Throws a ProblemError if it is not valid. */
  onDescription(description: unknown): void
}

/** Seconds from the second failure in a row to the next start; each further failure doubles them. */
const firstBackoff = 0.5
const maxBackoff = 30

/** Names of settings that count as secrets before the driver has described its settings. */
const secretName = /secret|passw|token|key|credential/i

function * findLikelySecrets (value: unknown, name = ''): Generator<string> {
  if (typeof value === 'string' && secretName.test(name)) yield value
  if (typeof value !== 'object' || value === null) return
  for (const [key, one] of Object.entries(value)) {
    yield * findLikelySecrets(one, Array.isArray(value) ? name : key)
  }
}

const describeCall = 'describe'

export function createHost (context: Context, options: HostOptions): Host {
  const { log, secrets, limit, timeout, cloud } = context
  let running: { child: Child, session: Session } | undefined
  let starting: Child | undefined
  let isPrepared = false
  let isClosed = false
  let failures = 0
  let notBefore = 0
  let idleTimer: NodeJS.Timeout | undefined

  const unavailable = (detail: string, hint?: string) =>
    new ProblemError('provider_unavailable', detail, { hint })

  const countFailure = () => {
    failures++
    const seconds = failures === 1 ? 0 : Math.min(maxBackoff, firstBackoff * 2 ** (failures - 2))
    notBefore = performance.now() + seconds * 1000
  }

  /** Ends the process when it has had nothing to do for the minutes of the settings. */
  const awaitIdleness = () => {
    clearTimeout(idleTimer)
    idleTimer = setTimeout(() => {
      if (running === undefined) return
      if (running.session.openCalls > 0) return awaitIdleness()
      log.info({ cloud, pid: running.child.pid }, 'the process of the driver is idle and is ended')
      endProcess().catch(() => {})
    }, Math.min(options.idle_minutes * 60_000, 2 ** 31 - 1))
    idleTimer.unref()
  }

  const endProcess = async () => {
    clearTimeout(idleTimer)
    const ended = running
    running = undefined
    await ended?.child.end()
  }

  const watchStderr = ({ stderr, pid }: Child) =>
    readStderr(stderr, {
      onLine: (line) =>
        log.info({ cloud, pid, stderr: secrets.mask(line) }, 'the process of the driver writes'),
      onSkipped: (lines) =>
        log.warn({ cloud, pid, lines }, 'the process of the driver wrote too many lines to the log')
    })

  const findCommand = ({ command: [program = '', ...args], directory, env, hint }: Launch) => {
    const file = findProgram(program, directory, env['PATH'] ?? process.env['PATH'] ?? '')
    if (file !== undefined) return [file, ...args]
    const where = program.includes('/') ? `from the folder ${directory}` : 'in PATH'
    throw unavailable(
      `The program of the driver was not found: ${program} (looked for ${where})`,
      hint ?? 'Correct `command` of the cloud in the settings, or install the program.'
    )
  }

  const describe = async (launch: Launch, session: Session) => {
    const controller = new AbortController()
    const limitMs = options.start_seconds * 1000
    const timer = setTimeout(
      () =>
        controller.abort(
          new ProblemError(
            'provider_unavailable',
            `The process of the driver did not answer its first message within ${options.start_seconds} s`,
            {
              hint:
                'The log of the server has what the process wrote to stderr. `start_seconds` of the cloud is the limit.'
            }
          )
        ),
      limitMs
    )
    try {
      const params = { ...options.hello, settings: launch.settings, timeout_ms: limitMs }
      return await session.send({
        method: describeCall,
        params,
        isRead: true,
        signal: controller.signal,
        remaining: limitMs
      })
    } finally {
      clearTimeout(timer)
    }
  }

  const start = createSingleFlight(Infinity, async () => {
    if (isClosed) throw new ProblemError('shutting_down', 'The server is shutting down')
    const wait = (notBefore - performance.now()) / 1000
    if (wait > 0) {
      throw unavailable(
        `The process of the driver failed ${failures} times in a row, so it is not started again yet`,
        'The log of the server has the reasons.'
      ).with({ retry_after: Math.ceil(wait) })
    }
    const launch = options.launch()
    for (const secret of findLikelySecrets({ settings: launch.settings, env: launch.env })) {
      secrets.add(secret)
    }
    const child = startChild({ ...launch, command: findCommand(launch) })
    starting = child
    log.info({ cloud, pid: child.pid }, 'the process of the driver is started')
    watchStderr(child)
    const session = openSession({
      child,
      grace: options.grace_seconds * 1000,
      onOver (problem) {
        if (running?.child !== child) return
        running = undefined
        countFailure()
        log.warn({ cloud, pid: child.pid, err: problem }, 'the process of the driver has ended')
      }
    })
    try {
      options.onDescription(await describe(launch, session))
    } catch (error) {
      countFailure()
      child.kill()
      throw launch.hint === undefined || !(error instanceof ProblemError) ||
          error.code !== 'provider_unavailable'
        ? error
        : error.with({ hint: launch.hint })
    } finally {
      starting = undefined
    }
    isPrepared = true
    running = { child, session }
    awaitIdleness()
    return session
  })

  const sessionFor = async (call: Call) => running?.session ?? start(call)

  const send = async (method: string, params: object, call: Call, isRead: boolean) => {
    const session = await sessionFor(call)
    const remaining = Math.min(call.remaining ?? timeout, 86_400_000)
    const { operation = null, requestId } = call
    return session.send({
      method,
      params: {
        ...params,
        call: { timeout_ms: Math.round(remaining), operation, request_id: requestId }
      },
      isRead,
      signal: call.signal,
      remaining
    })
  }

  return {
    get isRunning () {
      return running !== undefined
    },
    async prepare (call) {
      if (!isPrepared) await sessionFor(call)
    },
    async call (method, params, call, isRead) {
      try {
        const result = await limit(() => {
          if (!isRead) call.assertActive?.()
          return send(method, params, call, isRead)
        }, call.signal)
        failures = 0
        return result
      } finally {
        if (running !== undefined) awaitIdleness()
      }
    },
    async check (call) {
      await send('check', {}, call, true)
    },
    refresh () {
      running?.session.notify('refresh')
    },
    async close () {
      isClosed = true
      await Promise.all([starting?.end(), endProcess()])
    }
  }
}
