import { pathOf, type CollectionName } from '../../../drivers/driver.ts'
import type { Context } from '../context.ts'
import { ids, type Case } from './case.ts'

type Make = (context: Context) => Promise<unknown>

interface Listed { id: string, name: string | null, state: string, created_at: string | null }

/** The collections whose states and times can be filtered. */
const withStates: ReadonlySet<string> = new Set(
  ['nodes', 'images', 'volumes', 'snapshots', 'networks', 'routers', 'floating_ips'])

/** Compares filters beyond equality with the whole list, whether the cloud applies a part of them or not. */
async function filtersHold ({ t, api, base }: Context, service: CollectionName, items: readonly Listed[]) {
  const same = async (query: string, fits: (item: Listed) => boolean) => {
    const found = await api.walk(`${base}/${pathOf(service)}?limit=2&${query}`)
    t.same(ids(found.items).sort(), ids(items.filter(fits)).sort(), `filter ${query}`)
  }
  const name = items.find((item) => (item.name?.length ?? 0) > 2)?.name
  if (typeof name === 'string') {
    const part = name.slice(1, -1)
    await same(`name=${encodeURIComponent(`*${part}*`)}`, (item) => item.name?.includes(part) === true)
  }
  if (!withStates.has(service)) return
  const { state } = items[0]!
  await same(`exclude_state=${state}`, (item) => item.state !== state)
  await same(`state=${state}&exclude_state=${state}`, () => false)
  const times = items.flatMap(({ created_at: time }) => time ?? []).sort()
  const middle = times[times.length >> 1] ?? '2026-01-01T00:00:00.000Z'
  const timeOf = (item: Listed) => item.created_at === null ? NaN : Date.parse(item.created_at)
  await same(`created_after=${middle}`, (item) => timeOf(item) >= Date.parse(middle))
  await same(`created_before=${middle}`, (item) => timeOf(item) < Date.parse(middle))
}

/** Goes through a collection: list, pages, by name, over all clouds, extra; get, and an id there is not. */
export function reading (service: CollectionName, atLeast: number, make?: Make): Record<string, Case> {
  const collection = pathOf(service)
  return {
    [`${service}.list`]: {
      title: `lists ${service}, the same through small pages, and by name`,
      async run (context) {
        const { t, api, base, cloud, has } = context
        const canMake = make !== undefined && has(`${service}.create`)
        if (canMake) await make(context)
        const { items } = await api.walk(`${base}/${collection}`)
        if (make === undefined || canMake) t.ok(items.length >= atLeast, `there are ${atLeast} or more`)
        if (items.length === 0) return
        const small = await api.walk(`${base}/${collection}?limit=1`)
        t.same(ids(small.items), ids(items), 'pages of one tell the same')
        const first = items.find((item) => item.name !== null) ?? items[0]
        t.equal(first.cloud, cloud)
        t.equal(first.extra, undefined, 'extra only where it is asked for')
        // Resources of a kind may have no names.
        const byName = first.name === null ? '' : `name=${encodeURIComponent(first.name)}`
        const named = await api.walk(`${base}/${collection}?${byName}`)
        t.ok(named.items.some(({ id }: { id: string }) => id === first.id), 'its name finds it')
        const all = await api.walk(`/api/v2/${collection}?cloud=${cloud}`)
        t.same(ids(all.items), ids(items), 'the list over all clouds tells the same')
        const extra = await api.walk(`${base}/${collection}?include=extra&${byName}`)
        t.type(extra.items[0]?.extra, 'object', 'extra is there where it is asked for')
        await filtersHold(context, service, items)
      }
    },
    [`${service}.get`]: {
      title: `gets each of its ${service}, and 404 for one there is not`,
      async run (context) {
        const { t, api, base, absent, has, problem } = context
        if (has(`${service}.create`)) await make?.(context)
        const { items } = await api.walk(`${base}/${collection}`)
        for (const item of items.slice(0, 5)) {
          const { status, body } = await api.get(item.self)
          t.equal(status, 200)
          t.match(body, { id: item.id, name: item.name, self: item.self })
        }
        problem(
          await api.get(`${base}/${collection}/${encodeURIComponent(absent[service])}`),
          404,
          'resource_not_found'
        )
      }
    }
  }
}
