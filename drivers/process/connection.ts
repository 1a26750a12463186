import type { Call } from '../call.ts'
import {
  contractVersion,
  type CapabilityDetails,
  type Connection,
  type Context,
  type ServiceName
} from '../driver.ts'
import type { ReadOptions } from '../services.ts'
import { createCompletion } from './complete.ts'
import { readDescription, toPatterns, type Description } from './description.ts'
import { createHost, type Host } from './host.ts'
import type { Launch, ProcessOptions } from './lazy.ts'
import { methodsByName, setServices, type Method } from './methods.ts'

type Service = Record<string, (...args: unknown[]) => Promise<unknown>>

/**
 * The patterns of ids by default: any text that can be one step of a path. It keeps ids such as `../x` away from
 * drivers that put them into a path.
 */
const anyId = /^(?!\.{1,2}$)[^/\p{Cc}]{1,255}$/u

/** Creates the host of the process. With the answer to `describe`, the connection gets its services. */
export function createHostOf (
  connection: Connection,
  context: Context,
  options: ProcessOptions
): Host {
  const complete = createCompletion(context)
  const details: Record<string, Record<string, CapabilityDetails>> = {}
  let actions: ReadonlySet<string> = new Set()
  let settings: Launch['settings'] = {}

  const toFunction =
    ({ name, service, method, isRead, position, toParams }: Method) => async (
      ...args: unknown[]
    ) => {
      const params = toParams(args)
      const { extra = false } = (params['query'] ?? params['options'] ?? {}) as Partial<ReadOptions>
      const result = await host.call(name, params, args[position] as Call, isRead)
      return complete(method, result, { service, location: connection.location, actions, extra })
    }

  const adopt = ({ capabilities, ids, host: address, location }: Description) => {
    const all = new Map<ServiceName, Service>()
    for (const service of Object.keys(details)) delete details[service]
    for (const [name, given] of Object.entries(capabilities)) {
      const method = methodsByName.get(name)!
      all.set(method.service, { ...all.get(method.service), [method.method]: toFunction(method) })
      details[method.service] = { ...details[method.service], [method.method]: given }
    }
    actions = new Set(Object.keys(all.get('nodes') ?? {}))
    const patterns = Object.fromEntries([...all.keys()].map((service) => [service, anyId]))
    Object.assign(connection, {
      ids: { ...patterns, ...toPatterns(ids) },
      capabilities: details,
      ...address !== undefined && { host: address },
      ...location !== undefined && { location }
    })
    setServices(connection, all)
    // Everything is known now.
    connection.prepare = undefined
  }

  const host: Host = createHost(context, {
    ...options,
    launch () {
      const launch = options.launch()
      settings = launch.settings
      return launch
    },
    hello: {
      contract_version: contractVersion,
      cloud: context.cloud,
      location: connection.location
    },
    onDescription (answer) {
      const { description, secrets } = readDescription(answer, settings)
      for (const secret of secrets) context.secrets.add(secret)
      adopt(description)
    }
  })
  return host
}
