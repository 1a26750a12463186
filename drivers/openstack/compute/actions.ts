import {
  ProblemError,
  type NodeUpdate,
  type NodeVerb,
  type NodeVerbInput
} from '../../../openapi/model/index.ts'
import type { Call } from '../../call.ts'
import { toChange, untilGone } from '../../common/changes.ts'
import type { Change, NodeService, Until } from '../../driver.ts'
import type { FieldRefusal } from '../../common/refusals.ts'
import { runSteps, step, type Step } from '../../common/steps.ts'
import { checkTags } from '../../common/tags.ts'
import { bind, type ChangeOptions } from '../client/bind.ts'
import type { Client } from '../client/client.ts'
import { patchMetadata } from '../client/metadata.ts'
import { microversions, type Microversion } from '../client/microversions.ts'
import { resources } from '../client/resources.ts'
import { novaTags } from '../client/tags.ts'
import { situationOf, type Abilities } from './node-mapping.ts'
import type { NodePorts } from './node-ports.ts'
import { imageFields, rescueFields, sizeFields, updateFields } from './refusals.ts'
import type { Servers } from './servers.ts'

export interface ActionsOptions {
  client: Client
  servers: Servers
  get: NodeService['get']
  can: Abilities
  /** Undefined if the cloud has no Neutron. */
  ports?: NodePorts | undefined
}

interface Action<V extends NodeVerb> {
  /** Makes the body of `POST /servers/{id}/action`. */
  body: (input: NodeVerbInput[V]) => Record<string, unknown>
  until: Until
  fields?: readonly FieldRefusal[]
  version?: Microversion
}

type ActionVerb = Exclude<NodeVerb, 'resume'>

/**
 * The end of a change of shape: running or stopped as before, but not VERIFY_RESIZE, which is
 * running too.
 */
const settled: Until = { states: ['running', 'stopped'], provider_states: ['ACTIVE', 'SHUTOFF'] }

/**
 * Nova's server actions. Each sets the task of the transition before it answers. The exception is
 * confirm_resize, whose server stays in VERIFY_RESIZE for a moment (observed); its
 * `provider_states` exclude that.
 */
const actions: { [V in ActionVerb]: Action<V> } = {
  start: { body: () => ({ 'os-start': null }), until: { states: ['running'] } },
  stop: { body: () => ({ 'os-stop': null }), until: { states: ['stopped'] } },
  reboot: {
    body: ({ type = 'soft' }) => ({ reboot: { type: type.toUpperCase() } }),
    until: { states: ['running'] }
  },
  pause: { body: () => ({ pause: null }), until: { states: ['paused'] } },
  suspend: { body: () => ({ suspend: null }), until: { states: ['suspended'] } },
  shelve: {
    body: () => ({ shelve: null }),
    until: { states: ['suspended'], provider_states: ['SHELVED', 'SHELVED_OFFLOADED'] }
  },
  rescue: {
    body: ({ image_id: image }) => ({
      rescue: image === undefined ? null : { rescue_image_ref: image }
    }),
    until: { states: ['rescued'] },
    fields: rescueFields,
    version: microversions.rescueVolume
  },
  unrescue: { body: () => ({ unrescue: null }), until: { states: ['running'] } },
  resize: {
    body: ({ size_id: size }) => ({ resize: { flavorRef: size } }),
    until: { states: ['running'], provider_states: ['VERIFY_RESIZE'] },
    fields: sizeFields
  },
  confirm_resize: { body: () => ({ confirmResize: null }), until: settled },
  revert_resize: { body: () => ({ revertResize: null }), until: settled },
  rebuild: {
    body: ({ image_id: image }) => ({ rebuild: { imageRef: image } }),
    until: settled,
    fields: imageFields,
    version: microversions.rebuildVolume
  },
  restore: { body: () => ({ restore: null }), until: settled }
}

/** The action that resumes a server, by its status. */
const resumeActions: Readonly<Record<string, string>> = {
  PAUSED: 'unpause',
  SUSPENDED: 'resume',
  SHELVED: 'unshelve',
  SHELVED_OFFLOADED: 'unshelve'
}

/** The verbs of a node, its update and its deletion. */
export function createActions ({ client, servers, get, can, ports }: ActionsOptions) {
  const metadata = bind<Record<string, string>>(client, resources.serverMetadata, {
    service: 'compute',
    explain: servers.explain
  })

  const act = async (
    id: string,
    body: object,
    until: Until,
    call: Call,
    options: ChangeOptions = {}
  ) => {
    const answer = await servers.actions.post(id, body, call, options)
    return { ...toChange('node', id, until), secrets: secretsOf(answer) }
  }

  const verbs = Object.fromEntries(
    Object.entries(actions).map(([verb, { body, until, fields, version }]) => {
      const run = (id: string, input: never, call: Call) =>
        act(id, body(input), until, call, { fields, version })
      return [verb, run]
    })
  ) as Pick<NodeService, ActionVerb>

  /** A locked server accepts no tags, so it is unlocked first and locked last. */
  const toSteps = (
    id: string,
    { name, tags, protected: isProtected }: NodeUpdate,
    call: Call
  ): Step[] => {
    const refusals = { fields: updateFields }
    const lock = (action: string) => servers.actions.post(id, { [action]: null }, call)
    return [
      ...step('protected', isProtected === false ? 'unlock' : undefined, lock),
      ...step('name', name, (value) => servers.changes.update(id, { name: value }, call, refusals)),
      ...step('tags', tags, (value) => patchMetadata(metadata, id, value, call, refusals)),
      ...step('protected', isProtected === true ? 'lock' : undefined, lock)
    ]
  }

  return {
    ...verbs,

    async resume (id, _input, call) {
      const server = await servers.show(id, call)
      const action = resumeActions[server.status]
      if (action === undefined) {
        const { state, actions: allowed } = situationOf(server, can)
        const detail =
          `Only a paused, suspended or shelved node can be resumed; this one is ${state}`
        throw new ProblemError('invalid_state', detail, { state, allowed_actions: allowed })
      }
      return act(id, { [action]: null }, { states: ['running'] }, call)
    },

    async update (id, patch, call) {
      checkTags(patch.tags, novaTags)
      return runSteps(toSteps(id, patch, call), () => get(id, { extra: false }, call))
    },

    async destroy (id, call) {
      const own = (await ports?.ownOf(id, call)) ?? []
      await servers.changes.remove(id, call)
      await ports?.release(own, call)
      return toChange('node', id, untilGone)
    }
  } satisfies Partial<NodeService>
}

/**
 * Finds the password that Nova has set. A rescue answers `{adminPass}`, a create and a rebuild
 * `{server: {adminPass}}`; clouds may switch it off.
 */
export function secretsOf (answer: unknown): Change['secrets'] {
  const { adminPass, server } = (answer ?? {}) as {
    adminPass?: unknown
    server?: { adminPass?: unknown }
  }
  const password = adminPass ?? server?.adminPass
  return typeof password === 'string' ? { admin_password: password } : undefined
}
