import { ProblemError } from '../../openapi/model/index.ts'
import type { Call } from '../call.ts'
import { describe, type Change, type Identity, type NodeService } from '../driver.ts'
import {
  bind,
  createNodes as createNovaNodes,
  malformed,
  plainName,
  resources,
  userDataBytes,
  type Client
} from '../openstack/public.ts'
import { explaining } from '../common/refusals.ts'
import { createNics } from './nics.ts'

export const capabilities = describe<NodeService>({
  list: { filters: ['name', 'state', 'image_id'], limits: { limit: 1000 } },
  create: {
    parameters: [
      'name',
      'image_id',
      'size_id',
      'key_pair_name',
      'user_data',
      'networks',
      'networks.network_id',
      'tags',
      'root_volume',
      'root_volume.size',
      'root_volume.delete_on_termination',
      'provider_options',
      'provider_options.rackspace.config_drive',
      'provider_options.rackspace.disk_config'
    ],
    limits: { user_data_bytes: userDataBytes, tag_characters: 255 }
  },
  update: { parameters: ['name', 'tags'], limits: { tag_characters: 255 } },
  reboot: { parameters: ['type'] },
  rescue: { parameters: ['image_id'] },
  resize: { parameters: ['size_id'] },
  rebuild: { parameters: ['image_id'] },
  attach_nic: { parameters: ['network_id'], required: ['network_id'] },
  console: { parameters: ['kind.url'] }
})

/**
 * Nova's actions that Rackspace documents, and `os-start` and `os-stop`, which servers of some
 * flavors accept. Rackspace has no pause, suspend, shelve, lock and restore.
 */
const methods = new Set([
  'list',
  'get',
  'create',
  'checkCreate',
  'findCreated',
  'update',
  'destroy',
  'start',
  'stop',
  'reboot',
  'resize',
  'confirm_resize',
  'revert_resize',
  'rebuild',
  'rescue',
  'unrescue'
])

/** Servers of Rackspace. */
export function createNodes (client: Client, identify: (id: string) => Identity): NodeService {
  const nodes = createNovaNodes({
    client,
    driver: 'rackspace',
    identify,
    methods,
    nameQuery: plainName
  })
  return {
    ...nodes,
    start: explainUnsupported(nodes.start!, 'nodes.start'),
    stop: explainUnsupported(nodes.stop!, 'nodes.stop'),
    ...createNics(client),
    console: createConsole(client)
  }
}

type Verb = (id: string, input: object, call: Call) => Promise<Change>

/**
 * Distinguishes a flavor that cannot be stopped from a wrong state: Nova then forbids the action or
 * does not know it.
 */
const explainUnsupported = (verb: Verb, capability: string): Verb => (id, input, call) =>
  explaining(
    (error) => {
      if (!(error instanceof ProblemError)) return error
      const isUnknown = error.code === 'provider_rejected' && /no such action/i.test(error.message)
      if (
        !isUnknown && error.code !== 'provider_permission_denied' && error.code !== 'not_supported'
      ) {
        return error
      }
      return error.with({
        code: 'not_supported',
        detail: `Rackspace does not start and stop nodes of this size: ${error.message}`,
        capability,
        hint:
          'Only nodes of some sizes can be stopped. Stop it from inside, or make an image and destroy it.'
      })
    },
    () => verb(id, input, call)
  )

/** Makes the URL of a node's screen, the only kind of console that Rackspace has. */
function createConsole (client: Client): NodeService['console'] {
  const actions = bind(client, resources.serverAction, { service: 'compute' })

  return async (id, kind, call) => {
    if (kind === 'text') {
      throw new ProblemError(
        'not_supported',
        'This cloud does not provide the text output of a node',
        {
          driver: 'rackspace',
          capability: 'nodes.console.text',
          hint: 'Use `kind=url`.'
        }
      )
    }
    const body = { 'os-getVNCConsole': { type: 'xvpvnc' } }
    const answer = await actions.post(id, body, call, { isRead: true })
    const { url } = (answer as { console?: { url?: unknown } }).console ?? {}
    if (typeof url !== 'string') throw malformed('compute', true)
    return { kind, text: null, url, expires_at: null }
  }
}
