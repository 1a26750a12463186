import { invalid } from 'cloud-orchestrator/driver'

/** The location of a server. Until 2025 it was that of its datacenter. @param {any} raw @returns {string} */
export const locationOf = ({ location, datacenter }) => (location ?? datacenter.location).name

/**
 * Whether a resource in this location belongs to a cloud: the token is that of a project, which spans all locations; a
 * cloud may be limited to one.
 * @param {string | null} limit
 * @param {string} location
 */
export const isIn = (limit, location) => limit === null || limit === location

/**
 * Throws validation_failed for a create in a location that the cloud does not have.
 * @param {string | null} limit
 * @param {string} [location]
 * @param {string} [pointer] the field
 */
export function checkLocation (limit, location, pointer = '/availability_zone') {
  if (location === undefined || isIn(limit, location)) return
  throw invalid(pointer, `is ${location}, but the location of this cloud is ${limit}`)
}
