import type { AuditEntry } from '../../openapi/model/index.ts'
import type { Store, Tables } from '../store/index.ts'
import { newestFirst, type NewestFirst } from '../store/newest-first.ts'

export interface AuditQuery extends NewestFirst {
  callers?: readonly string[] | undefined
  clouds?: readonly string[] | undefined
  actions?: readonly string[] | undefined
  outcomes?: readonly string[] | undefined
  operation?: string | undefined
}

function toColumns (
  { id, created_at, action, cloud, outcome, operation, ...content }: AuditEntry
): Tables['audit'] {
  const caller = content.caller?.id ?? null
  return {
    id,
    created_at,
    caller,
    action,
    cloud,
    outcome,
    operation,
    content: JSON.stringify(content)
  }
}

const fromColumns = ({ caller, content, ...columns }: Tables['audit']) =>
  ({ ...columns, ...JSON.parse(content) as object }) as AuditEntry

/** Reads and writes the audit. All methods throw store_unavailable if the store fails. */
export function createAuditRows (store: Store) {
  return {
    /** Writes entries in one transaction, over those with the same ids. */
    async write (entries: readonly AuditEntry[]) {
      if (entries.length === 0) return
      await store.commit(entries.map((entry) => {
        const { id, ...columns } = toColumns(entry)
        return store.insertInto('audit').values({ id, ...columns })
          .onConflict((conflict) => conflict.column('id').doUpdateSet(columns))
      }))
    },

    /** Returns entries, the newest first. */
    async list (query: AuditQuery): Promise<AuditEntry[]> {
      const { callers, clouds, actions, outcomes, operation, ...page } = query
      let select = newestFirst(store.selectFrom('audit').selectAll(), page)
      if (callers !== undefined) select = select.where('caller', 'in', callers)
      if (clouds !== undefined) select = select.where('cloud', 'in', clouds)
      if (actions !== undefined) select = select.where('action', 'in', actions)
      if (outcomes !== undefined) select = select.where('outcome', 'in', outcomes)
      if (operation !== undefined) select = select.where('operation', '=', operation)
      return (await select.execute()).map(fromColumns)
    },

    async purge (before: string) {
      await store.deleteFrom('audit').where('created_at', '<', before).execute()
    }
  }
}
