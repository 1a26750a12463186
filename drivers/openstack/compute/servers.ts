import type { Filters } from '../../driver.ts'
import { surrogate, toQuery, translateFilters, type FilterRule } from '../../common/filters.ts'
import { uuid } from '../../common/ids.ts'
import { bind, type Bound, type RefusalContext } from '../client/bind.ts'
import type { Client } from '../client/client.ts'
import { microversions } from '../client/microversions.ts'
import { resources } from '../client/resources.ts'
import type { Abilities, Server } from './node-mapping.ts'
import { createExplain } from './refusals.ts'

/** Nova's calls for servers. */
export interface Servers extends Pick<Bound<Server>, 'page' | 'pages' | 'show'> {
  /** Changes of servers, without a version. */
  changes: Bound<Server>
  /** `POST /servers/{id}/action`. */
  actions: Bound<Server>
  /** Explains a refusal of Nova. */
  explain: (error: unknown, context: RefusalContext) => Promise<unknown>
}

/** Makes Nova's calls for servers. */
export function createServers (client: Client, can: Abilities): Servers {
  const { page, pages, show } = bind<Server>(
    client,
    { list: resources.serverDetail.list, show: resources.server.show },
    { service: 'compute', version: microversions.readServers }
  )
  const explain = createExplain(show, can)
  const changes = bind<Server>(client, resources.server, { service: 'compute', explain })
  const actions = bind<Server>(client, resources.serverAction, { service: 'compute', explain })
  return { page, pages, show, changes, actions, explain }
}

/**
 * The statuses of a state. They do not depend on the task, so Nova may return too many servers but
 * never too few.
 */
const statuses: Readonly<Record<string, readonly string[]>> = {
  pending: ['BUILD'],
  running: ['ACTIVE', 'VERIFY_RESIZE'],
  stopped: ['SHUTOFF'],
  suspended: ['SUSPENDED', 'SHELVED', 'SHELVED_OFFLOADED'],
  paused: ['PAUSED'],
  rescued: ['RESCUE'],
  error: ['ERROR']
}

/**
 * Makes a regex that matches a name, and perhaps other names. Nova passes it to its database, and
 * each database has a dialect of its own, so characters that are special in any dialect become `.`;
 * Nova itself rewrites `|`. Returns undefined for names with four-byte characters: Nova's database
 * cannot hold them and answers with an error (observed). With `isNumbered` the regex matches the
 * names with `-1` and so on appended.
 */
export function namePattern (name: string, isNumbered = false): string | undefined {
  if (surrogate.test(name)) return undefined
  const pattern = name.replace(/[\\^$.+?()[\]{}|]/g, '.').replaceAll('*', '.*')
  return `^${pattern}${isNumbered ? '-.*' : ''}$`
}

/**
 * Translates a name for the filter of `/servers/detail`, so that the cloud returns all servers of that name, perhaps
 * others. Returns undefined if the filter cannot express the name.
 */
export type NameQuery = (name: string, isNumbered?: boolean) => string | undefined

/**
 * The NameQuery for a cloud that may compare names by regex, exactly, or by a part. It leaves out the names that differ
 * as a regex, and numbered names, which differ from the requested one.
 */
export const plainName: NameQuery = (name, isNumbered = false) =>
  isNumbered || surrogate.test(name) || /[\\^$*+?()[\]{}|]/.test(name) ? undefined : name

const filterRules = (nameQuery: NameQuery): Readonly<Record<string, FilterRule>> => ({
  name: {
    name: 'name',
    toValues (name) {
      const query = nameQuery(name)
      return query === undefined ? undefined : [query]
    }
  },
  image_id: { name: 'image', toValues: (id) => (uuid.test(id) ? [id] : undefined) }
})

const stateRule: Readonly<Record<string, FilterRule>> = {
  state: { name: 'status', toValues: (state) => statuses[state] }
}

/**
 * Translates the filters that Nova can apply to parameters of `/servers/detail`. `size_id` is not
 * among them: Nova looks for the flavor that has this id now, and misses the servers of a flavor
 * that was deleted since.
 */
export function toServerQuery (
  filters: Filters,
  nameQuery: NameQuery = namePattern
): Record<string, string | readonly string[]> {
  const states = translateFilters(filters, stateRule, Infinity)
  return {
    ...toQuery(filters, filterRules(nameQuery)),
    ...Object.fromEntries(states.map(({ name, values }) => [name, values]))
  }
}
