import type { Collection } from 'openstack-client'
import { ProblemError } from '../../../openapi/model/index.ts'
import type { Call } from '../../call.ts'
import type { Filters } from '../../driver.ts'
import { encodeId, malformed, type Client, type Send } from '../client/client.ts'
import { surrogate } from '../client/filters.ts'
import { tagQuery } from '../client/list-tags.ts'
import { readFrom } from '../client/paging.ts'
import { resources } from '../client/resources.ts'

/** What all of Neutron's resources have. */
export interface NeutronObject {
  id: string
  name?: string | null
  description?: string | null
  status?: string | null
  created_at?: string
  updated_at?: string
  tags?: string[]
}

type Query = Record<string, unknown>

const upstream = { service: 'network' } as const
/** Pages must have an order, and one that what is created or deleted between two of them does not move. */
const order = { sort_key: 'id', sort_dir: 'asc' }
/** 100 ids make a URL of 5 kB; servers take 8 kB. */
const most = 100

/** Some of Neutron's lists begin anew where the marker is gone, and do not say so; then they are not in order. */
function mustFollow (items: readonly NeutronObject[], marker: string | undefined) {
  if (marker === undefined || items.every(({ id }) => id.toLowerCase() > marker.toLowerCase())) return
  throw new ProblemError('resource_not_found', 'The marker is gone')
}

/** The calls of Neutron, the same for all that it has. */
export function createNeutron (client: Client) {
  const read = <T extends NeutronObject>(resource: Collection, query: Query, call: Call) =>
    client.list<T>(upstream, call, (token, region, headers) => resource.list(token, region, query, headers))

  /** All that match: a list that is cut has its links followed. */
  const all = async <T extends NeutronObject>(resource: Collection, query: Query, call: Call): Promise<T[]> => {
    const items: T[] = []
    let marker: string | null = null
    do {
      const page: { items: T[], next: string | null } = await read<T>(resource, { ...query, ...(marker === null ? {} : { marker }) }, call)
      items.push(...page.items)
      marker = page.next
    } while (marker !== null)
    return items
  }

  const change = (call: Call, send: Send) => client.change(upstream, call, send)

  return {
    all,
    change,

    /** One page, in the order of ids, at a token of `readFrom`. */
    page: <T extends NeutronObject>(resource: Collection, query: Query, token: string | null, call: Call) =>
      readFrom(token, async ({ marker }) => {
        const page = await read<T>(resource, { ...query, ...order, ...(marker === undefined ? {} : { marker }) }, call)
        mustFollow(page.items, marker)
        return page
      }),

    /** All whose `field` is one of these: one call for each hundred, none for none. */
    async allOf<T extends NeutronObject> (
      resource: Collection, field: string, values: readonly string[], query: Query, call: Call
    ): Promise<T[]> {
      const chunks = Array.from({ length: Math.ceil(values.length / most) }, (_, i) => values.slice(i * most, (i + 1) * most))
      return (await Promise.all(chunks.map((chunk) => all<T>(resource, { ...query, [field]: chunk }, call)))).flat()
    },

    /** Throws resource_not_found. */
    show: <T extends NeutronObject>(resource: Collection, id: string, call: Call) =>
      client.show<T>(upstream, call, (token, region, headers) => resource.show(token, region, encodeId(id), {}, headers)),

    async create<T extends NeutronObject> (resource: Collection, body: object, call: Call): Promise<T> {
      const made = await change(call, (token, region, headers) => resource.create(token, region, body, {}, headers))
      if (typeof (made as T | undefined)?.id !== 'string') throw malformed('network', false)
      return made as T
    },

    update: (resource: Collection, id: string, body: object, call: Call) =>
      change(call, (token, region, headers) => resource.update(token, region, encodeId(id), body, {}, headers)),

    async remove (resource: Collection, id: string, call: Call) {
      await change(call, (token, region, headers) => resource.del(token, region, encodeId(id), undefined, {}, headers))
    },

    /** Puts a list of tags in the place of the old one. */
    async retag (path: string, id: string, tags: readonly string[], call: Call) {
      await change(call, (token, region, headers) =>
        resources.networkTags.replace(token, region, path, encodeId(id), { tags }, {}, headers))
    }
  }
}

export type Neutron = ReturnType<typeof createNeutron>

/** The filters that all lists of Neutron can apply: it compares names as they are. */
export function neutronFilters ({ name, tag }: Filters): { query: Query, applied: string[] } {
  const [wanted = ''] = name?.length === 1 ? name : []
  const exact = wanted !== '' && !wanted.includes('*') && !surrogate.test(wanted)
  const tags = tagQuery(tag)
  return {
    query: { ...(exact ? { name: wanted } : {}), ...tags },
    applied: [...(exact ? ['name'] : []), ...('tags' in tags ? ['tag'] : [])]
  }
}
