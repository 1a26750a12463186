import { models, nodeStates, type Node } from '../../openapi/model/index.ts'
import type { Context } from '../driver.ts'
import { allowedActions, isTransitioning } from '../states.ts'
import { modelOf, type ServiceName } from '../services.ts'

type Resource = Record<string, unknown>

interface Schema {
  type?: string | string[]
  anyOf?: Schema[]
  properties?: Record<string, Schema>
  required?: string[]
}

const isNullable = ({ type = [], anyOf = [] }: Schema): boolean =>
  [type].flat().includes('null') || anyOf.some(isNullable)

/** A field that a driver may leave out. */
interface Default {
  name: string
  toValue(): unknown
  /** The fields of the value, if it is an object of fixed fields. */
  nested: Default[]
}

function toDefaults ({ properties = {}, required = [] }: Schema): Default[] {
  return required.flatMap((name): Default[] => {
    const schema = properties[name]!
    if (isNullable(schema)) return [{ name, toValue: () => null, nested: [] }]
    if (schema.type === 'array' && name !== 'allowed_actions') {
      return [{ name, toValue: () => [], nested: [] }]
    }
    const isMap = name === 'tags' || schema.properties !== undefined
    return isMap ? [{ name, toValue: () => ({}), nested: toDefaults(schema) }] : []
  })
}

const defaultsByModel = new Map<string, Default[]>()

/** The fields of a model that a driver may leave out. They are then null, [] or {}. */
function defaultsFor (model: string) {
  const known = defaultsByModel.get(model)
  if (known !== undefined) return known
  const defaults = toDefaults((models.find(({ $id }) => $id === model) ?? {}) as Schema)
  defaultsByModel.set(model, defaults)
  return defaults
}

function addDefaults (value: Resource, defaults: readonly Default[]) {
  for (const { name, toValue, nested } of defaults) {
    // Some languages write an empty list or map as null.
    const field = (value[name] ??= toValue())
    if (nested.length > 0 && isObject(field)) addDefaults(field, nested)
  }
}

const isObject = (value: unknown): value is Resource => typeof value === 'object' && value !== null

/** The values from which a result is completed. */
interface ResultContext {
  service: ServiceName
  location: string | null
  /** The methods of the node service, for the actions of a node. */
  actions: ReadonlySet<string>
  /** Whether the caller asked for the raw fields. */
  extra: boolean
}

/** Adds the fields that a process may leave out to the results of its methods. */
export function createCompletion ({ identify }: Pick<Context, 'identify'>) {
  const fill = (value: unknown, model: string) => {
    if (isObject(value)) addDefaults(value, defaultsFor(model))
    return value
  }

  const toResource = (
    value: unknown,
    { service, location, actions, extra }: ResultContext
  ): unknown => {
    if (!isObject(value) || typeof value['id'] !== 'string') return value
    const at = value['location'] === undefined ? location : value['location'] as string | null
    Object.assign(value, identify(service, value['id'], at))
    if (service === 'nodes') {
      const node = value as Partial<Node>
      // The check of the result refuses a state that does not exist.
      const state = nodeStates.find((one) => one === node.state) ?? 'terminated'
      node.transitioning ??= isTransitioning(state)
      node.allowed_actions ??= allowedActions(state, actions)
    }
    fill(value, modelOf[service])
    if (extra) value['extra'] ??= {}
    else if (value['extra'] !== undefined) delete value['extra']
    if (service === 'security_groups' && Array.isArray(value['rules'])) {
      for (const rule of value['rules']) fill(rule, 'SecurityGroupRule')
    }
    if (service === 'nodes') {
      for (const address of value['addresses'] as unknown[]) fill(address, 'Address')
    }
    return value
  }

  return (method: string, result: unknown, context: ResultContext) => {
    const { service } = context
    if (service === 'quotas') {
      return Array.isArray(result) ? result.map((quota: unknown) => fill(quota, 'Quota')) : result
    }
    if (!isObject(result)) return result
    if (method === 'list' && Array.isArray(result['items'])) {
      for (const item of result['items']) toResource(item, context)
      result['next'] ??= null
      return result
    }
    if (method === 'list_nics' && Array.isArray(result)) {
      return result.map((nic: unknown) => fill(nic, 'Nic'))
    }
    if (method === 'create_rule') return fill(result, 'SecurityGroupRule')
    if (method === 'console') return fill(result, 'Console')
    // A change has resources, all others are the resource itself.
    return 'resources' in result ? result : toResource(result, context)
  }
}
