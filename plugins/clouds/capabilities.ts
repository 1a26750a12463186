import { capabilitiesOf, type Connection } from '../../drivers/driver.ts'
import { ProblemError } from '../../openapi/model/index.ts'

export const notSupported = ({ cloud, driver }: Connection, capability: string) =>
  new ProblemError('not_supported', `The cloud ${cloud} cannot do ${capability}`, { cloud, driver, capability })

/** A method of a cloud's service. Throws not_supported, naming the capability, where the cloud has none. */
export function methodOf (connection: Connection, capability: string): (...input: never[]) => Promise<unknown> {
  const [service, method] = capability.split('.') as [string, string]
  const found = (connection as unknown as Record<string, Record<string, unknown> | undefined>)[service]?.[method]
  if (typeof found !== 'function') throw notSupported(connection, capability)
  return found as (...input: never[]) => Promise<unknown>
}

/** The fields that a request uses, dotted: `networks.fixed_ip`. What means the same as leaving it out does not count. */
function usedParameters (input: object): string[] {
  return Object.entries(input).flatMap(([name, value]) => {
    if (name === 'count' && value === 1) return []
    if (name === 'protected' && value === false) return []
    // Options of a driver are checked by its own schema, tags are free.
    if (name === 'tags' || name === 'provider_options' || value === null || typeof value !== 'object') return [name]
    const below = new Set([value].flat().flatMap((item) => typeof item === 'object' ? Object.keys(item as object) : []))
    return [name, ...[...below].map((key) => `${name}.${key}`)]
  })
}

/** Throws not_supported for the first field that this cloud does not honour, before any call. */
export function mustHonour (connection: Connection, capability: string, input: object) {
  methodOf(connection, capability)
  const known = new Set(capabilitiesOf(connection)[capability]?.parameters)
  const unknown = usedParameters(input).find((name) => !known.has(name))
  if (unknown !== undefined) throw notSupported(connection, `${capability}.${unknown}`)
}
