import { fault } from './faults.ts'
import { groupSet, nicsOf } from './interfaces.ts'
import { find } from './state.ts'
import { volumesOf } from './volumes.ts'
import { instanceTypes } from './zones.ts'
import type { Actions } from './action.ts'
import type { Query } from './query.ts'
import type { Instance } from './state.ts'
import type { Tree } from './xml.ts'

/**
 * From Eucalyptus' VmControl. Of several attributes in one request only the first in the order below is changed. Type,
 * kernel, ramdisk and user data change only while the instance is stopped.
 */
export const instanceAttributeActions: Actions = {
  DescribeInstanceAttribute (cloud, query) {
    const instance = find(cloud.instances, query.need('InstanceId'), 'i', 'InvalidInstanceID.NotFound')
    const attribute = query.need('Attribute')
    const nic = nicsOf(cloud, instance.id)[0]
    const values: Record<string, Tree> = {
      instanceType: { value: instance.type },
      kernel: { value: instance.kernel ?? undefined },
      ramdisk: { value: instance.ramdisk ?? undefined },
      userData: { value: instance.userData },
      disableApiTermination: { value: instance.protected },
      instanceInitiatedShutdownBehavior: { value: instance.onShutdown },
      rootDeviceName: { value: instance.rootDevice },
      sourceDestCheck: { value: nic?.sourceDestCheck },
      ebsOptimized: { value: false },
      groupSet: groupSet(cloud, nic?.groups ?? []),
      productCodes: [],
      blockDeviceMapping: volumesOf(cloud, instance.id).map(({ id, attachment }) => ({
        deviceName: attachment!.device,
        ebs: {
          volumeId: id,
          status: attachment!.status,
          attachTime: attachment!.at,
          deleteOnTermination: attachment!.deleteOnTermination
        }
      }))
    }
    if (!(attribute in values)) {
      throw fault(
        'InvalidParameterValue',
        `Value (${attribute}) for parameter attribute is invalid. Unknown attribute.`
      )
    }
    return { instanceId: instance.id, [attribute]: values[attribute] }
  },

  ModifyInstanceAttribute (cloud, query) {
    const instance = find(cloud.instances, query.need('InstanceId'), 'i', 'InvalidInstanceID.NotFound')
    const nic = nicsOf(cloud, instance.id)[0]
    const [devices, groups] = [query.groups('BlockDeviceMapping'), query.list('GroupId')]
    if (devices.length) {
      const disks = devices.map(device => {
        const volume = volumesOf(cloud, instance.id).find(
          ({ attachment }) => attachment?.device === device.one('DeviceName')
        )
        if (!volume) {
          throw fault('InvalidInstanceAttributeValue', `No device is currently mapped at ${device.one('DeviceName')}`)
        }
        return { attachment: volume.attachment!, deleteOnTermination: device.flag('Ebs.DeleteOnTermination') ?? true }
      })
      for (const { attachment, deleteOnTermination } of disks) attachment.deleteOnTermination = deleteOnTermination
    } else if (query.has('DisableApiTermination')) {
      instance.protected = query.flag('DisableApiTermination.Value') ?? false
    } else if (groups.length) {
      const found = groups.map(id => find(cloud.groups, id, 'sg', 'InvalidGroup.NotFound'))
      if (found.some(({ vpc }) => vpc !== nic?.vpc)) throw fault('InvalidGroup.NotFound', 'Security group not found')
      nic!.groups = found.map(({ id }) => id)
    } else if (query.has('SourceDestCheck')) {
      if (nic) nic.sourceDestCheck = query.flag('SourceDestCheck.Value') ?? true
    } else if (!unsupported.some(name => query.has(name))) {
      if (instance.state !== 'stopped') {
        throw fault('IncorrectInstanceState', `The instance (${instance.id}) is not in the 'stopped' state.`)
      }
      change(instance, query)
    }
  }
}

/** Taken, and nothing happens. */
const unsupported = ['EbsOptimized', 'InstanceInitiatedShutdownBehavior', 'SriovNetSupport']

function change (instance: Instance, query: Query) {
  const [type, kernel, ramdisk] = [
    query.one('InstanceType.Value'),
    query.one('Kernel.Value'),
    query.one('Ramdisk.Value')
  ]
  if (type) {
    if (!instanceTypes.some(({ name }) => name === type)) {
      throw fault('InvalidInstanceAttributeValue', `The instanceType '${type}' is invalid.`)
    }
    instance.type = type
  } else if (kernel) {
    instance.kernel = kernel
  } else if (ramdisk) {
    instance.ramdisk = ramdisk
  } else if (query.has('UserData')) {
    const userData = query.one('UserData.Value')
    if (userData && Buffer.from(userData, 'base64').length > 16384) {
      throw fault('InvalidParameterValue', 'User data is limited to 16384 bytes')
    }
    instance.userData = userData
  }
}
