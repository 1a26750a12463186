import type { ReadService } from '../../driver.ts'
import { toQuery, type FilterRule } from '../../common/filters.ts'
import type { Bound } from './bind.ts'

/**
 * Makes `list` and `get` of resources that are read without other calls. `rules` are the filters of
 * the cloud.
 */
export function createReadService<Raw, T> (
  resource: Pick<Bound<Raw>, 'page' | 'show'>,
  convert: (raw: Raw, extra: boolean) => T,
  rules: Readonly<Record<string, FilterRule>> = {}
): ReadService<T> {
  return {
    async list ({ limit, token, filters, extra }, call) {
      const query = { ...toQuery(filters, rules), limit }
      const { items, next } = await resource.page(query, token, call)
      return { items: items.map((raw) => convert(raw, extra)), next }
    },
    async get (id, { extra }, call) {
      return convert(await resource.show(id, call), extra)
    }
  }
}
