import { ProblemError } from 'cloud-orchestrator/driver'

/**
 * What the services share: the HTTP client, and the settings that they need.
 * @typedef {object} Cloud
 * @property {import('./client.js').Client} client
 * @property {import('cloud-orchestrator/driver').Context} context
 * @property {string | null} location the location of the cloud; null for all locations of the project
 * @property {string} networkZone
 */

/**
 * The details of the methods of a service.
 * @template {object} S
 * @typedef {import('cloud-orchestrator/driver').ServiceDetails<S>} Details
 */

/**
 * @typedef {import('cloud-orchestrator/driver').Call} Call
 * @typedef {import('cloud-orchestrator/driver').ListQuery} ListQuery
 * @typedef {import('cloud-orchestrator/driver').ReadOptions} ReadOptions
 * @typedef {import('cloud-orchestrator/driver').Filters} Filters
 */

/**
 * The filter of one name, if the cloud, which compares exactly, finds the same.
 * @param {readonly string[]} values
 */
export const toName = (values = []) =>
  values.length === 1 && values[0] !== '' && !values[0]?.includes('*') ? { name: values[0] } : {}

/**
 * The methods `list` and `get` of a service.
 * @template T
 * @param {import('./client.js').Client} client
 * @param {object} options
 * @param {string} options.path `/server_types`
 * @param {string} options.key the name of one resource in a response
 * @param {(raw: any, extra: boolean) => T} options.toResource
 * @param {(filters: Filters) => Record<string, unknown>} [options.toFilters] the filters that the cloud applies
 * @param {boolean} [options.byName] whether the id is the name of the resource
 * @param {(raw: any) => boolean} [options.isHere] whether the resource belongs to this cloud. Default: all do.
 */
export function readService (client, { path, key, toResource, toFilters = () => ({}), byName, isHere = () => true }) {
  /** @param {string} id @param {Call} call @returns {Promise<any>} */
  const find = async (id, call) => {
    const raw = byName === true
      ? (await client.readPage(path, { limit: 1, token: null }, { name: id }, call)).items[0]
      : (await client.send('GET', `${path}/${id}`, call))[key]
    if (raw === undefined || !isHere(raw)) {
      throw new ProblemError('resource_not_found', `There is no ${key.replaceAll('_', ' ')} ${id}`)
    }
    return raw
  }
  return {
    find,
    /** @param {ListQuery} query @param {Call} call */
    async list (query, call) {
      const { items, next } = await client.readPage(path, query, toFilters(query.filters), call)
      return { items: items.filter(isHere).map((raw) => toResource(raw, query.extra)), next }
    },
    /** @param {string} id @param {ReadOptions} options @param {Call} call */
    async get (id, { extra }, call) {
      return toResource(await find(id, call), extra)
    }
  }
}

/** The architecture in the words of the model. @param {string | null} [name] */
export const toArchitecture = (name = null) => ({ x86: 'x86_64', arm: 'aarch64' })[name ?? ''] ?? name
