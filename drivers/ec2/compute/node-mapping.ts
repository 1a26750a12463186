import type { Instance, InstanceNetworkInterface } from '@aws-sdk/client-ec2'
import type { Address, Node } from '../../../openapi/model/index.ts'
import type { Identity } from '../../driver.ts'
import { isTransitioning } from '../../states.ts'
import { actionsOf, createdAt, nodeState } from './node-states.ts'
import { readTags } from '../client/tags.ts'

export interface NodeMapping {
  identity: Identity
  /** The actions that the driver has. */
  can: ReadonlySet<string>
  /** Whether termination is forbidden; null where that was not read, which takes a call for each. */
  protected: boolean | null
  extra: boolean
}

/** An instance as a node. */
export function toNode (instance: Instance, { identity, can, protected: locked, extra }: NodeMapping): Node {
  const state = nodeState(instance)
  const { name, tags } = readTags(instance.Tags)
  const addresses = toAddresses(instance)
  const reason = instance.StateReason
  // Field by field: an object that begins with a spread takes V8 a hundred times as long.
  const node: Node = {
    id: identity.id,
    cloud: identity.cloud,
    driver: identity.driver,
    location: identity.location,
    self: identity.self,
    name,
    state,
    provider_state: instance.State?.Name ?? null,
    provider_task_state: null,
    transitioning: isTransitioning(state),
    allowed_actions: actionsOf(instance, state, can),
    created_at: createdAt(instance)?.toISOString() ?? null,
    updated_at: null,
    tags,
    size_id: instance.InstanceType ?? null,
    image_id: instance.ImageId ?? null,
    key_pair_name: instance.KeyName ?? null,
    availability_zone: instance.Placement?.AvailabilityZone ?? null,
    architecture: instance.Architecture ?? null,
    public_ips: addresses.filter(({ scope }) => scope === 'public').map(({ address }) => address),
    private_ips: addresses.filter(({ scope }) => scope === 'private').map(({ address }) => address),
    addresses,
    security_group_ids: groupsOf(instance),
    volume_ids: (instance.BlockDeviceMappings ?? []).flatMap(({ Ebs: ebs }) => ebs?.VolumeId ?? []),
    lifecycle: instance.InstanceLifecycle === 'spot' ? 'spot' : 'on_demand',
    launched_at: instance.LaunchTime?.toISOString() ?? null,
    progress: null,
    // A reason of the client's is no fault: somebody has stopped it.
    fault: reason?.Code?.startsWith('Server.') === true ? { code: reason.Code, message: reason.Message ?? null } : null,
    protected: locked
  }
  if (extra) node.extra = instance as Record<string, unknown>
  return node
}

function groupsOf ({ NetworkInterfaces: nics = [], SecurityGroups: groups = [] }: Instance) {
  const ids = [...nics.flatMap(({ Groups: own = [] }) => own), ...groups].flatMap(({ GroupId: id }) => id ?? [])
  return [...new Set(ids)]
}

/** Who lends a public address that goes when the instance stops; any other owner's is an elastic one. */
const lender = 'amazon'

/** The addresses of a NIC: its own, and the public one that stands for each. */
export function addressesOf (nic: InstanceNetworkInterface): Address[] {
  const at = { network_id: nic.VpcId ?? null, nic_id: nic.NetworkInterfaceId ?? null, mac: nic.MacAddress ?? null }
  const four = (nic.PrivateIpAddresses ?? []).flatMap(({ PrivateIpAddress: own, Association: association }): Address[] => {
    const addresses: Address[] = own === undefined ? [] : [{ address: own, version: 4, scope: 'private', kind: 'fixed', ...at }]
    const address = association?.PublicIp
    if (address === undefined) return addresses
    return [...addresses, { address, version: 4, scope: 'public', kind: association?.IpOwnerId === lender ? 'fixed' : 'floating', ...at }]
  })
  const six = (nic.Ipv6Addresses ?? []).flatMap(({ Ipv6Address: address }): Address[] =>
    address === undefined ? [] : [{ address, version: 6, scope: 'public', kind: 'fixed', ...at }])
  return [...four, ...six]
}

/** Those of its NICs; a cloud without them (Eucalyptus outside of a VPC) tells the instance's own two, which may be the same. */
function toAddresses (instance: Instance): Address[] {
  const { NetworkInterfaces: nics = [], PrivateIpAddress: own, PublicIpAddress: open } = instance
  if (nics.length > 0) return nics.flatMap(addressesOf)
  const at = { network_id: instance.VpcId ?? null, nic_id: null, mac: null }
  const isAddress = (address: string | undefined): address is string => address !== undefined && address !== '' && address !== '0.0.0.0'
  return [
    ...(isAddress(own) ? [{ address: own, version: 4 as const, scope: 'private' as const, kind: 'fixed' as const, ...at }] : []),
    ...(isAddress(open) && open !== own ? [{ address: open, version: 4 as const, scope: 'public' as const, kind: 'fixed' as const, ...at }] : [])
  ]
}
