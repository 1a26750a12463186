import type { Call } from '../call.ts'
import type { Connection, Context } from '../driver.ts'
import type { Host } from './host.ts'
import type { ProcessLimits } from './settings.ts'

/** How to start the process of a driver. */
export interface Launch {
  command: readonly string[]
  env: Readonly<Record<string, string>>
  /** The working directory. */
  directory: string
  /** The settings of the driver in the process. They may have secrets. */
  settings: Readonly<Record<string, unknown>>
  /** The next step for the reader of an error, if the process does not start. */
  hint?: string
}

export interface ProcessOptions extends ProcessLimits {
  /** Name of the driver, as in the settings file. */
  driver: string
  host?: string
  location: string | null
  /** Returns how to start the process. Throws a ProblemError if that is not possible. */
  launch(): Launch
}

/**
 * Connects a cloud to a driver in a process. Neither this function nor the import of this file starts the process or
 * loads the code for it: the first call does. Until then, the connection has no services.
 */
export function connectLazily (context: Context, options: ProcessOptions): Connection {
  const { driver, location, host: address = null } = options
  let loading: Promise<Host> | undefined
  let host: Host | undefined

  const load = () => (loading ??= import('./connection.ts').then(({ createHostOf }) => {
    host = createHostOf(connection, context, options)
    return host
  }))

  const connection: Connection = {
    cloud: context.cloud,
    driver,
    host: address,
    location,
    ids: {},
    capabilities: {},
    prepare: async (call: Call) => (await load()).prepare(call),
    get isDormant () {
      return host?.isRunning !== true
    },
    async check (call) {
      await (await load()).check(call)
    },
    refresh () {
      host?.refresh()
    },
    async close () {
      await (await loading)?.close()
    }
  }
  return connection
}
