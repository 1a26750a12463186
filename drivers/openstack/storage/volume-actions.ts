import { defres, type Write } from 'openstack-client'
import { ProblemError, type FieldError, type VolumeAttach, type VolumeDetach, type VolumeExtend } from '../../../openapi/model/index.ts'
import type { Call } from '../../call.ts'
import type { Change, Until } from '../../driver.ts'
import { cinder } from './cinder.ts'
import { encodeId, type Client, type Upstream } from '../client/client.ts'
import { microversions } from '../client/microversions.ts'
import { nodesOf, type CinderVolume } from './volume-mapping.ts'
import { attachFields, explainVolume, sizeFields } from './volume-refusals.ts'
import { volumeState } from './volume-states.ts'

const attachment = defres<{ create: Write<[node: string]>, del: Write<[node: string, volume: string]> }>(
  'compute', '/servers/:server_id/os-volume_attachments', 'volumeAttachment', { only: ['create', 'del'] })

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i

const changed = (id: string, until: Until): Change => ({ resources: [{ kind: 'volume', id }], until })

/**
 * Attaching and detaching, which is Nova's to do, and extending, which is Cinder's. All of them set the state that shows
 * the transition (reserved, detaching, extending) before they answer.
 */
export function createVolumeActions (client: Client, read: (id: string, call: Call) => Promise<CinderVolume>) {
  const extendAt = (upstream: Upstream, id: string, size: number, call: Call) => client.change(upstream, call, (token, region, headers) =>
    cinder.volumeAction.create(token, region, encodeId(id), { 'os-extend': { new_size: size } }, {}, headers))

  return {
    async attach (id: string, { node_id: node, device }: VolumeAttach, call: Call): Promise<Change> {
      if (!uuid.test(node)) throw invalid('/node_id', 'is not the id of a node of this cloud')
      const body = { volumeId: id, ...(device === undefined ? {} : { device }) }
      try {
        await client.change({ service: 'compute' }, call, (token, region, headers) =>
          attachment.create(token, region, encodeId(node), body, {}, headers))
        return changed(id, { states: ['in_use'] })
      } catch (error) {
        throw await explainVolume(error, attachFields, (again) => read(id, again), call)
      }
    },

    async detach (id: string, { node_id: given }: VolumeDetach, call: Call): Promise<Change> {
      const volume = await read(id, call)
      const nodes = nodesOf(volume).map(({ node }) => node)
      const node = chooseNode(volume, nodes, given)
      try {
        await client.change({ service: 'compute' }, call, (token, region, headers) =>
          attachment.del(token, region, encodeId(node), encodeId(id), undefined, {}, headers))
        // One that hangs on several nodes stays in use.
        return changed(id, { states: [nodes.length > 1 ? 'in_use' : 'available'] })
      } catch (error) {
        throw explainDetach(error)
      }
    },

    async extend (id: string, { size }: VolumeExtend, call: Call): Promise<Change> {
      try {
        await extendAt({ service: 'volume', version: microversions.extendAttached }, id, size, call).catch((error: unknown) => {
          // An older Cinder extends what is not attached.
          if (!(error instanceof ProblemError) || error.code !== 'not_supported' || error.details.capability !== undefined) throw error
          return extendAt({ service: 'volume' }, id, size, call)
        })
        return changed(id, { states: ['available', 'in_use'] })
      } catch (error) {
        throw await explainVolume(error, sizeFields, (again) => read(id, again), call)
      }
    }
  }
}

/** The node to detach from. Throws where there is none, or more than one and none was named. */
function chooseNode (volume: CinderVolume, nodes: readonly string[], given: string | undefined): string {
  const state = volumeState(volume.status)
  if (nodes.length === 0) {
    throw new ProblemError('invalid_state', `The volume is ${state} and attached to no node`, { state, hint: 'There is nothing to detach.' })
  }
  if (given === undefined && nodes.length > 1) throw invalid('/node_id', `is required: the volume is attached to ${nodes.join(', ')}`)
  const node = given ?? nodes[0]!
  if (!nodes.includes(node)) throw invalid('/node_id', `is not where the volume is attached, which is ${nodes.join(', ')}`)
  return node
}

/** Nova answers 403 or 400 to the volume that a node boots from. */
function explainDetach (error: unknown) {
  if (!(error instanceof ProblemError) || !/root device/i.test(error.details.provider_error?.message ?? '')) return error
  return new ProblemError('in_use', error.message, { ...error.details, cause: error, hint: 'The node boots from it: destroy the node.' })
}

function invalid (pointer: string, message: string) {
  const errors: FieldError[] = [{ in: 'body', pointer, message }]
  return new ProblemError('validation_failed', `${pointer} ${message}`, { errors })
}
