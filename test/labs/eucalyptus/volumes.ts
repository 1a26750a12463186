import { failure, fault } from './faults.ts'
import { filtered } from './filters.ts'
import { chosen, find } from './state.ts'
import { tagSet } from './tags.ts'
import type { Actions } from './action.ts'
import type { Cloud, Volume, VolumeAttachment } from './state.ts'
import type { Tree } from './xml.ts'

/** From Eucalyptus' VolumeManager. A volume's type is always standard. */
export const volumeActions: Actions = {
  DescribeVolumes (cloud, query) {
    const all = chosen(cloud.volumes, query.list('VolumeId'), 'vol', 'InvalidVolume.NotFound')
    const shown = filtered(cloud, query, all, {
      'attachment.attach-time': volume => volume.attachment?.at.toISOString(),
      'attachment.delete-on-termination': volume => volume.attachment?.deleteOnTermination,
      'attachment.device': volume => volume.attachment?.device,
      'attachment.instance-id': volume => volume.attachment?.instance,
      'attachment.status': volume => volume.attachment?.status,
      'availability-zone': volume => volume.zone,
      'create-time': volume => volume.created.toISOString(),
      size: volume => volume.size,
      'snapshot-id': volume => volume.snapshot,
      status: volume => volume.status,
      'volume-id': volume => volume.id,
      'volume-type': volume => volume.type
    }, volume => volume.id)
    return { volumeSet: shown.map(volume => shownVolume(cloud, volume)) }
  },

  CreateVolume (cloud, query) {
    const { quotas } = cloud.behaviour
    const zone = query.need('AvailabilityZone')
    if (!cloud.zones.includes(zone)) throw fault('InvalidParameterValue', `Invalid availability zone: ${zone}`)
    if (cloud.volumes.size >= quotas.volumes) {
      throw fault('VolumeLimitExceeded', 'Request would exceed quota for type: volume')
    }
    const snapshot = query.one('SnapshotId')
      ? find(cloud.snapshots, query.need('SnapshotId'), 'snap', 'InvalidSnapshot.NotFound')
      : undefined
    if (snapshot && snapshot.status !== 'completed') {
      throw fault('IncorrectState', `Snapshot ${snapshot.id} is not completed`)
    }
    const given = query.one('Size')
    if (given === undefined && !snapshot) {
      throw fault('MissingParameter', 'One of size or snapshotId is required as a parameter.')
    }
    const size = given === undefined ? snapshot!.size : Number(given)
    if (!Number.isInteger(size) || size < 1) throw fault('InvalidParameterValue', `Invalid size: ${given}`)
    if (snapshot && size < snapshot.size) {
      throw fault('InvalidParameterValue', 'Size of the volume cannot be smaller than the source snapshot')
    }
    return shownVolume(cloud, createVolume(cloud, { size, zone, snapshot: snapshot?.id }))
  },

  DeleteVolume (cloud, query) {
    const volume = find(cloud.volumes, query.need('VolumeId'), 'vol', 'InvalidVolume.NotFound')
    if (volume.attachment) throw fault('VolumeInUse', `Volume is currently attached: ${volume.id}`)
    if (volume.status === 'creating') throw fault('IncorrectState', `Volume is not available: ${volume.id}`)
    deleteVolume(cloud, volume)
  },

  AttachVolume (cloud, query) {
    const device = query.one('Device')
    if (!device || device.endsWith('sda') || !/^[a-zA-Z\d/]{3,10}$/.test(device)) {
      throw fault('InvalidParameterValue', `Value (${device}) for parameter device is invalid.`)
    }
    const instance = find(cloud.instances, query.need('InstanceId'), 'i', 'InvalidInstanceID.NotFound')
    if (instance.state !== 'running' && instance.state !== 'stopped') {
      throw fault('IncorrectState', `Instance is not running: ${instance.id}`)
    }
    const volume = find(cloud.volumes, query.need('VolumeId'), 'vol', 'InvalidVolume.NotFound')
    if (volumesOf(cloud, instance.id).some(one => one.attachment?.device === device)) {
      throw fault('InvalidParameterValue', `Already have a device attached to: ${device}`)
    }
    if (volume.attachment) throw fault('VolumeInUse', `Volume already attached: ${volume.id}`)
    if (volume.status !== 'available') throw fault('IncorrectState', `Volume is not available: ${volume.id}`)
    if (volume.zone !== instance.zone) throw failure(`Can only attach volumes in the same zone: ${volume.id}`)
    attach(cloud, volume, instance.id, device, { root: false, deleteOnTermination: false })
    return shownAttachment(volume)
  },

  DetachVolume (cloud, query) {
    const volume = find(cloud.volumes, query.need('VolumeId'), 'vol', 'InvalidVolume.NotFound')
    const { attachment } = volume
    if (!attachment) throw fault('IncorrectState', `Volume is not attached: ${volume.id}`)
    if (attachment.root) throw failure(`${volume.id} Cannot be detached`)
    const instance = query.one('InstanceId')
    if (instance && attachment.instance !== find(cloud.instances, instance, 'i', 'InvalidInstanceID.NotFound').id) {
      throw fault('InvalidAttachment.NotFound', `Volume is not attached to instance: ${instance}`)
    }
    const device = query.one('Device')
    if (device && attachment.device !== device) throw failure(`Volume is not attached to device: ${device}`)
    attachment.status = 'detaching'
    cloud.later(() => { release(volume) })
    return shownAttachment(volume)
  }
}

export function createVolume (
  cloud: Cloud,
  { size, zone, snapshot }: Pick<Volume, 'size' | 'zone' | 'snapshot'>
): Volume {
  const volume: Volume = {
    id: cloud.id('vol'),
    size,
    zone,
    snapshot,
    status: 'creating',
    type: 'standard',
    created: new Date()
  }
  cloud.volumes.set(volume.id, volume)
  cloud.later(() => {
    if (volume.status === 'creating') volume.status = 'available'
  })
  return volume
}

export function deleteVolume (cloud: Cloud, volume: Volume) {
  volume.status = 'deleting'
  cloud.later(() => {
    cloud.volumes.delete(volume.id)
    cloud.tags.delete(volume.id)
  })
}

interface Attaching { root: boolean, deleteOnTermination: boolean }

export function attach (
  cloud: Cloud,
  volume: Volume,
  instance: string,
  device: string,
  { root, deleteOnTermination }: Attaching
) {
  volume.status = 'in-use'
  const attachment: VolumeAttachment = {
    instance,
    device,
    status: 'attaching',
    at: new Date(),
    deleteOnTermination,
    root
  }
  volume.attachment = attachment
  cloud.later(() => {
    if (attachment.status === 'attaching') attachment.status = 'attached'
  })
}

export function release (volume: Volume) {
  delete volume.attachment
  if (volume.status === 'in-use') volume.status = 'available'
}

export function volumesOf (cloud: Cloud, instance: string): Volume[] {
  return [...cloud.volumes.values()].filter(({ attachment }) => attachment?.instance === instance)
}

function shownAttachment ({ id, attachment }: Volume): { [name: string]: Tree } {
  return {
    volumeId: id,
    instanceId: attachment!.instance,
    device: attachment!.device,
    status: attachment!.status,
    attachTime: attachment!.at,
    deleteOnTermination: attachment!.deleteOnTermination
  }
}

function shownVolume (cloud: Cloud, volume: Volume): { [name: string]: Tree } {
  return {
    volumeId: volume.id,
    size: volume.size,
    snapshotId: volume.snapshot ?? null,
    availabilityZone: volume.zone,
    status: volume.status,
    createTime: volume.created,
    attachmentSet: volume.attachment ? [shownAttachment(volume)] : [],
    tagSet: tagSet(cloud, volume.id),
    volumeType: volume.type,
    encrypted: false
  }
}
