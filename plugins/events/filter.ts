import { eventTypes } from '../../openapi/model/index.ts'
import { matchesPattern } from '../lists/filters.ts'
import type { StoredEvent } from './event.ts'

/** Which events somebody wants. A field that is missing allows all. */
export interface EventFilter {
  clouds?: readonly string[] | undefined
  /** Types, or patterns such as `node.*`. */
  types?: readonly string[] | undefined
  /** Path or id of a resource. Operations and assignments on it are wanted as well. */
  resource?: string | undefined
}

/** The events that a receiver asks for. */
export interface EventInterest {
  filter: EventFilter
  mayRead(cloud: string): boolean
}

type Reference = { id: string, self: string }

/** The resources that an operation is about. */
function resourcesOf ({ type, content }: StoredEvent): Reference[] {
  if (!type.startsWith('operation.')) return []
  const { target, resources } = content as { target: Reference | null, resources: Reference[] }
  return target === null ? resources : [target, ...resources]
}

/** The id at the end of a path. */
const idOf = (path: string) => decodeURIComponent(path.slice(path.lastIndexOf('/') + 1))

function isAbout (event: StoredEvent, resource: string) {
  const { resource: path } = event
  const isPath = resource.startsWith('/')
  if (path !== null && (isPath ? path : idOf(path)) === resource) return true
  return resourcesOf(event).some(({ id, self }) => (isPath ? self : id) === resource)
}

/** Returns the test of a filter. */
export function createEventFilter ({ clouds, types, resource }: EventFilter) {
  return (event: StoredEvent): boolean => {
    if (clouds !== undefined && !clouds.includes(event.cloud ?? '')) return false
    if (types !== undefined && !types.some((pattern) => matchesPattern(pattern, event.type))) {
      return false
    }
    return resource === undefined || isAbout(event, resource)
  }
}

/** Whether a pattern of types matches any event that clients can see. */
export const isEventPattern = (pattern: string) =>
  eventTypes.some((type) => matchesPattern(pattern, type))
