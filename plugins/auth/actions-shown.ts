import { nodeActionDetails, ProblemError, type NodeAction } from '../../openapi/model/index.ts'
import { rankOf } from './grants.ts'

interface Resource {
  allowed_actions?: readonly string[]
  reboot_types?: readonly string[]
}

/** Returns a resource, a list of resources or an error with only the actions that a caller of this rank may do. */
export function showActions<T> (value: T, rank = Infinity): T {
  if (rank >= rankOf('manage') || typeof value !== 'object' || value === null) return value
  const isShown = (action: string) => rank >= rankOf(nodeActionDetails[action as NodeAction].level)
  const reduce = <R extends Resource>(resource: R): R => {
    if (resource.allowed_actions === undefined) return resource
    const reduced = { ...resource, allowed_actions: resource.allowed_actions.filter(isShown) }
    return resource.reboot_types === undefined || isShown('reboot')
      ? reduced
      : { ...reduced, reboot_types: [] }
  }

  if (value instanceof ProblemError) {
    const { allowed_actions: actions } = value.details
    return actions === undefined
      ? value
      : value.with({ allowed_actions: actions.filter(isShown) }) as T
  }
  const { items } = value as { items?: Resource[] }
  return Array.isArray(items)
    ? { ...value, items: items.map(reduce) }
    : reduce(value as Resource) as T
}
