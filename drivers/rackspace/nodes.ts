import { Type } from 'typebox'
import { ProblemError, type Console } from '../../openapi/model/index.ts'
import type { Call } from '../call.ts'
import type { Change, Identity, NodeService } from '../driver.ts'
import { createNodes as createNovaNodes, encodeId, malformed, resources, type Client } from '../openstack/public.ts'
import { createNics } from './nics.ts'

/** What this cloud alone can do at a creation, under Nova's names. */
export const createOptions = Type.Object({
  config_drive: Type.Optional(Type.Boolean({ description: 'Hand metadata and user data to the node on a drive of its own.' })),
  disk_config: Type.Optional(Type.Enum(['AUTO', 'MANUAL'], {
    type: 'string', description: 'AUTO: the root partition takes the whole disk; MANUAL: as the image has it.'
  }))
}, { additionalProperties: false })

/**
 * What Rackspace documents of Nova's actions, and `os-start` and `os-stop`, which servers of some flavors take. There is
 * no pausing, suspending, shelving, locking or restoring.
 */
const methods = new Set([
  'list', 'get', 'create', 'findCreated', 'update', 'destroy', 'start', 'stop', 'reboot', 'resize', 'confirm_resize', 'revert_resize', 'rebuild',
  'rescue', 'unrescue'
])

/** Servers of Rackspace as nodes. */
export function createNodes (client: Client, identify: (id: string) => Identity): NodeService {
  const nodes = createNovaNodes({ client, driver: 'rackspace', identify, methods })
  return {
    ...nodes,
    start: ofSomeFlavors(nodes.start!, 'nodes.start'),
    stop: ofSomeFlavors(nodes.stop!, 'nodes.stop'),
    ...createNics(client),
    console: createConsole(client)
  }
}

type Verb = (id: string, input: object, call: Call) => Promise<Change>

/** A server whose flavor cannot be stopped is told from one that is in the wrong state: Nova knows no such action then, or forbids it. */
const ofSomeFlavors = (verb: Verb, capability: string): Verb => async (id, input, call) => {
  try {
    return await verb(id, input, call)
  } catch (error) {
    if (!(error instanceof ProblemError)) throw error
    const unknown = error.code === 'provider_rejected' && /no such action/i.test(error.message)
    if (!unknown && error.code !== 'provider_permission_denied' && error.code !== 'not_supported') throw error
    throw new ProblemError('not_supported', `Rackspace does not start and stop nodes of this size: ${error.message}`, {
      ...error.details, capability, cause: error, hint: 'Only nodes of some sizes can be stopped. Stop it from inside, or make an image and destroy it.'
    })
  }
}

/** The screen of a node, by Rackspace's only kind of console. What a node has written is not told. */
const createConsole = (client: Client) => async (id: string, kind: Console['kind'], call: Call): Promise<Console> => {
  if (kind === 'text') {
    throw new ProblemError('not_supported', 'This cloud does not tell what a node has written', {
      driver: 'rackspace', capability: 'nodes.console.text', hint: 'Ask with `kind=url`.'
    })
  }
  const { console } = await client.show<{ console?: { url?: unknown } }>({ service: 'compute' }, call, (token, region, headers) =>
    resources.serverAction.create(token, region, encodeId(id), { 'os-getVNCConsole': { type: 'xvpvnc' } }, {}, headers))
  if (typeof console?.url !== 'string') throw malformed('compute', true)
  return { kind, text: null, url: console.url, expires_at: null }
}
