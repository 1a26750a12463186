import type { Node, NodeUpdate } from '../../../openapi/model/index.ts'
import type { Call } from '../../call.ts'
import { encodeId, type Client } from '../client/client.ts'
import { createRetag } from '../client/metadata.ts'
import type { RefusedField, Refusals } from './refusals.ts'
import { resources } from '../client/resources.ts'
import { runSteps, step, type Step } from '../../steps.ts'
import { checkTags } from '../../tags.ts'
import { novaTags } from '../client/tags.ts'

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
  const retag = createRetag(client, 'compute', resources.serverMetadata)

  const act = (id: string, action: string, call: Call) => client.change({ service: 'compute' }, call, (token, region, headers) =>
    resources.serverAction.create(token, region, encodeId(id), { [action]: null }, {}, headers))

  const rename = (id: string, name: string, call: Call) => client.change({ service: 'compute' }, call, (token, region, headers) =>
    resources.server.update(token, region, encodeId(id), { name }, {}, headers))

  /** What is locked takes no tags, so it is unlocked first and locked last. */
  const stepsOf = (id: string, { name, tags, protected: lock }: NodeUpdate, call: Call): Step[] => [
    ...step('protected', lock === false ? 'unlock' : undefined, (action) => act(id, action, call)),
    ...step('name', name, (value) => rename(id, value, call)),
    ...step('tags', tags, (value) => retag(id, value, call)),
    ...step('protected', lock === true ? 'lock' : undefined, (action) => act(id, action, call))
  ]

  return {
    async update (id: string, patch: NodeUpdate, call: Call): Promise<Node> {
      checkTags(patch.tags ?? {}, novaTags)
      return runSteps(stepsOf(id, patch, call), () => get(id, call), (error) => refusals.explain(error, fields, call, id))
    }
  }
}
