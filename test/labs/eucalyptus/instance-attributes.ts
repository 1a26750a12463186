import { fault } from './faults.ts'
import { groupSet, groupsFor, nicsOf } from './interfaces.ts'
import { find } from './state.ts'
import { volumesOf } from './volumes.ts'
import { instanceTypes } from './zones.ts'
import type { Actions } from './action.ts'
import type { Tree } from './xml.ts'

/** From Eucalyptus' VmControl. Type, kernel, ramdisk and user data change only while the instance is stopped. */
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
        ebs: { volumeId: id, status: attachment!.status, attachTime: attachment!.at, deleteOnTermination: attachment!.deleteOnTermination }
      }))
    }
    if (!(attribute in values)) throw fault('InvalidParameterValue', `Value (${attribute}) for parameter attribute is invalid. Unknown attribute.`)
    return { instanceId: instance.id, [attribute]: values[attribute] }
  },

  ModifyInstanceAttribute (cloud, query) {
    const instance = find(cloud.instances, query.need('InstanceId'), 'i', 'InvalidInstanceID.NotFound')
    const stoppedOnly = ['InstanceType.Value', 'Kernel.Value', 'Ramdisk.Value', 'UserData.Value']
    if (stoppedOnly.some(name => query.has(name)) && instance.state !== 'stopped') {
      throw fault('IncorrectInstanceState', `The instance '${instance.id}' is not in the 'stopped' state.`)
    }
    const type = query.one('InstanceType.Value')
    if (type && !instanceTypes.some(({ name }) => name === type)) throw fault('InvalidParameterValue', `Invalid value '${type}' for InstanceType.`)
    const shutdown = query.one('InstanceInitiatedShutdownBehavior.Value')
    if (shutdown && shutdown !== 'stop' && shutdown !== 'terminate') throw fault('InvalidParameterValue', `Invalid shutdown behavior: ${shutdown}`)
    const nic = nicsOf(cloud, instance.id)[0]
    const groups = query.list('GroupId')
    const disks = query.groups('BlockDeviceMapping').map(device => {
      const volume = volumesOf(cloud, instance.id).find(({ attachment }) => attachment?.device === device.one('DeviceName'))
      if (!volume) throw fault('InvalidInstanceAttributeValue', `No device is currently mapped at ${device.one('DeviceName')}`)
      return { attachment: volume.attachment!, deleteOnTermination: device.flag('Ebs.DeleteOnTermination') ?? true }
    })

    if (nic && groups.length) nic.groups = groupsFor(cloud, groups, nic.vpc).map(({ id }) => id)
    if (nic) nic.sourceDestCheck = query.flag('SourceDestCheck.Value') ?? nic.sourceDestCheck
    for (const { attachment, deleteOnTermination } of disks) attachment.deleteOnTermination = deleteOnTermination
    instance.type = type ?? instance.type
    instance.kernel = query.one('Kernel.Value') ?? instance.kernel
    instance.ramdisk = query.one('Ramdisk.Value') ?? instance.ramdisk
    if (query.has('UserData.Value')) instance.userData = query.one('UserData.Value')
    instance.protected = query.flag('DisableApiTermination.Value') ?? instance.protected
    instance.onShutdown = shutdown ?? instance.onShutdown
  }
}
