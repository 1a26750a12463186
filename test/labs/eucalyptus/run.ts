import { fault } from './faults.ts'
import { findImage } from './images.ts'
import { attachNic, createNic, groupsFor } from './interfaces.ts'
import { find } from './state.ts'
import { terminate } from './terminate.ts'
import { attach, createVolume } from './volumes.ts'
import { instanceTypes } from './zones.ts'
import type { Query } from './query.ts'
import type { Cloud, Group, Image, Instance, Subnet } from './state.ts'

/**
 * From Eucalyptus' VmControl, VerifyMetadata and AdmissionControl. The same client token answers with the instances it
 * has made.
 */
export function runInstances (cloud: Cloud, query: Query): Instance[] {
  const clientToken = query.one('ClientToken')
  if (clientToken && clientToken.length > 64) throw fault('InvalidParameterValue', 'Invalid client token')
  const made = clientToken ? [...cloud.instances.values()].filter(one => one.clientToken === clientToken) : []
  if (made.length) return made

  const image = findImage(cloud, query.need('ImageId'))
  if (image.kind !== 'machine' || image.state !== 'available') {
    throw fault('InvalidAMIID.NotFound', `The image ID '${image.id}' cannot be run`)
  }
  const [min, max] = [query.int('MinCount') ?? 1, query.int('MaxCount') ?? 1]
  if (min < 1 || max < min) throw fault('InvalidParameterValue', `Invalid counts: ${min} to ${max}`)
  const type = query.one('InstanceType') ?? 'm1.small'
  if (!instanceTypes.some(({ name }) => name === type)) {
    throw fault('InvalidParameterValue', `Instance type does not exist: ${type}`)
  }
  const keyName = query.one('KeyName')
  if (keyName && !cloud.keyPairs.has(keyName)) throw fault('InvalidKeyPair.NotFound', `Key pair not found: ${keyName}`)
  const shutdown = query.one('InstanceInitiatedShutdownBehavior') ?? 'stop'
  if (shutdown !== 'stop' && shutdown !== 'terminate') {
    throw fault('InvalidParameterValue', `Invalid shutdown behavior: ${shutdown}`)
  }
  const userData = query.one('UserData')
  if (userData && Buffer.from(userData, 'base64').length > 16384) {
    throw fault('InvalidParameterValue', 'User data is limited to 16384 bytes')
  }
  const place = placeOf(cloud, query)
  const disks = disksOf(cloud, query, image, place.subnet.zone)

  const living = [...cloud.instances.values()].filter(
    ({ state }) => state !== 'terminated' && state !== 'shutting-down'
  ).length
  if (living + min > cloud.behaviour.quotas.instances) {
    throw fault('InstanceLimitExceeded', 'Request would exceed quota for type: instance')
  }
  if (cloud.behaviour.full.has(type)) {
    throw fault(
      'InsufficientInstanceCapacity',
      `Not enough resources: vm resources in the requested cluster ${place.subnet.zone}`,
      503
    )
  }

  const reservation = cloud.id('r')
  const count = Math.min(max, cloud.behaviour.quotas.instances - living)
  return Array.from({ length: count }, (_, index) => {
    const instance: Instance = {
      id: cloud.id('i'),
      reservation,
      state: 'pending',
      image: image.id,
      kernel: query.one('KernelId') ?? image.kernel,
      ramdisk: query.one('RamdiskId') ?? image.ramdisk,
      type,
      zone: place.subnet.zone,
      keyName,
      index,
      launched: new Date(),
      clientToken,
      userData,
      protected: query.flag('DisableApiTermination') ?? false,
      onShutdown: shutdown,
      monitoring: query.flag('Monitoring.Enabled') ?? false,
      ebs: image.root !== undefined,
      rootDevice: image.rootDevice,
      platform: image.platform,
      reason: undefined,
      publicIp: undefined
    }
    cloud.instances.set(instance.id, instance)
    connect(cloud, instance, place, count > 1 ? undefined : query.one('PrivateIpAddress'))
    for (const disk of disks) {
      attach(cloud, createVolume(cloud, { ...disk, zone: instance.zone }), instance.id, disk.device, disk)
    }
    boot(cloud, instance)
    return instance
  })
}

/** Pending, then running, or for a dying type terminated with a reason. */
export function boot (cloud: Cloud, instance: Instance) {
  instance.state = 'pending'
  instance.launched = new Date()
  cloud.later(() => {
    if (instance.state !== 'pending') return
    if (cloud.behaviour.dying.has(instance.type)) {
      instance.reason = 'Server.InternalError: Failed to launch instance'
      terminate(cloud, instance)
      return
    }
    instance.state = 'running'
  })
}

interface Place { subnet: Subnet, groups: Group[], nics: Query[], publicIp: boolean }

/** The subnet is the one asked for, or the default one of the zone. */
function placeOf (cloud: Cloud, query: Query): Place {
  const nics = query.groups('NetworkInterface')
  const first = nics.find(nic => (nic.int('DeviceIndex') ?? 0) === 0)
  const zone = query.one('Placement.AvailabilityZone')
  if (zone && !cloud.zones.includes(zone)) throw fault('InvalidParameterValue', `Invalid availability zone: ${zone}`)
  if (
    nics.length &&
    (query.one('SubnetId') || query.list('SecurityGroupId').length || query.list('SecurityGroup').length)
  ) {
    throw fault(
      'InvalidParameterCombination',
      'Network interfaces and an instance-level subnet ID or security groups may not be specified on the same request'
    )
  }
  const existing =
    first?.one('NetworkInterfaceId') &&
    find(cloud.nics, first.need('NetworkInterfaceId'), 'eni', 'InvalidNetworkInterfaceID.NotFound')
  if (existing && existing.attachment) {
    throw fault('InvalidNetworkInterface.InUse', `Network interface '${existing.id}' is currently in use`)
  }
  const given = (existing ? existing.subnet : undefined) ?? first?.one('SubnetId') ?? query.one('SubnetId')
  const subnet = given
    ? find(cloud.subnets, given, 'subnet', 'InvalidSubnetID.NotFound')
    : [...cloud.subnets.values()].find(one => one.isDefault && one.zone === (zone ?? cloud.zones[0]))
  if (!subnet) throw fault('VPCIdNotSpecified', 'Default VPC not found, please specify a subnet.')
  if (zone && subnet.zone !== zone) {
    throw fault('InvalidParameterValue', `Invalid availability zone for ${subnet.id}: ${zone}`)
  }
  const named = query.list('SecurityGroup').map(name => {
    const group = [...cloud.groups.values()].find(one => one.name === name && one.vpc === subnet.vpc)
    if (!group) throw fault('InvalidGroup.NotFound', `The security group '${name}' does not exist`)
    return group.id
  })
  const ids = first ? first.list('SecurityGroupId') : [...named, ...query.list('SecurityGroupId')]
  return {
    subnet,
    groups: groupsFor(cloud, ids, subnet.vpc),
    nics,
    publicIp: first?.flag('AssociatePublicIpAddress') ?? subnet.mapPublic
  }
}

function connect (
  cloud: Cloud,
  instance: Instance,
  { subnet, groups, nics, publicIp }: Place,
  wanted: string | undefined
) {
  const first = nics.find((nic) => (nic.int('DeviceIndex') ?? 0) === 0)
  const given = first?.one('NetworkInterfaceId')
  const ip = first?.one('PrivateIpAddress') ?? wanted
  const nic = given
    ? find(cloud.nics, given, 'eni', 'InvalidNetworkInterfaceID.NotFound')
    : createNic(cloud, subnet, groups, { ip, description: first?.one('Description') ?? 'Primary network interface' })
  attachNic(cloud, nic, instance, 0, first?.flag('DeleteOnTermination') ?? !given)
  if (publicIp) instance.publicIp = cloud.publicIp()
  for (const more of nics.filter((one) => one !== first)) {
    const other = find(cloud.subnets, more.one('SubnetId') ?? subnet.id, 'subnet', 'InvalidSubnetID.NotFound')
    const added = createNic(cloud, other, groupsFor(cloud, more.list('SecurityGroupId'), other.vpc), {
      ip: more.one('PrivateIpAddress')
    })
    attachNic(cloud, added, instance, more.int('DeviceIndex') ?? 1, more.flag('DeleteOnTermination') ?? true)
  }
}

interface Disk {
  device: string
  size: number
  snapshot: string | undefined
  deleteOnTermination: boolean
  root: boolean
}

function disksOf (cloud: Cloud, query: Query, image: Image, zone: string): Disk[] {
  const given = query.groups('BlockDeviceMapping').filter(device => !device.has('NoDevice') && device.has('Ebs'))
  if (!image.root && given.length) {
    throw fault('InvalidParameterValue', `Block device mappings are for ebs images only (${zone})`)
  }
  const more = given.map((device): Disk => {
    const name = device.need('DeviceName')
    const root = name === image.rootDevice
    const source = device.one('Ebs.SnapshotId') ?? (root ? image.root?.snapshot : undefined)
    const snapshot = source ? find(cloud.snapshots, source, 'snap', 'InvalidSnapshot.NotFound') : undefined
    const size = device.int('Ebs.VolumeSize') ?? snapshot?.size
    if (size === undefined) throw fault('InvalidBlockDeviceMapping', `A volume size is required for ${name}`)
    if (snapshot && size < snapshot.size) {
      throw fault('InvalidBlockDeviceMapping', `Volume size is smaller than the snapshot of ${name}`)
    }
    return {
      device: name,
      size,
      snapshot: snapshot?.id,
      deleteOnTermination: device.flag('Ebs.DeleteOnTermination') ?? true,
      root
    }
  })
  if (!image.root || more.some(({ root }) => root)) return more
  const { size, snapshot } = image.root
  return [{ device: image.rootDevice, size, snapshot, deleteOnTermination: true, root: true }, ...more]
}
