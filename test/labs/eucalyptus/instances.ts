import { failure, fault } from './faults.ts'
import { filtered } from './filters.ts'
import { dnsName, groupSet, nicsOf, publicOf, shownWithInstance } from './interfaces.ts'
import { boot, runInstances } from './run.ts'
import { account, chosen, find, normal, stateCodes } from './state.ts'
import { tagSet } from './tags.ts'
import { terminate } from './terminate.ts'
import { volumesOf } from './volumes.ts'
import type { Actions } from './action.ts'
import type { Query } from './query.ts'
import type { Cloud, Instance, InstanceState } from './state.ts'
import type { Tree } from './xml.ts'

/** From Eucalyptus' VmControl and VmInstances.VmInstanceFilterSupport. */
export const instanceActions: Actions = {
  RunInstances: (cloud, query) => shownReservation(cloud, runInstances(cloud, query)),

  DescribeInstances (cloud, query) {
    const all = chosen(cloud.instances, query.list('InstanceId'), 'i', 'InvalidInstanceID.NotFound')
    const shown = filtered(cloud, query, all, fieldsOf(cloud), instance => instance.id)
    const reservations = new Map<string, Instance[]>()
    for (const instance of shown) {
      reservations.set(instance.reservation, [...(reservations.get(instance.reservation) ?? []), instance])
    }
    return { reservationSet: [...reservations.values()].map(instances => shownReservation(cloud, instances)) }
  },

  DescribeInstanceStatus (cloud, query) {
    const all = chosen(cloud.instances, query.list('InstanceId'), 'i', 'InvalidInstanceID.NotFound')
      .filter(({ state }) => state === 'running' || query.flag('IncludeAllInstances'))
    const shown = filtered(cloud, query, all, {
      'availability-zone': instance => instance.zone,
      'instance-state-code': instance => stateCodes[instance.state],
      'instance-state-name': instance => instance.state,
      'system-status.status': () => 'ok',
      'system-status.reachability': () => 'passed',
      'instance-status.status': () => 'ok',
      'instance-status.reachability': () => 'passed'
    })
    return {
      instanceStatusSet: shown.map(({ id, zone, state }) => {
        const status =
          state === 'running'
            ? { status: 'ok', details: [{ name: 'reachability', status: 'passed' }] }
            : { status: 'not-applicable' }
        return {
          instanceId: id,
          availabilityZone: zone,
          instanceState: stateOf(state),
          systemStatus: status,
          instanceStatus: status
        }
      })
    }
  },

  /** Passes over what is not stopped. */
  StartInstances (cloud, query) {
    return changes(asked(cloud, query).filter(({ state }) => state === 'stopped'), instance => {
      if (cloud.behaviour.full.has(instance.type)) {
        throw fault('InsufficientInstanceCapacity', 'Not enough resources', 503)
      }
      boot(cloud, instance)
    })
  },

  StopInstances (cloud, query) {
    const instances = asked(cloud, query)
    for (const { id, ebs, state } of instances) {
      if (!ebs) {
        throw fault(
          'UnsupportedOperation',
          `The instance '${id}' does not have an 'ebs' root device type and cannot be stopped.`
        )
      }
      if (state === 'terminated') {
        throw fault('IncorrectInstanceState', `This instance '${id}' is not in a state from which it can be stopped.`)
      }
    }
    return changes(instances, instance => {
      if (instance.state !== 'running' && instance.state !== 'pending') return
      instance.state = 'stopping'
      cloud.later(() => { if (instance.state === 'stopping') instance.state = 'stopped' })
    })
  },

  /** Shows no state of its own. */
  RebootInstances (cloud, query) {
    const missing = query.list('InstanceId').filter(id => !cloud.instances.has(normal(id, 'i')))
    if (missing.length) throw failure(`No such instance(s): ${missing.join(', ')}`)
  },

  TerminateInstances (cloud, query) {
    const instances = asked(cloud, query)
    for (const one of instances) {
      if (one.protected) throw fault('OperationNotPermitted', `Termination protection enabled for instance ${one.id}`)
    }
    return changes(instances, instance => { terminate(cloud, instance) })
  },

  MonitorInstances: (cloud, query) => monitored(cloud, query, true),
  UnmonitorInstances: (cloud, query) => monitored(cloud, query, false),

  GetConsoleOutput (cloud, query) {
    const instance = find(
      cloud.instances,
      query.one('InstanceId') ?? query.need('InstanceId.1'),
      'i',
      'InvalidInstanceID.NotFound'
    )
    if (instance.state !== 'running') throw failure(`Instance ${instance.id} is not in a running state.`)
    const text = `Linux\r\n${instance.id} login: `
    return { instanceId: instance.id, timestamp: new Date(), output: Buffer.from(text).toString('base64') }
  }
}

function asked (cloud: Cloud, query: Query): Instance[] {
  const ids = query.list('InstanceId')
  if (!ids.length) throw fault('MissingParameter', 'The request must contain the parameter InstanceId')
  return [...new Set(chosen(cloud.instances, ids, 'i', 'InvalidInstanceID.NotFound'))]
}

function changes (instances: Instance[], change: (instance: Instance) => void) {
  return {
    instancesSet: instances.map(instance => {
      const before = instance.state
      change(instance)
      return { instanceId: instance.id, currentState: stateOf(instance.state), previousState: stateOf(before) }
    })
  }
}

function monitored (cloud: Cloud, query: Query, on: boolean) {
  return {
    instancesSet: asked(cloud, query).map(instance => {
      instance.monitoring = on
      return { instanceId: instance.id, monitoring: { state: on ? 'enabled' : 'disabled' } }
    })
  }
}

function stateOf (name: InstanceState) {
  return { code: stateCodes[name], name }
}

function groupsOf (cloud: Cloud, instance: Instance): string[] {
  return nicsOf(cloud, instance.id)[0]?.groups ?? []
}

function publicIp (cloud: Cloud, instance: Instance): string | undefined {
  if (instance.state === 'terminated') return undefined
  const nic = nicsOf(cloud, instance.id)[0]
  return (nic && publicOf(cloud, nic)?.ip) ?? instance.publicIp
}

function fieldsOf (cloud: Cloud) {
  const nic = (instance: Instance) => nicsOf(cloud, instance.id)[0]
  const groupNames = (instance: Instance) => groupsOf(cloud, instance).map(id => cloud.groups.get(id)?.name)
  const volumes = (instance: Instance) => volumesOf(cloud, instance.id)
  return {
    architecture: () => 'x86_64',
    'availability-zone': (instance: Instance) => instance.zone,
    'block-device-mapping.attach-time': (instance: Instance) =>
      volumes(instance).map(({ attachment }) => attachment?.at.toISOString()),
    'block-device-mapping.delete-on-termination': (instance: Instance) =>
      volumes(instance).map(({ attachment }) => attachment?.deleteOnTermination),
    'block-device-mapping.device-name': (instance: Instance) =>
      volumes(instance).map(({ attachment }) => attachment?.device),
    'block-device-mapping.status': (instance: Instance) =>
      volumes(instance).map(({ attachment }) => attachment?.status),
    'block-device-mapping.volume-id': (instance: Instance) => volumes(instance).map(({ id }) => id),
    'client-token': (instance: Instance) => instance.clientToken,
    'dns-name': (instance: Instance) =>
      publicIp(cloud, instance) && dnsName(cloud, publicIp(cloud, instance)!, 'eucalyptus'),
    'group-id': (instance: Instance) => groupsOf(cloud, instance),
    'group-name': groupNames,
    'image-id': (instance: Instance) => instance.image,
    'instance-id': (instance: Instance) => instance.id,
    'instance-lifecycle': () => '',
    'instance-state-code': (instance: Instance) => stateCodes[instance.state],
    'instance-state-name': (instance: Instance) => instance.state,
    'instance-type': (instance: Instance) => instance.type,
    'instance.group-id': (instance: Instance) => groupsOf(cloud, instance),
    'instance.group-name': groupNames,
    'ip-address': (instance: Instance) => publicIp(cloud, instance),
    'kernel-id': (instance: Instance) => instance.kernel,
    'key-name': (instance: Instance) => instance.keyName,
    'launch-index': (instance: Instance) => instance.index,
    'launch-time': (instance: Instance) => instance.launched.toISOString(),
    'monitoring-state': (instance: Instance) => (instance.monitoring ? 'enabled' : 'disabled'),
    'owner-id': () => account,
    platform: (instance: Instance) => instance.platform,
    'private-dns-name': (instance: Instance) => nic(instance) && dnsName(cloud, nic(instance)!.ip, 'internal'),
    'private-ip-address': (instance: Instance) => nic(instance)?.ip,
    'ramdisk-id': (instance: Instance) => instance.ramdisk,
    reason: (instance: Instance) => instance.reason,
    'reservation-id': (instance: Instance) => instance.reservation,
    'root-device-name': (instance: Instance) => instance.rootDevice,
    'root-device-type': (instance: Instance) => (instance.ebs ? 'ebs' : 'instance-store'),
    'subnet-id': (instance: Instance) => nic(instance)?.subnet,
    'virtualization-type': () => 'hvm',
    'vpc-id': (instance: Instance) => nic(instance)?.vpc,
    'network-interface.network-interface-id': (instance: Instance) => nicsOf(cloud, instance.id).map(({ id }) => id),
    'network-interface.subnet-id': (instance: Instance) => nicsOf(cloud, instance.id).map(({ subnet }) => subnet),
    'network-interface.vpc-id': (instance: Instance) => nicsOf(cloud, instance.id).map(({ vpc }) => vpc)
  }
}

function shownReservation (cloud: Cloud, instances: Instance[]): { [name: string]: Tree } {
  const [first] = instances
  return {
    reservationId: first!.reservation,
    ownerId: account,
    groupSet: groupSet(cloud, groupsOf(cloud, first!)),
    instancesSet: instances.map(instance => shownInstance(cloud, instance))
  }
}

function shownInstance (cloud: Cloud, instance: Instance): { [name: string]: Tree } {
  const nics = nicsOf(cloud, instance.id)
  const [nic] = nics
  const { edge } = cloud.behaviour
  const address = publicIp(cloud, instance)
  return {
    instanceId: instance.id,
    imageId: instance.image,
    instanceState: stateOf(instance.state),
    privateDnsName: nic && dnsName(cloud, nic.ip, 'internal'),
    dnsName: address && dnsName(cloud, address, 'eucalyptus'),
    reason: instance.reason ?? null,
    keyName: instance.keyName,
    amiLaunchIndex: instance.index,
    productCodes: [],
    instanceType: instance.type,
    launchTime: instance.launched,
    placement: { availabilityZone: instance.zone, groupName: 'default', tenancy: 'default' },
    kernelId: instance.kernel ?? undefined,
    ramdiskId: instance.ramdisk ?? undefined,
    platform: instance.platform,
    monitoring: { state: instance.monitoring ? 'enabled' : 'disabled' },
    subnetId: edge ? undefined : nic?.subnet,
    vpcId: edge ? undefined : nic?.vpc,
    privateIpAddress: nic?.ip,
    ipAddress: address,
    sourceDestCheck: nic?.sourceDestCheck,
    groupSet: groupSet(cloud, nic?.groups ?? []),
    architecture: 'x86_64',
    rootDeviceType: instance.ebs ? 'ebs' : 'instance-store',
    rootDeviceName: instance.rootDevice,
    blockDeviceMapping: volumesOf(cloud, instance.id).map(({ id, attachment }) => ({
      deviceName: attachment!.device,
      ebs: {
        volumeId: id,
        status: attachment!.status,
        attachTime: attachment!.at,
        deleteOnTermination: attachment!.deleteOnTermination
      }
    })),
    virtualizationType: 'hvm',
    clientToken: instance.clientToken,
    tagSet: tagSet(cloud, instance.id),
    hypervisor: 'xen',
    networkInterfaceSet: (edge ? [] : nics).map((one) => shownWithInstance(cloud, one, instance))
  }
}
