import type { Instance, Volume as RawVolume } from '@aws-sdk/client-ec2'
import { ProblemError } from '../../../openapi/model/index.ts'
import type { Call } from '../../call.ts'
import type { VolumeService } from '../../driver.ts'
import { invalid } from '../../common/invalid.ts'
import { explaining } from '../../common/refusals.ts'
import {
  explainFields,
  explainMissing,
  providerCodeOf,
  toChange,
  type Cloud
} from '../client/index.ts'
import { readInstance } from '../compute/instances.ts'
import { nodesOf, toVolumeState } from './volume-mapping.ts'

/** Refusals of AttachVolume. The cloud refuses a volume of another zone because of the node. */
const attachRefusals = [
  { pattern: /^InvalidInstanceID|^InvalidVolume\.ZoneMismatch/, pointer: '/node_id' },
  { pattern: /^InvalidDevice|^InvalidBlockDevice/, pointer: '/device' }
]

function lettersBetween (first: string, last: string) {
  const start = first.charCodeAt(0)
  const length = last.charCodeAt(0) - start + 1
  return Array.from({ length }, (_, index) => String.fromCharCode(start + index))
}

/** In the order of Amazon's advice: `f` to `p` are for volumes; earlier letters may be disks of the host. */
const devices = [
  ...lettersBetween('f', 'z').map((letter) => `/dev/sd${letter}`),
  ...lettersBetween('b', 'd').flatMap((first) =>
    lettersBetween('a', 'z').map((letter) => `/dev/xvd${first}${letter}`)
  )
]

/** `/dev/sdf` and `/dev/xvdf` are names of one device. */
const toDeviceLetters = (device: string) =>
  device.replace(/^\/dev\//, '').replace(/^(xvd|sd|vd|hd)/, '')

/** Returns the first free device name of a node. Throws provider_capacity if all are in use. */
export function findFreeDevice (
  { InstanceId: id, BlockDeviceMappings: mappings = [] }: Instance
): string {
  const used = new Set(mappings.map(({ DeviceName: device = '' }) => toDeviceLetters(device)))
  const free = devices.find((device) => !used.has(toDeviceLetters(device)))
  if (free === undefined) {
    const hint = 'Detach a volume from the node first.'
    throw new ProblemError('provider_capacity', `Node ${id} has no free device name`, { hint })
  }
  return free
}

type VolumeActions = Pick<VolumeService, 'attach' | 'detach' | 'extend'>

/** Attaches, detaches and extends volumes. The state of the attachment shows when an attachment ends. */
export function createVolumeActions (
  { client, dialect }: Cloud,
  read: (id: string, call: Call) => Promise<RawVolume>
): VolumeActions {
  const chooseDevice = async (node: string, call: Call) => {
    const explain = (error: unknown) =>
      explainFields(explainMissing(error, '/node_id'), attachRefusals)
    return findFreeDevice(await explaining(explain, () => readInstance(client, node, call)))
  }

  /** A volume can grow while it is in use. */
  const extend: VolumeService['extend'] = async (id, { size }, call) => {
    const { Size: currentSize = 0 } = await read(id, call)
    if (size < currentSize) {
      throw invalid('/size', `must be at least ${currentSize} GiB, the size of the volume`)
    }
    if (size > currentSize) await client.change('ModifyVolume', { VolumeId: id, Size: size }, call)
    return toChange('volume', id, ['available', 'in_use'])
  }

  return {
    async attach (id, { node_id: node, device }, call) {
      const input = {
        VolumeId: id,
        InstanceId: node,
        Device: device ?? await chooseDevice(node, call)
      }
      await client.change('AttachVolume', input, call, { refusals: attachRefusals })
      return toChange('volume', id, ['in_use'])
    },

    async detach (id, { node_id: requestedNode }, call) {
      const volume = await read(id, call)
      const nodes = nodesOf(volume)
      const node = chooseNode(volume, nodes, requestedNode)
      await explaining(
        explainDetach,
        () => client.change('DetachVolume', { VolumeId: id, InstanceId: node }, call)
      )
      // A volume that was attached to several nodes stays in use.
      return toChange('volume', id, [nodes.length > 1 ? 'in_use' : 'available'])
    },

    extend: dialect.volumeChanges ? extend : undefined
  }
}

/** Chooses the node to detach from. Throws if there is none, or if the request must name one of several. */
function chooseNode (
  volume: RawVolume,
  nodes: readonly string[],
  requestedNode: string | undefined
): string {
  if (nodes.length === 0) {
    const state = toVolumeState(volume, false)
    const hint = 'There is nothing to detach.'
    throw new ProblemError('invalid_state', `The volume is ${state} and attached to no node`, {
      state,
      hint
    })
  }
  if (requestedNode === undefined && nodes.length > 1) {
    throw invalid('/node_id', `is required: the volume is attached to ${nodes.join(', ')}`)
  }
  const node = requestedNode ?? nodes[0]!
  if (!nodes.includes(node)) {
    throw invalid('/node_id', `must be a node that has the volume: ${nodes.join(', ')}`)
  }
  return node
}

/** DetachVolume refuses the root volume of a running node with OperationNotPermitted (Amazon's list of error codes). */
function explainDetach (error: unknown) {
  if (!(error instanceof ProblemError) || providerCodeOf(error) !== 'OperationNotPermitted') {
    return error
  }
  return error.with({
    code: 'in_use',
    hint: 'The node boots from this volume: stop or destroy the node.'
  })
}
