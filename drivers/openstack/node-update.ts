import { ProblemError, type Node, type NodeUpdate } from '../../openapi/model/index.ts'
import type { Call } from '../call.ts'
import { encodeId, type Client } from './client.ts'
import type { RefusedField, Refusals } from './refusals.ts'
import { resources } from './resources.ts'
import { checkTags } from './tags.ts'

type Tags = NonNullable<NodeUpdate['tags']>

interface Step {
  /** What it changes, as the request names it. */
  field: keyof NodeUpdate
  run: () => Promise<unknown>
}

const fields: readonly RefusedField[] = [
  { said: /'name' value|attribute name/i, pointer: '/name' }, { said: /attribute metadata/i, pointer: '/tags' }
]

export interface UpdateOptions {
  client: Client
  refusals: Refusals
  get: (id: string, call: Call) => Promise<Node>
}

/** Changes of name, tags and protection: a call of Nova for each. */
export function createNodeUpdate ({ client, refusals, get }: UpdateOptions) {
  const act = (id: string, action: string, call: Call) => client.change({ service: 'compute' }, call, (token, region, headers) =>
    resources.serverAction.create(token, region, encodeId(id), { [action]: null }, {}, headers))

  const rename = (id: string, name: string, call: Call) => client.change({ service: 'compute' }, call, (token, region, headers) =>
    resources.server.update(token, region, encodeId(id), { name }, {}, headers))

  /** Keys can be added in one call; to remove some, the whole map is read and written, and a writer in between may lose. */
  const retag = async (id: string, tags: Tags, call: Call) => {
    const removal = Object.values(tags).includes(null)
    const metadata = removal ? merge(await readMetadata(id, call), tags) : tags
    const send = removal ? resources.serverMetadata.replace : resources.serverMetadata.create
    await client.change({ service: 'compute' }, call, (token, region, headers) =>
      send(token, region, encodeId(id), metadata, {}, headers))
  }

  const readMetadata = (id: string, call: Call) =>
    client.show<Record<string, string>>({ service: 'compute' }, call, (token, region, headers) =>
      resources.serverMetadata.read(token, region, encodeId(id), {}, headers))

  /** What is locked takes no tags, so it is unlocked first and locked last. */
  const stepsOf = (id: string, { name, tags, protected: lock }: NodeUpdate, call: Call): Step[] => [
    ...(lock === false ? [{ field: 'protected' as const, run: () => act(id, 'unlock', call) }] : []),
    ...(name === undefined ? [] : [{ field: 'name' as const, run: () => rename(id, name, call) }]),
    ...(tags === undefined || Object.keys(tags).length === 0 ? [] : [{ field: 'tags' as const, run: () => retag(id, tags, call) }]),
    ...(lock === true ? [{ field: 'protected' as const, run: () => act(id, 'lock', call) }] : [])
  ]

  return {
    async update (id: string, patch: NodeUpdate, call: Call): Promise<Node> {
      checkTags(patch.tags ?? {})
      const applied: string[] = []
      try {
        for (const { field, run } of stepsOf(id, patch, call)) {
          await run()
          applied.push(field)
        }
        return await get(id, call)
      } catch (error) {
        throw tellApplied(await refusals.explain(error, fields, call, id), applied)
      }
    }
  }
}

/** A merge patch onto what is there, our own key included. */
function merge (metadata: Record<string, string>, tags: Tags) {
  return Object.fromEntries(Object.entries({ ...metadata, ...tags }).filter(([, value]) => value !== null))
}

/** An update may be several calls: who gets an error must know which of them were made. */
function tellApplied (error: unknown, applied: readonly string[]) {
  if (!(error instanceof ProblemError) || applied.length === 0) return error
  const detail = `${error.message} (already applied: ${applied.join(', ')})`
  return new ProblemError(error.code, detail, { ...error.details, outcomeUnknown: error.outcomeUnknown, cause: error })
}
