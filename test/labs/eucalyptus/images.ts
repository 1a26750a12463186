import { failure, fault } from './faults.ts'
import { filtered } from './filters.ts'
import { createSnapshot } from './snapshots.ts'
import { account, find } from './state.ts'
import { tagSet } from './tags.ts'
import { volumesOf } from './volumes.ts'
import type { Actions } from './action.ts'
import type { Cloud, Image } from './state.ts'

/** From Eucalyptus' ImageManager and ComputeService: images, kernels and ramdisks are in one list. */
export const imageActions: Actions = {
  DescribeImages (cloud, query) {
    const [ids, owners, users] = [query.list('ImageId'), query.list('Owner'), query.list('ExecutableBy')]
    const asked = ids.length ? ids.map(id => findImage(cloud, id)) : [...cloud.images.values()]
    const all = asked
      .filter((image) => visible(image) && image.state !== 'deregistered')
      .filter(
        (image) =>
          !owners.length ||
          owners.some((owner) => owner === image.owner || (owner === 'self' && image.owner === account))
      )
      .filter(
        (image) =>
          !users.length ||
          users.some((user) =>
            user === 'all' ? image.isPublic : image.users.includes(user === 'self' ? account : user)
          )
      )
    const shown = filtered(cloud, query, all, {
      architecture: image => image.architecture,
      description: image => image.description,
      'image-id': image => image.id,
      'image-type': image => image.kind,
      'is-public': image => image.isPublic,
      'kernel-id': image => image.kernel,
      'manifest-location': image => image.location,
      name: image => image.name,
      'owner-id': image => image.owner,
      platform: image => image.platform,
      'ramdisk-id': image => image.ramdisk,
      'root-device-name': image => image.rootDevice,
      'root-device-type': image => image.root ? 'ebs' : 'instance-store',
      state: image => image.state,
      'virtualization-type': () => 'hvm',
      'block-device-mapping.snapshot-id': image => image.root?.snapshot
    }, image => image.id)
    return { imagesSet: shown.map(image => shownImage(cloud, image)) }
  },

  CreateImage (cloud, query) {
    const instance = find(cloud.instances, query.need('InstanceId'), 'i', 'InvalidInstanceID.NotFound')
    const name = freeName(cloud, query.need('Name'))
    if (!instance.ebs) throw fault('InvalidParameterValue', 'Instance does not have an ebs root device')
    if (instance.state !== 'running' && instance.state !== 'stopped') {
      throw fault('IncorrectInstanceState', `Instance ${instance.id} is ${instance.state}`)
    }
    const volume = volumesOf(cloud, instance.id).find(({ attachment }) => attachment?.root)
    if (!volume) throw failure('Instance has no root volume')
    const snapshot = createSnapshot(cloud, volume, `Created by CreateImage(${instance.id})`)
    const source = cloud.images.get(instance.image)
    const image = addImage(cloud, {
      name,
      description: query.one('Description'),
      state: 'pending',
      ...source?.platform && { platform: source.platform },
      rootDevice: instance.rootDevice,
      root: { snapshot: snapshot.id, size: volume.size }
    })
    // Not before its snapshot, which takes two steps.
    cloud.later(() =>
      cloud.later(() =>
        cloud.later(() => {
          if (image.state === 'pending') image.state = 'available'
        })
      )
    )
    return { imageId: image.id }
  },

  RegisterImage (cloud, query) {
    const root = query.groups('BlockDeviceMapping').find(device => device.one('Ebs.SnapshotId'))
    const snapshot = root && find(cloud.snapshots, root.need('Ebs.SnapshotId'), 'snap', 'InvalidSnapshot.NotFound')
    const location = query.one('ImageLocation')
    if (!snapshot && !location) throw fault('MissingParameter', 'ImageLocation or a block device mapping is required')
    const image = addImage(cloud, {
      name: freeName(cloud, query.need('Name')),
      description: query.one('Description'),
      state: 'available',
      location: location ?? snapshot!.id,
      rootDevice: query.one('RootDeviceName') ?? '/dev/sda',
      root: snapshot && { snapshot: snapshot.id, size: root.int('Ebs.VolumeSize') ?? snapshot.size }
    })
    return { imageId: image.id }
  },

  DeregisterImage (cloud, query) {
    const image = ownImage(cloud, query.need('ImageId'))
    cloud.images.delete(image.id)
    cloud.tags.delete(image.id)
  },

  DescribeImageAttribute (cloud, query) {
    const image = ownImage(cloud, query.need('ImageId'))
    const attribute = query.need('Attribute')
    const shown = {
      launchPermission: {
        launchPermission: [...(image.isPublic ? [{ group: 'all' }] : []), ...image.users.map((userId) => ({ userId }))]
      },
      description: { description: { value: image.description } },
      kernel: { kernel: { value: image.kernel ?? undefined } },
      ramdisk: { ramdisk: { value: image.ramdisk ?? undefined } },
      blockDeviceMapping: { blockDeviceMapping: mappings(image) },
      productCodes: { productCodes: [] }
    }[attribute]
    if (!shown) throw failure('invalid image attribute request.')
    return { imageId: image.id, ...shown }
  },

  ModifyImageAttribute (cloud, query) {
    const image = ownImage(cloud, query.need('ImageId'))
    const description = query.one('Description.Value')
    if (description !== undefined) image.description = description
    const old = (way: 'Add' | 'Remove') =>
      query.one('Attribute') === 'launchPermission' && (query.one('OperationType') === 'add') === (way === 'Add')
    for (const way of ['Add', 'Remove'] as const) {
      const given = query.groups(`LaunchPermission.${way}`)
      const users = [...given.flatMap(one => one.one('UserId') ?? []), ...old(way) ? query.list('UserId') : []]
      const groups = [
        ...given.flatMap((one) => one.one('Group') ?? []),
        ...(old(way) ? [...query.list('Group'), ...query.list('UserGroup')] : [])
      ]
      if (groups.includes('all')) image.isPublic = way === 'Add'
      image.users =
        way === 'Add' ? [...new Set([...image.users, ...users])] : image.users.filter((user) => !users.includes(user))
    }
  }
}

export function addImage (cloud: Cloud, given: Partial<Image> & { prefix?: string }): Image {
  const { prefix = 'emi', ...more } = given
  const id = cloud.id(prefix)
  const image: Image = {
    id,
    kind: 'machine',
    name: id,
    description: undefined,
    state: 'available',
    owner: account,
    isPublic: false,
    users: [],
    architecture: 'x86_64',
    kernel: null,
    ramdisk: null,
    location: `${account}/${more.name ?? id}`,
    rootDevice: '/dev/sda',
    root: undefined,
    ...more
  }
  cloud.images.set(id, image)
  return image
}

export function findImage (cloud: Cloud, given: string): Image {
  const prefix = /^e[mkr]i(?=-)/i.exec(given)?.[0].toLowerCase() ?? 'emi'
  const image = find(cloud.images, given, prefix, 'InvalidAMIID.NotFound')
  if (!visible(image)) throw fault('InvalidAMIID.NotFound', `The image ID '${given}' does not exist`)
  return image
}

function ownImage (cloud: Cloud, given: string): Image {
  const image = findImage(cloud, given)
  if (image.owner !== account) throw fault('UnauthorizedOperation', 'Not authorized to change the image', 403)
  return image
}

function visible ({ owner, isPublic, users }: Image): boolean {
  return owner === account || isPublic || users.includes(account)
}

function freeName (cloud: Cloud, name: string): string {
  if (!/^[A-Za-z0-9()[\] ./'@_-]{3,128}$/.test(name)) {
    throw fault('InvalidAMIName.Malformed', 'AMI names must be between 3 and 128 characters long')
  }
  if ([...cloud.images.values()].some(image => image.owner === account && image.name === name)) {
    throw fault('InvalidAMIName.Duplicate', `AMI name ${name} is already in use`)
  }
  return name
}

function mappings ({ rootDevice, root }: Image) {
  return root
    ? [{ deviceName: rootDevice, ebs: { snapshotId: root.snapshot, volumeSize: root.size, deleteOnTermination: true } }]
    : []
}

function shownImage (cloud: Cloud, image: Image) {
  return {
    imageId: image.id,
    imageLocation: image.location,
    imageState: image.state,
    imageOwnerId: image.owner,
    isPublic: image.isPublic,
    productCodes: [],
    architecture: image.architecture,
    imageType: image.kind,
    kernelId: image.kernel ?? undefined,
    ramdiskId: image.ramdisk ?? undefined,
    platform: image.platform,
    name: image.name,
    description: image.description,
    rootDeviceType: image.root ? 'ebs' : 'instance-store',
    rootDeviceName: image.rootDevice,
    blockDeviceMapping: mappings(image),
    virtualizationType: 'hvm',
    hypervisor: 'xen',
    tagSet: tagSet(cloud, image.id)
  }
}
