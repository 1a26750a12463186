import { ProblemError, type NodeVerb, type NodeVerbInput } from '../../../openapi/model/index.ts'
import type { Call } from '../../call.ts'
import type { Change, NodeService, Until } from '../../driver.ts'
import { encodeId, type Client, type Send } from '../client/client.ts'
import { situationOf, type Server } from './node-mapping.ts'
import type { NodePorts } from './node-ports.ts'
import { imageFields, sizeFields, type RefusedField, type Refusals } from './refusals.ts'
import { resources } from '../client/resources.ts'

export interface ActionsOptions {
  client: Client
  refusals: Refusals
  read: (id: string, call: Call) => Promise<Server>
  /** The actions that the driver has. */
  can: ReadonlySet<string>
  /** Where the cloud has Neutron. */
  ports?: NodePorts | undefined
}

interface Action<V extends NodeVerb> {
  /** The body of `POST /servers/{id}/action`. */
  body: (input: NodeVerbInput[V]) => Record<string, unknown>
  until: Until
  fields?: readonly RefusedField[]
}

type Actions = { [V in Exclude<NodeVerb, 'resume'>]: Action<V> }

/** What a change of shape ends in: running or stopped as the server was before, but not in VERIFY_RESIZE, which runs too. */
const settled: Until = { states: ['running', 'stopped'], provider_states: ['ACTIVE', 'SHUTOFF'] }

/**
 * Nova's server actions. All set the task that shows the transition before they answer, except confirm_resize, whose
 * server stays in VERIFY_RESIZE for a moment (seen), which its `provider_states` rule out.
 */
const actions: Actions = {
  start: { body: () => ({ 'os-start': null }), until: { states: ['running'] } },
  stop: { body: () => ({ 'os-stop': null }), until: { states: ['stopped'] } },
  reboot: { body: ({ type = 'soft' }) => ({ reboot: { type: type.toUpperCase() } }), until: { states: ['running'] } },
  pause: { body: () => ({ pause: null }), until: { states: ['paused'] } },
  suspend: { body: () => ({ suspend: null }), until: { states: ['suspended'] } },
  shelve: { body: () => ({ shelve: null }), until: { states: ['suspended'], provider_states: ['SHELVED', 'SHELVED_OFFLOADED'] } },
  rescue: {
    body: ({ image_id: image }) => ({ rescue: image === undefined ? null : { rescue_image_ref: image } }),
    until: { states: ['rescued'] },
    fields: imageFields
  },
  unrescue: { body: () => ({ unrescue: null }), until: { states: ['running'] } },
  resize: {
    body: ({ size_id: size }) => ({ resize: { flavorRef: size } }),
    until: { states: ['running'], provider_states: ['VERIFY_RESIZE'] },
    fields: sizeFields
  },
  confirm_resize: { body: () => ({ confirmResize: null }), until: settled },
  revert_resize: { body: () => ({ revertResize: null }), until: settled },
  rebuild: { body: ({ image_id: image }) => ({ rebuild: { imageRef: image } }), until: settled, fields: imageFields },
  restore: { body: () => ({ restore: null }), until: settled }
}

/** What takes a server back to work, by its status. */
const resumes: Readonly<Record<string, string>> = {
  PAUSED: 'unpause', SUSPENDED: 'resume', SHELVED: 'unshelve', SHELVED_OFFLOADED: 'unshelve'
}

/** The verbs of a node, and its end. */
export function createActions ({ client, refusals, read, can, ports }: ActionsOptions) {
  const change = async (id: string, call: Call, fields: readonly RefusedField[], send: Send) => {
    try {
      return await client.change({ service: 'compute' }, call, send)
    } catch (error) {
      throw await refusals.explain(error, fields, call, id)
    }
  }

  const act = async (id: string, body: object, until: Until, call: Call, fields: readonly RefusedField[] = []): Promise<Change> => {
    const answer = await change(id, call, fields, (token, region, headers) =>
      resources.serverAction.create(token, region, encodeId(id), body, {}, headers))
    return { ...changed(id, until), ...withSecrets(answer) }
  }

  const verbs = Object.fromEntries(Object.entries(actions).map(([verb, { body, until, fields }]) => {
    const run = (id: string, input: never, call: Call) => act(id, body(input), until, call, fields)
    return [verb, run]
  })) as Pick<NodeService, Exclude<NodeVerb, 'resume'>>

  return {
    ...verbs,
    async resume (id: string, _input: NodeVerbInput['resume'], call: Call) {
      const server = await read(id, call)
      const action = resumes[server.status]
      if (action === undefined) {
        const { state, actions: allowed } = situationOf(server, can)
        throw new ProblemError('invalid_state', `Only a paused, suspended or shelved node can be resumed; this one is ${state}`,
          { state, allowed_actions: allowed })
      }
      return act(id, { [action]: null }, { states: ['running'] }, call)
    },
    async destroy (id: string, call: Call) {
      const own = await ports?.ownOf(id, call) ?? []
      await change(id, call, [], (token, region, headers) => resources.server.del(token, region, encodeId(id), undefined, {}, headers))
      await ports?.release(own, call)
      return changed(id, { states: [], gone: true })
    }
  }
}

const changed = (id: string, until: Until): Change => ({ resources: [{ kind: 'node', id }], until })

/** The password that Nova has set: a rescue answers `{adminPass}`, a rebuild `{server: {adminPass}}`; clouds may switch it off. */
export function withSecrets (answer: unknown): Pick<Change, 'secrets'> {
  const { adminPass, server } = (answer ?? {}) as { adminPass?: unknown, server?: { adminPass?: unknown } }
  const password = adminPass ?? server?.adminPass
  return typeof password === 'string' ? { secrets: { admin_password: password } } : {}
}
