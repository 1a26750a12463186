import { deleteNic, nicsOf } from './interfaces.ts'
import { deleteVolume, release, volumesOf } from './volumes.ts'
import type { Cloud, Instance } from './state.ts'

/** A stopped one ends at once, and one that has ended is forgotten. */
export function terminate (cloud: Cloud, instance: Instance) {
  const { state } = instance
  if (state === 'shutting-down') return
  if (state === 'terminated') {
    forget(cloud, instance)
    return
  }
  const end = () => {
    instance.state = 'terminated'
    instance.publicIp = undefined
    cleanUp(cloud, instance)
    cloud.inTheEnd(() => { forget(cloud, instance) })
  }
  if (state === 'stopped') {
    end()
    return
  }
  instance.state = 'shutting-down'
  cloud.later(end)
}

function cleanUp (cloud: Cloud, { id }: Instance) {
  for (const volume of volumesOf(cloud, id)) {
    const goes = volume.attachment?.deleteOnTermination
    release(volume)
    if (goes) deleteVolume(cloud, volume)
  }
  for (const nic of nicsOf(cloud, id)) {
    const goes = nic.attachment?.deleteOnTermination
    delete nic.attachment
    if (goes) deleteNic(cloud, nic)
  }
}

function forget (cloud: Cloud, { id }: Instance) {
  cloud.instances.delete(id)
  cloud.tags.delete(id)
}
