import type { Instance, Volume as EbsVolume } from '@aws-sdk/client-ec2'
import { ProblemError, type VolumeAttach, type VolumeDetach, type VolumeExtend } from '../../../openapi/model/index.ts'
import type { Call } from '../../call.ts'
import type { Change, Until } from '../../driver.ts'
import { invalid } from '../../invalid.ts'
import type { Cloud } from '../client/cloud.ts'
import { readInstance } from '../compute/instances.ts'
import { explainFields, pointMissing, type RefusedField } from '../client/refusals.ts'
import { nodesOf, volumeState } from './volume-mapping.ts'

type Read = (id: string, call: Call) => Promise<EbsVolume>

/** Refusals of AttachVolume; a volume of another zone is refused because of the node. */
const attachFields: readonly RefusedField[] = [
  { code: /^InvalidInstanceID|^InvalidVolume\.ZoneMismatch/, pointer: '/node_id' }, { code: /^InvalidDevice|^InvalidBlockDevice/, pointer: '/device' }
]

const changed = (id: string, until: Until): Change => ({ resources: [{ kind: 'volume', id }], until })

const letters = (from: string, to: string) =>
  Array.from({ length: to.charCodeAt(0) - from.charCodeAt(0) + 1 }, (_, i) => String.fromCharCode(from.charCodeAt(0) + i))

/** In the order of Amazon's advice: `f` to `p` are for volumes; those before may be disks of the host. */
const devices = [
  ...letters('f', 'z').map((letter) => `/dev/sd${letter}`),
  ...letters('b', 'd').flatMap((first) => letters('a', 'z').map((letter) => `/dev/xvd${first}${letter}`))
]

/** `/dev/sdf` and `/dev/xvdf` are one place. */
const placeOf = (device: string) => device.replace(/^\/dev\//, '').replace(/^(xvd|sd|vd|hd)/, '')

/** The next device name that is free on a node. Throws provider_capacity where there is none. */
export function freeDevice ({ InstanceId: id, BlockDeviceMappings: mappings = [] }: Instance): string {
  const taken = new Set(mappings.flatMap(({ DeviceName: device }) => device === undefined ? [] : [placeOf(device)]))
  const free = devices.find((device) => !taken.has(placeOf(device)))
  if (free === undefined) {
    throw new ProblemError('provider_capacity', `Node ${id} has no free device name`, { hint: 'Detach a volume of the node first.' })
  }
  return free
}

/** Attaching and detaching, whose ends the attachment tells. */
export function createVolumeActions ({ client }: Cloud, read: Read) {
  return {
    async attach (id: string, { node_id: node, device }: VolumeAttach, call: Call): Promise<Change> {
      const nameOf = async () => device ?? freeDevice(await readInstance(client, node, call).catch((error: unknown) => {
        throw pointMissing(error, '/node_id')
      }))
      try {
        const name = await nameOf()
        await client.change((sdk) => new sdk.AttachVolumeCommand({ VolumeId: id, InstanceId: node, Device: name }), call)
        return changed(id, { states: ['in_use'] })
      } catch (error) {
        throw explainFields(error, attachFields)
      }
    },

    async detach (id: string, { node_id: given }: VolumeDetach, call: Call): Promise<Change> {
      const volume = await read(id, call)
      const nodes = nodesOf(volume)
      const node = chooseNode(volume, nodes, given)
      try {
        await client.change((sdk) => new sdk.DetachVolumeCommand({ VolumeId: id, InstanceId: node }), call)
        // One that hangs on several nodes stays in use.
        return changed(id, { states: [nodes.length > 1 ? 'in_use' : 'available'] })
      } catch (error) {
        throw whereRoot(error)
      }
    }
  }
}

/** Growing, which goes on while the volume is in use. */
export const createExtend = ({ client }: Cloud, read: Read) => ({
  async extend (id: string, { size }: VolumeExtend, call: Call): Promise<Change> {
    const { Size: now = 0 } = await read(id, call)
    if (size < now) throw invalid('/size', `is less than the ${now} GiB that the volume has`)
    const until = { states: ['available', 'in_use'] }
    if (size === now) return changed(id, until)
    await client.change((sdk) => new sdk.ModifyVolumeCommand({ VolumeId: id, Size: size }), call)
    return changed(id, until)
  }
})

/** The node to detach from. Throws where there is none, or more than one and none was named. */
function chooseNode (volume: EbsVolume, nodes: readonly string[], given: string | undefined): string {
  const state = volumeState(volume, false)
  if (nodes.length === 0) {
    throw new ProblemError('invalid_state', `The volume is ${state} and attached to no node`, { state, hint: 'There is nothing to detach.' })
  }
  if (given === undefined && nodes.length > 1) throw invalid('/node_id', `is required: the volume is attached to ${nodes.join(', ')}`)
  const node = given ?? nodes[0]!
  if (!nodes.includes(node)) throw invalid('/node_id', `is not where the volume is attached, which is ${nodes.join(', ')}`)
  return node
}

/** `OperationNotPermitted` of a detachment is the root volume of a node that runs, by Amazon's list of codes. */
function whereRoot (error: unknown) {
  if (!(error instanceof ProblemError) || error.details.provider_error?.code !== 'OperationNotPermitted') return error
  return new ProblemError('in_use', error.message, { ...error.details, cause: error, hint: 'The node boots from it: stop or destroy the node.' })
}
