import { createHash } from 'node:crypto'
import { fault } from './faults.ts'
import { filtered } from './filters.ts'
import { account, chosen, find } from './state.ts'
import { tagSet } from './tags.ts'
import { freeIp } from './vpcs.ts'
import type { Actions } from './action.ts'
import type { Address, Cloud, Group, Instance, Nic, Subnet } from './state.ts'
import type { Tree } from './xml.ts'

/** From Eucalyptus' VpcManager. */
export const interfaceActions: Actions = {
  DescribeNetworkInterfaces (cloud, query) {
    const all = chosen(cloud.nics, query.list('NetworkInterfaceId'), 'eni', 'InvalidNetworkInterfaceID.NotFound')
    const shown = filtered(cloud, query, all, {
      'addresses.private-ip-address': nic => nic.ip,
      'association.public-ip': nic => publicOf(cloud, nic)?.ip,
      'attachment.attachment-id': nic => nic.attachment?.id,
      'attachment.device-index': nic => nic.attachment?.index,
      'attachment.instance-id': nic => nic.attachment?.instance,
      'attachment.status': nic => nic.attachment?.status,
      'availability-zone': nic => cloud.subnets.get(nic.subnet)?.zone,
      description: nic => nic.description,
      'group-id': nic => nic.groups,
      'group-name': nic => nic.groups.map(id => cloud.groups.get(id)?.name),
      'mac-address': nic => mac(nic),
      'network-interface-id': nic => nic.id,
      'owner-id': () => account,
      'private-ip-address': nic => nic.ip,
      status: nic => statusOf(nic),
      'subnet-id': nic => nic.subnet,
      'vpc-id': nic => nic.vpc
    }, nic => nic.id)
    return { networkInterfaceSet: shown.map(nic => shownNic(cloud, nic)) }
  },

  CreateNetworkInterface (cloud, query) {
    const subnet = find(cloud.subnets, query.need('SubnetId'), 'subnet', 'InvalidSubnetID.NotFound')
    const ip = query.one('PrivateIpAddress') ?? query.groups('PrivateIpAddresses')[0]?.one('PrivateIpAddress')
    const groups = groupsFor(cloud, query.list('SecurityGroupId'), subnet.vpc)
    return {
      networkInterface: shownNic(cloud, createNic(cloud, subnet, groups, { ip, description: query.one('Description') }))
    }
  },

  DeleteNetworkInterface (cloud, query) {
    const nic = find(cloud.nics, query.need('NetworkInterfaceId'), 'eni', 'InvalidNetworkInterfaceID.NotFound')
    if (nic.attachment) throw fault('InvalidNetworkInterface.InUse', `The network interface is in use '${nic.id}'`)
    deleteNic(cloud, nic)
  },

  AttachNetworkInterface (cloud, query) {
    const nic = find(cloud.nics, query.need('NetworkInterfaceId'), 'eni', 'InvalidNetworkInterfaceID.NotFound')
    const instance = find(cloud.instances, query.need('InstanceId'), 'i', 'InvalidInstanceID.NotFound')
    const index = query.int('DeviceIndex')
    if (index === undefined || index < 1 || index > 255) {
      throw fault('InvalidParameterValue', `Invalid device index: ${index}`)
    }
    if (nic.attachment) {
      throw fault('InvalidNetworkInterface.InUse', `Network interface '${nic.id}' is currently in use`)
    }
    if (instance.state !== 'running' && instance.state !== 'stopped') {
      throw fault('IncorrectState', `Instance ${instance.id} is ${instance.state}`)
    }
    if (cloud.subnets.get(nic.subnet)?.zone !== instance.zone) {
      throw fault('InvalidParameterCombination', 'The interface and the instance are in different zones')
    }
    if (nicsOf(cloud, instance.id).some((other) => other.attachment?.index === index)) {
      throw fault('InvalidParameterValue', `Device index in use: ${index}`)
    }
    attachNic(cloud, nic, instance, index, false)
    return { attachmentId: nic.attachment!.id }
  },

  DetachNetworkInterface (cloud, query) {
    const id = query.need('AttachmentId').toLowerCase()
    const nic = [...cloud.nics.values()].find(one => one.attachment?.id === id)
    if (!nic?.attachment) throw fault('InvalidAttachmentID.NotFound', `Attachment not found '${id}'`)
    if (nic.attachment.index === 0) {
      throw fault('OperationNotPermitted', 'The network interface at device index 0 cannot be detached.')
    }
    nic.attachment.status = 'detaching'
    cloud.later(() => { delete nic.attachment })
  },

  DescribeNetworkInterfaceAttribute (cloud, query) {
    const nic = find(cloud.nics, query.need('NetworkInterfaceId'), 'eni', 'InvalidNetworkInterfaceID.NotFound')
    const shown = {
      description: { description: { value: nic.description } },
      groupSet: { groupSet: groupSet(cloud, nic.groups) },
      sourceDestCheck: { sourceDestCheck: { value: nic.sourceDestCheck } },
      attachment: { attachment: shownAttachment(nic) }
    }[query.need('Attribute')]
    if (!shown) throw fault('InvalidParameterValue', 'Invalid attribute')
    return { networkInterfaceId: nic.id, ...shown }
  },

  ModifyNetworkInterfaceAttribute (cloud, query) {
    const nic = find(cloud.nics, query.need('NetworkInterfaceId'), 'eni', 'InvalidNetworkInterfaceID.NotFound')
    const groups = query.list('SecurityGroupId')
    if (groups.length) nic.groups = groupsFor(cloud, groups, nic.vpc).map(({ id }) => id)
    nic.description = query.one('Description.Value') ?? nic.description
    nic.sourceDestCheck = query.flag('SourceDestCheck.Value') ?? nic.sourceDestCheck
    const attachment = query.one('Attachment.AttachmentId')
    if (attachment === undefined) return
    if (nic.attachment?.id !== attachment.toLowerCase()) {
      throw fault('InvalidAttachmentID.NotFound', `Attachment not found '${attachment}'`)
    }
    nic.attachment.deleteOnTermination =
      query.flag('Attachment.DeleteOnTermination') ?? nic.attachment.deleteOnTermination
  }
}

/** Those asked for, or the default one of the network. */
export function groupsFor (cloud: Cloud, ids: string[], vpc: string): Group[] {
  if (!ids.length) return [...cloud.groups.values()].filter(group => group.vpc === vpc && group.name === 'default')
  if (ids.length > 5) throw fault('SecurityGroupLimitExceeded', 'Security group limit exceeded')
  return ids.map(id => {
    const group = find(cloud.groups, id, 'sg', 'InvalidGroup.NotFound')
    if (group.vpc !== vpc) throw fault('InvalidParameterCombination', `Invalid security group ${group.id} for ${vpc}`)
    return group
  })
}

interface NicDetails { ip?: string | undefined, description?: string | undefined }

export function createNic (cloud: Cloud, subnet: Subnet, groups: Group[], { ip, description }: NicDetails): Nic {
  const nic: Nic = {
    id: cloud.id('eni'),
    subnet: subnet.id,
    vpc: subnet.vpc,
    description: description ?? '',
    ip: freeIp(cloud, subnet, ip),
    groups: groups.map(({ id }) => id),
    sourceDestCheck: true
  }
  cloud.nics.set(nic.id, nic)
  return nic
}

export function attachNic (cloud: Cloud, nic: Nic, instance: Instance, index: number, deleteOnTermination: boolean) {
  const attachment: NonNullable<Nic['attachment']> = {
    id: cloud.id('eni-attach'), instance: instance.id, index, at: new Date(), deleteOnTermination, status: 'attaching'
  }
  nic.attachment = attachment
  cloud.later(() => { if (attachment.status === 'attaching') attachment.status = 'attached' })
}

export function deleteNic (cloud: Cloud, nic: Nic) {
  for (const address of cloud.addresses.values()) {
    if (address.nic === nic.id) Object.assign(address, { nic: undefined, association: undefined })
  }
  cloud.nics.delete(nic.id)
  cloud.tags.delete(nic.id)
}

export function nicsOf (cloud: Cloud, instance: string): Nic[] {
  return [...cloud.nics.values()].filter(({ attachment }) => attachment?.instance === instance)
    .sort((a, b) => a.attachment!.index - b.attachment!.index)
}

/** An address of the account on this interface. */
export function publicOf (cloud: Cloud, nic: Nic): Address | undefined {
  return [...cloud.addresses.values()].find(address => address.nic === nic.id)
}

export function groupSet (cloud: Cloud, ids: string[]): Tree {
  return ids.map(groupId => ({ groupId, groupName: cloud.groups.get(groupId)?.name }))
}

/** As it stands with its instance, where less is told. */
export function shownWithInstance (cloud: Cloud, nic: Nic, instance: Instance): { [name: string]: Tree } {
  const address = publicOf(cloud, nic)?.ip ?? (nic.attachment?.index === 0 ? instance.publicIp : undefined)
  const association = address && {
    publicIp: address,
    publicDnsName: dnsName(cloud, address, 'eucalyptus'),
    ipOwnerId: account
  }
  return { ...common(cloud, nic, association), attachment: shownAttachment(nic, false) }
}

export function dnsName (cloud: Cloud, ip: string, part: 'eucalyptus' | 'internal'): string {
  return `euca-${ip.replaceAll('.', '-')}.${part}.${cloud.region}.internal`
}

function shownNic (cloud: Cloud, nic: Nic): { [name: string]: Tree } {
  const address = publicOf(cloud, nic)
  const association = address && {
    publicIp: address.ip,
    publicDnsName: dnsName(cloud, address.ip, 'eucalyptus'),
    ipOwnerId: account,
    allocationId: address.allocation,
    associationId: address.association
  }
  return {
    ...common(cloud, nic, association),
    availabilityZone: cloud.subnets.get(nic.subnet)?.zone,
    requesterManaged: false,
    attachment: nic.attachment && shownAttachment(nic),
    tagSet: tagSet(cloud, nic.id)
  }
}

function common (cloud: Cloud, nic: Nic, association: Tree): { [name: string]: Tree } {
  const privateDnsName = dnsName(cloud, nic.ip, 'internal')
  return {
    networkInterfaceId: nic.id,
    subnetId: nic.subnet,
    vpcId: nic.vpc,
    description: nic.description,
    ownerId: account,
    status: statusOf(nic),
    macAddress: mac(nic),
    privateIpAddress: nic.ip,
    privateDnsName,
    sourceDestCheck: nic.sourceDestCheck,
    groupSet: groupSet(cloud, nic.groups),
    association: association || undefined,
    privateIpAddressesSet: [
      { privateIpAddress: nic.ip, privateDnsName, primary: true, association: association || undefined }
    ]
  }
}

function shownAttachment ({ attachment }: Nic, full = true): Tree {
  if (!attachment) return null
  const { id, instance, index, status, at, deleteOnTermination } = attachment
  const owner = full && { instanceId: instance, instanceOwnerId: account }
  return { attachmentId: id, ...owner, deviceIndex: index, status, attachTime: at, deleteOnTermination }
}

function statusOf ({ attachment }: Nic): string {
  return attachment ? 'in-use' : 'available'
}

function mac ({ id }: Nic): string {
  return ['d0:0d', ...createHash('md5').update(id).digest('hex').slice(0, 8).match(/../g)!].join(':')
}
