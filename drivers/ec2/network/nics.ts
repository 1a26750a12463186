import type { Instance, InstanceNetworkInterface, NetworkInterface } from '@aws-sdk/client-ec2'
import { ProblemError, type NetworkState, type Nic, type NicCreate } from '../../../openapi/model/index.ts'
import type { Call } from '../../call.ts'
import type { Change, NodeService } from '../../driver.ts'
import { operationKey } from '../../tags.ts'
import type { Cloud } from '../client/cloud.ts'
import { explained, settled } from '../client/collection.ts'
import { malformed } from '../client/errors.ts'
import { eventually, isMissing } from '../client/consistency.ts'
import { readInstance } from '../compute/instances.ts'
import { addressesOf } from '../compute/node-mapping.ts'
import { addressParameters, chooseSubnet } from '../compute/placement.ts'
import type { RefusedField } from '../client/refusals.ts'
import { tagSpecifications } from '../client/tags.ts'
import { labelMade, orUndo } from '../client/rollback.ts'

/** Of the attachment of a NIC. */
const states: Readonly<Record<string, NetworkState>> = {
  attaching: 'pending', attached: 'available', detaching: 'deleting', detached: 'down'
}

const fields: readonly RefusedField[] = [
  { code: /^InvalidGroup|^InvalidSecurityGroup|^InvalidParameterCombination/, pointer: '/security_group_ids' },
  { code: /^InvalidSubnet/, pointer: '/subnet_id' },
  { code: /^InvalidIPAddress|^PrivateIpAddress|^InvalidParameterValue/, pointer: '/fixed_ip' }
]

export const toNic = (raw: InstanceNetworkInterface): Nic => ({
  id: raw.NetworkInterfaceId ?? '',
  network_id: raw.VpcId ?? null,
  subnet_id: raw.SubnetId ?? null,
  mac: raw.MacAddress ?? null,
  addresses: addressesOf(raw),
  security_group_ids: (raw.Groups ?? []).flatMap(({ GroupId: id }) => id ?? []),
  primary: raw.Attachment?.DeviceIndex === undefined ? null : raw.Attachment.DeviceIndex === 0,
  state: states[raw.Attachment?.Status ?? ''] ?? 'unknown'
})

/** The lowest number that no NIC of a node has. */
export function nextIndex ({ NetworkInterfaces: nics = [] }: Pick<Instance, 'NetworkInterfaces'>) {
  const taken = new Set(nics.map(({ Attachment: at }) => at?.DeviceIndex))
  let index = 1
  while (taken.has(index)) index++
  return index
}

const ended = (id: string): Change => ({ resources: [{ kind: 'node', id }], until: { states: [] } })

/** NICs of nodes: network interfaces. One that is made here has the mark of its operation, and goes when it is detached. */
export function createNics (cloud: Cloud) {
  const { client } = cloud

  const read = async (id: string, call: Call): Promise<NetworkInterface | undefined> => {
    const asked = { NetworkInterfaceIds: [id] }
    return (await client.read((sdk) => new sdk.DescribeNetworkInterfacesCommand(asked), call)).NetworkInterfaces?.[0]
  }

  const remove = async (id: string, call: Call) => {
    try {
      await client.change((sdk) => new sdk.DeleteNetworkInterfaceCommand({ NetworkInterfaceId: id }), call, { token: true })
    } catch (error) {
      if (!isMissing(error)) throw error
    }
  }

  const make = async (subnet: string, { fixed_ip: address, security_group_ids: groups }: NicCreate, call: Call) => {
    const labels = { operation: call.operation ?? call.requestId }
    const asked = {
      SubnetId: subnet,
      ...addressParameters(address),
      ...(groups === undefined || groups.length === 0 ? {} : { Groups: groups }),
      ...tagSpecifications(cloud, ['network-interface'], labels)
    }
    const { NetworkInterface: made } = await explained(fields, () =>
      client.change((sdk) => new sdk.CreateNetworkInterfaceCommand(asked), call))
    const id = made?.NetworkInterfaceId
    if (id === undefined) throw malformed('The cloud answered without a network interface', false)
    await labelMade(cloud, id, labels, call, (own) => remove(id, own))
    return id
  }

  /** A new one is pending for a moment, a status that the SDK does not know. */
  const isPending = (found: { Status?: string | undefined } | undefined) => found?.Status === 'pending'

  const attach = async (node: string, nic: string, index: number, call: Call) => {
    await settled(call, () => eventually(call, () => read(nic, call)), isPending)
    const asked = { NetworkInterfaceId: nic, InstanceId: node, DeviceIndex: index }
    const { AttachmentId: attachment } = await client.change((sdk) => new sdk.AttachNetworkInterfaceCommand(asked), call)
    if (attachment === undefined) throw malformed('The cloud answered without an attachment', false)
    await orUndo(call, `${nic} is attached`, async () => {
      const change = { NetworkInterfaceId: nic, Attachment: { AttachmentId: attachment, DeleteOnTermination: true } }
      await client.change((sdk) => new sdk.ModifyNetworkInterfaceAttributeCommand(change), call, { token: true })
    }, (own) => detach(nic, attachment, own))
  }

  /** The cloud detaches after it has answered; returns the NIC as it is then, undefined where it is gone. */
  const detach = async (nic: string, attachment: string, call: Call) => {
    try {
      await client.change((sdk) => new sdk.DetachNetworkInterfaceCommand({ AttachmentId: attachment }), call, { token: true })
    } catch (error) {
      // It has just been there: a repeat, or the node's end, came first.
      if (!isMissing(error)) throw error
    }
    const gone = async () => read(nic, call).catch((error: unknown) => {
      if (isMissing(error)) return undefined
      throw error
    })
    const free = await settled(call, gone, (found) => found?.Attachment !== undefined && found.Attachment.Status !== 'detached')
    if (free?.Attachment !== undefined && free.Attachment.Status !== 'detached') {
      throw new ProblemError('provider_timeout', `The cloud has accepted this, but the NIC ${nic} is still attached`)
    }
    return free
  }

  return {
    async list_nics (id, call) {
      const { NetworkInterfaces: nics = [] } = await readInstance(client, id, call)
      return [...nics].sort((a, b) => (a.Attachment?.DeviceIndex ?? 0) - (b.Attachment?.DeviceIndex ?? 0)).map(toNic)
    },

    /** Makes a NIC in a subnet of the node's zone, which goes with the node. Where it cannot be attached it is deleted again. */
    async attach_nic (id, input, call) {
      const instance = await readInstance(client, id, call)
      const subnet = await chooseSubnet(client, input, instance.Placement?.AvailabilityZone, '', call)
      const nic = await make(subnet.SubnetId!, input, call)
      await orUndo(call, `${nic} is there`, () => attach(id, nic, nextIndex(instance), call), (own) => remove(nic, own))
      await settled(call, () => read(nic, call), (found) => found?.Attachment?.Status === 'attaching')
      return ended(id)
    },

    async detach_nic (id, nicId, call) {
      const { NetworkInterfaces: nics = [] } = await readInstance(client, id, call)
      const at = nics.find(({ NetworkInterfaceId: nic }) => nic?.toLowerCase() === nicId.toLowerCase())?.Attachment
      if (at?.AttachmentId === undefined) throw new ProblemError('resource_not_found', `The node has no NIC ${nicId}`)
      if (at.DeviceIndex === 0) throw new ProblemError('invalid_state', 'The first NIC of a node stays as long as the node')
      const free = await detach(nicId, at.AttachmentId, call)
      if (free?.TagSet?.some(({ Key: key }) => key === operationKey) === true) await remove(nicId, call)
      return ended(id)
    }
  } satisfies Pick<NodeService, 'list_nics' | 'attach_nic' | 'detach_nic'>
}
