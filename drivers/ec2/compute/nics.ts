import type { Instance, InstanceNetworkInterface, NetworkInterface } from '@aws-sdk/client-ec2'
import {
  ProblemError,
  type NetworkState,
  type Nic,
  type NicCreate
} from '../../../openapi/model/index.ts'
import type { Call } from '../../call.ts'
import type { NodeService } from '../../driver.ts'
import {
  findById,
  hasOperationTag,
  ignoreMissing,
  labelOrRollBack,
  malformed,
  readUntilSettled,
  retryWhileMissing,
  runOrRollBack,
  toChange,
  toTagParameters,
  type Cloud
} from '../client/index.ts'
import { readInstance } from './instances.ts'
import { addressesOf } from './node-mapping.ts'
import { chooseSubnet, toAddressParameters } from './placement.ts'

/** States of the attachment of a NIC. */
const states: Readonly<Record<string, NetworkState>> = {
  attaching: 'pending',
  attached: 'available',
  detaching: 'deleting',
  detached: 'down'
}

/** Refusals of CreateNetworkInterface, from Amazon's list of error codes. */
const createRefusals = [
  {
    pattern: /^InvalidGroup|^InvalidSecurityGroup|^InvalidParameterCombination/,
    pointer: '/security_group_ids'
  },
  { pattern: /^InvalidSubnet/, pointer: '/subnet_id' },
  { pattern: /^InvalidIPAddress|^PrivateIpAddress|^InvalidParameterValue/, pointer: '/fixed_ip' }
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

const deviceIndexOf = ({ Attachment: attachment }: InstanceNetworkInterface) =>
  attachment?.DeviceIndex

/** Returns the lowest device index that no NIC of a node has. Index 0 is the primary NIC. */
export function findFreeIndex (
  { NetworkInterfaces: nics = [] }: Pick<Instance, 'NetworkInterfaces'>
) {
  const used = new Set(nics.map(deviceIndexOf))
  let index = 1
  while (used.has(index)) index++
  return index
}

const isAttached = (nic: NetworkInterface | undefined) =>
  nic?.Attachment !== undefined && nic.Attachment.Status !== 'detached'

/**
 * NICs of nodes. A NIC that this server creates carries the tag of its operation, and is deleted when it is detached.
 */
export function createNics (
  cloud: Cloud
): Pick<NodeService, 'list_nics' | 'attach_nic' | 'detach_nic'> {
  const { client } = cloud

  const readNic = async (id: string, call: Call): Promise<NetworkInterface | undefined> => {
    const { NetworkInterfaces: [nic] = [] } = await client.read('DescribeNetworkInterfaces', {
      NetworkInterfaceIds: [id]
    }, call)
    return nic
  }

  const deleteNic = (id: string, call: Call) => {
    const input = { NetworkInterfaceId: id }
    return ignoreMissing(client.change('DeleteNetworkInterface', input, call, { idempotent: true }))
  }

  const createNic = async (subnet: string, input: NicCreate, call: Call) => {
    const { fixed_ip: address, security_group_ids: groups = [] } = input
    const labels = { operation: call.operation ?? call.requestId }
    const request = {
      SubnetId: subnet,
      ...toAddressParameters(address),
      Groups: groups.length === 0 ? undefined : groups,
      ...toTagParameters(cloud, 'network-interface', labels)
    }
    const { NetworkInterface: created } = await client.change(
      'CreateNetworkInterface',
      request,
      call,
      {
        refusals: createRefusals
      }
    )
    const id = created?.NetworkInterfaceId
    if (id === undefined) {
      throw malformed('The response of the cloud has no network interface', false)
    }
    await labelOrRollBack(cloud, id, labels, call, (rollbackCall) => deleteNic(id, rollbackCall))
    return id
  }

  /** A new NIC is `pending` for a moment, a status that the SDK does not know. */
  const isPending = (nic: { Status?: string } | undefined) => nic?.Status === 'pending'

  const attach = async (node: string, nic: string, index: number, call: Call) => {
    await readUntilSettled(call, () => retryWhileMissing(call, () => readNic(nic, call)), isPending)
    const input = { NetworkInterfaceId: nic, InstanceId: node, DeviceIndex: index }
    const { AttachmentId: attachment } = await client.change('AttachNetworkInterface', input, call)
    if (attachment === undefined) {
      throw malformed('The response of the cloud has no attachment', false)
    }
    const options = { AttachmentId: attachment, DeleteOnTermination: true }
    const change = { NetworkInterfaceId: nic, Attachment: options }
    await runOrRollBack(
      call,
      `${nic} is attached`,
      () => client.change('ModifyNetworkInterfaceAttribute', change, call, { idempotent: true }),
      (rollbackCall) => detach(nic, attachment, rollbackCall)
    )
  }

  /** Detaches a NIC and waits, because the cloud answers before it is detached. Returns undefined for a deleted NIC. */
  const detach = async (nic: string, attachment: string, call: Call) => {
    const input = { AttachmentId: attachment }
    await ignoreMissing(client.change('DetachNetworkInterface', input, call, { idempotent: true }))
    const detached = await readUntilSettled(
      call,
      () => ignoreMissing(readNic(nic, call)),
      isAttached
    )
    if (isAttached(detached)) {
      throw new ProblemError(
        'provider_timeout',
        `The cloud accepted the request, but the NIC ${nic} is still attached`
      )
    }
    return detached
  }

  return {
    async list_nics (id, call) {
      const { NetworkInterfaces: nics = [] } = await readInstance(client, id, call)
      return [...nics].sort((a, b) => (deviceIndexOf(a) ?? 0) - (deviceIndexOf(b) ?? 0)).map(toNic)
    },

    /** Creates a NIC in a subnet of the node's zone, and deletes it if it cannot be attached. It ends with the node. */
    async attach_nic (id, input, call) {
      const instance = await readInstance(client, id, call)
      const subnet = await chooseSubnet(
        client,
        input,
        instance.Placement?.AvailabilityZone,
        '',
        call
      )
      const nic = await createNic(subnet.SubnetId!, input, call)
      await runOrRollBack(
        call,
        `${nic} exists`,
        () => attach(id, nic, findFreeIndex(instance), call),
        (rollbackCall) => deleteNic(nic, rollbackCall)
      )
      await readUntilSettled(
        call,
        () => readNic(nic, call),
        (found) => found?.Attachment?.Status === 'attaching'
      )
      return toChange('node', id, [])
    },

    async detach_nic (id, nicId, call) {
      const { NetworkInterfaces: nics = [] } = await readInstance(client, id, call)
      const nic = findById(nics, nicId, 'NetworkInterfaceId')
      const attachment = nic?.Attachment
      if (attachment?.AttachmentId === undefined) {
        throw new ProblemError('resource_not_found', `The node has no NIC ${nicId}`)
      }
      if (attachment.DeviceIndex === 0) {
        throw new ProblemError(
          'invalid_state',
          'The primary NIC cannot be detached: it ends with its node'
        )
      }
      const detached = await detach(nicId, attachment.AttachmentId, call)
      if (detached !== undefined && hasOperationTag({ Tags: detached.TagSet })) {
        await deleteNic(nicId, call)
      }
      return toChange('node', id, [])
    }
  }
}
