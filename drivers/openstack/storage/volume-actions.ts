import { defres } from 'openstack-client'
import { ProblemError } from '../../../openapi/model/index.ts'
import type { Call } from '../../call.ts'
import { toChange } from '../../common/changes.ts'
import type { VolumeService } from '../../driver.ts'
import { uuid } from '../../common/ids.ts'
import { invalid } from '../../common/invalid.ts'
import { explaining } from '../../common/refusals.ts'
import { bind, explainMissing } from '../client/bind.ts'
import type { Client } from '../client/client.ts'
import { microversions } from '../client/microversions.ts'
import { cinder } from './cinder.ts'
import { attachedNodes, volumeState, type CinderVolume } from './mapping.ts'
import { attachFields, explainVolume, sizeFields } from './refusals.ts'

const attachmentCalls = defres(
  'compute',
  '/servers/:server_id/os-volume_attachments',
  'volumeAttachment',
  {
    only: ['create', 'del']
  }
)

/**
 * Nova attaches and detaches volumes, Cinder extends them. Each sets the state of the transition
 * (reserved, detaching, extending) before it answers.
 */
export function createVolumeActions (
  client: Client,
  read: (id: string, call: Call) => Promise<CinderVolume>
) {
  const version = microversions.attachVolume
  const attachments = bind(client, attachmentCalls, { service: 'compute', explain: explainMissing })
  const actions = bind(client, cinder.volumeAction, { service: 'volume', explain: explainMissing })

  const reservations = bind<{ instance?: string | null }>(client, cinder.attachment, {
    service: 'volume',
    version: microversions.listAttachments
  })

  /**
   * Finds the nodes of a volume. Nova only reserves the volumes of a shelved and offloaded node, and the volume itself
   * does not show them then. A Cinder that is older than 3.27 does not list them.
   */
  const nodesOf = async (volume: CinderVolume, call: Call) => {
    const nodes = attachedNodes(volume).map(({ node }) => node)
    if (nodes.length > 0 || volume.status !== 'reserved') return nodes
    try {
      const { items } = await reservations.list({ volume_id: volume.id }, call)
      return items.flatMap(({ instance }) => instance ?? [])
    } catch (error) {
      if (error instanceof ProblemError && error.code === 'not_supported') return nodes
      throw error
    }
  }

  /** An older Cinder extends only volumes that are not attached, and does not know the version. */
  const extend = async (id: string, size: number, call: Call) => {
    const body = { 'os-extend': { new_size: size } }
    try {
      await actions.post(id, body, call, {
        fields: sizeFields,
        version: microversions.extendAttached
      })
    } catch (error) {
      const isUnknownVersion = error instanceof ProblemError &&
        error.code === 'not_supported' &&
        error.details.capability === undefined
      if (!isUnknownVersion) throw error
      await actions.post(id, body, call, { fields: sizeFields })
    }
  }

  return {
    async attach (id, { node_id: node, device }, call) {
      if (!uuid.test(node)) throw invalid('/node_id', 'is not the id of a node of this cloud')
      await explaining(
        (error) => explainVolume(error, () => read(id, call)),
        () =>
          attachments.post(node, { volumeId: id, device }, call, { fields: attachFields, version })
      )
      return toChange('volume', id, { states: ['in_use'] })
    },

    async detach (id, { node_id: requested }, call) {
      const volume = await read(id, call)
      const nodes = await nodesOf(volume, call)
      const node = chooseNode(volume, nodes, requested)
      await explaining(explainDetach, () => attachments.of(node).remove(id, call, { version }))
      // A volume with other attachments stays in use.
      return toChange('volume', id, { states: [nodes.length > 1 ? 'in_use' : 'available'] })
    },

    async extend (id, { size }, call) {
      await explaining(
        (error) => explainVolume(error, () => read(id, call)),
        () => extend(id, size, call)
      )
      return toChange('volume', id, { states: ['available', 'in_use'] })
    }
  } satisfies VolumeActions
}

type VolumeActions = Pick<VolumeService, 'attach' | 'detach' | 'extend'>

/** Chooses the node to detach from: the requested one, or the only one. */
function chooseNode (
  volume: CinderVolume,
  nodes: readonly string[],
  requested: string | undefined
): string {
  const [first, ...others] = nodes
  if (first === undefined) {
    const state = volumeState(volume.status)
    const detail = `The volume is ${state} and attached to no node`
    throw new ProblemError('invalid_state', detail, { state, hint: 'There is nothing to detach.' })
  }
  if (requested === undefined && others.length > 0) {
    throw invalid('/node_id', `is required: the volume is attached to ${nodes.join(', ')}`)
  }
  const node = requested ?? first
  if (!nodes.includes(node)) {
    throw invalid('/node_id', `must be a node that the volume is attached to: ${nodes.join(', ')}`)
  }
  return node
}

/** Nova answers 403 or 400 to the detachment of a root volume. */
function explainDetach (error: unknown) {
  if (
    !(error instanceof ProblemError) ||
    !/root device/i.test(error.details.provider_error?.message ?? '')
  ) {
    return error
  }
  return error.with({ code: 'in_use', hint: 'The node boots from it: destroy the node.' })
}
