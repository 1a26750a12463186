import { fault } from './faults.ts'
import { filtered } from './filters.ts'
import { account, chosen, find } from './state.ts'
import { tagSet } from './tags.ts'
import type { Actions } from './action.ts'
import type { Cloud, Snapshot, Volume } from './state.ts'
import type { Tree } from './xml.ts'

/** From Eucalyptus' SnapshotManager. */
export const snapshotActions: Actions = {
  DescribeSnapshots (cloud, query) {
    const asked = chosen(cloud.snapshots, query.list('SnapshotId'), 'snap', 'InvalidSnapshot.NotFound')
    const owners = query.list('Owner')
    const all = asked.filter(() => !owners.length || owners.some(owner => owner === 'self' || owner === account))
    const shown = filtered(cloud, query, all, {
      description: snapshot => snapshot.description,
      'owner-id': () => account,
      progress: snapshot => `${snapshot.progress}%`,
      'snapshot-id': snapshot => snapshot.id,
      'start-time': snapshot => snapshot.started.toISOString(),
      status: snapshot => snapshot.status,
      'volume-id': snapshot => snapshot.volume,
      'volume-size': snapshot => snapshot.size
    }, snapshot => snapshot.id)
    return { snapshotSet: shown.map(snapshot => shownSnapshot(cloud, snapshot)) }
  },

  CreateSnapshot (cloud, query) {
    const volume = find(cloud.volumes, query.need('VolumeId'), 'vol', 'InvalidVolume.NotFound')
    if (volume.status !== 'available' && volume.status !== 'in-use') {
      throw fault('IncorrectState', `Volume ${volume.id} is not ready`)
    }
    if (cloud.snapshots.size >= cloud.behaviour.quotas.snapshots) {
      throw fault('SnapshotLimitExceeded', 'Request would exceed quota for type: snapshot')
    }
    return shownSnapshot(cloud, createSnapshot(cloud, volume, query.one('Description')))
  },

  DeleteSnapshot (cloud, query) {
    const snapshot = find(cloud.snapshots, query.need('SnapshotId'), 'snap', 'InvalidSnapshot.NotFound')
    if (snapshot.status !== 'completed') throw fault('IncorrectState', `Snapshot ${snapshot.id} is not completed`)
    const image = [...cloud.images.values()].find(({ root }) => root?.snapshot === snapshot.id)
    if (image) throw fault('InvalidSnapshot.InUse', `The snapshot ${snapshot.id} is currently in use by ${image.id}`)
    cloud.snapshots.delete(snapshot.id)
    cloud.tags.delete(snapshot.id)
  }
}

/** It is at half of its way once before it is done. */
export function createSnapshot (cloud: Cloud, volume: Volume, description: string | undefined): Snapshot {
  const snapshot: Snapshot = {
    id: cloud.id('snap'),
    volume: volume.id,
    status: 'pending',
    progress: 0,
    size: volume.size,
    started: new Date(),
    description
  }
  cloud.snapshots.set(snapshot.id, snapshot)
  cloud.later(() => {
    snapshot.progress = 50
    cloud.later(() => Object.assign(snapshot, { progress: 100, status: 'completed' }))
  })
  return snapshot
}

function shownSnapshot (cloud: Cloud, snapshot: Snapshot): { [name: string]: Tree } {
  return {
    snapshotId: snapshot.id,
    volumeId: snapshot.volume,
    status: snapshot.status,
    startTime: snapshot.started,
    progress: `${snapshot.progress}%`,
    ownerId: account,
    volumeSize: snapshot.size,
    encrypted: false,
    description: snapshot.description,
    tagSet: tagSet(cloud, snapshot.id)
  }
}
