import { randomUUID } from 'node:crypto'
import { Fault, nothing, ok, type Routes } from './answer.ts'
import type { Snapshot, State, Volume } from './state.ts'

const types = [{ id: 1, name: 'SATA', extra_specs: {} }, { id: 2, name: 'SSD', extra_specs: {} }]
const smallest: Readonly<Record<string, number>> = { SATA: 75, SSD: 50 }
const largest = 1024

const moment = () => new Date().toISOString().replace('Z', '000')

/** Creates a volume from a request. Throws if Cloud Block Storage refuses it. */
export function newVolume (state: State, wanted: Record<string, any>): Volume {
  for (const key of ['name', 'description']) {
    if (wanted[key] !== undefined) throw new Fault(400, `Unknown attribute ${key} in version 1`)
  }
  const type = types.find(({ id, name }) =>
    wanted['volume_type'] === undefined ? name === 'SATA' : [id, String(id), name].includes(wanted['volume_type'])
  )
  if (type === undefined) throw new Fault(404, `Volume type ${String(wanted['volume_type'])} could not be found.`)
  const snapshot = state.snapshots.find(({ id }) => id === wanted['snapshot_id'])
  if (wanted['snapshot_id'] !== undefined && snapshot === undefined) {
    throw new Fault(404, `Snapshot ${String(wanted['snapshot_id'])} could not be found.`)
  }
  const image = state.images.find(({ id }) => id === wanted['imageRef'])
  if (wanted['imageRef'] !== undefined && image === undefined) throw new Fault(400, 'Invalid imageRef provided.')
  const size = wanted['size'] ?? snapshot?.size
  const least = image === undefined ? smallest[type.name]! : 50
  if (!Number.isInteger(size) || size < least || size > largest) {
    throw new Fault(400, `'size' parameter must be between ${least} and ${largest}`)
  }
  const used = state.volumes.reduce((sum, volume) => sum + volume.size, 0)
  if (used + size > (state.behaviour.quotas.gigabytes ?? Infinity)) {
    throw new Fault(
      413,
      'VolumeSizeExceedsAvailableQuota: Requested volume exceeds allowed gigabytes quota. ' +
        `Requested ${size}G, ${used}G used.`,
      { 'retry-after': '0' }
    )
  }
  const volume: Volume = {
    id: randomUUID(),
    name: wanted['display_name'] ?? null,
    description: wanted['display_description'] ?? null,
    size,
    type: type.name,
    snapshot: snapshot?.id ?? null,
    image: image?.id ?? null,
    // The guide shows these formats.
    metadata: { ...wanted['metadata'], 'storage-node': randomUUID() },
    created: moment(),
    status: 'creating',
    attachment: null
  }
  state.turn(volume, 'creating', 'available')
  state.volumes.push(volume)
  return volume
}

/** Cloud Block Storage: Cinder v1. Its lists have no markers, so a limit loses the rest. */
export function volumeRoutes (state: State): Routes {
  const { volumes, snapshots, behaviour } = state
  const cased = (status: string) => behaviour.capitals ? status.toUpperCase() : status

  const showVolume = (volume: Volume) => ({
    id: volume.id,
    display_name: volume.name,
    display_description: volume.description,
    size: volume.size,
    status: cased(volume.status),
    volume_type: volume.type,
    snapshot_id: volume.snapshot,
    source_volid: null,
    image_id: volume.image,
    bootable: String(volume.image !== null),
    availability_zone: 'nova',
    created_at: volume.created,
    metadata: volume.metadata,
    attachments:
      volume.attachment === null
        ? []
        : [
            {
              id: volume.id,
              volume_id: volume.id,
              server_id: volume.attachment.server,
              device: volume.attachment.device,
              host_name: null
            }
          ]
  })

  const showSnapshot = (snapshot: Snapshot) => ({
    id: snapshot.id,
    display_name: snapshot.name,
    display_description: snapshot.description,
    volume_id: snapshot.volume,
    size: snapshot.size,
    status: cased(snapshot.status),
    created_at: snapshot.created,
    metadata: snapshot.metadata,
    'os-extended-snapshot-attributes:progress': snapshot.status === 'available' ? '100%' : '0%'
  })

  const find = <T extends { id: string }>(list: readonly T[], what: string, id: string) => {
    const found = list.find((one) => one.id === id)
    if (found === undefined) throw new Fault(404, `${what} ${id} could not be found.`)
    return found
  }
  const volumeOf = (id: string) => find(volumes, 'Volume', id)
  const snapshotOf = (id: string) => find(snapshots, 'Snapshot', id)

  const listed = <T extends { name: string | null }>(list: readonly T[], query: URLSearchParams) => {
    const name = query.get('display_name')
    const from = Number(query.get('offset') ?? 0)
    return list
      .filter((one) => name === null || one.name === name)
      .slice(from, from + Number(query.get('limit') ?? 1000))
  }

  const rename = (one: Volume | Snapshot, changes: Record<string, any> = {}) => {
    if (changes['name'] !== undefined) throw new Fault(400, 'Unknown attribute name in version 1')
    if (changes['display_name'] !== undefined) one.name = changes['display_name']
    if (changes['display_description'] !== undefined) one.description = changes['display_description']
  }

  const metadataRoutes = (path: string, of: (id: string) => Volume | Snapshot): Routes => ({
    [`GET ${path}/:id/metadata`]: (_, { id }) => ok({ metadata: of(id!).metadata }),
    [`POST ${path}/:id/metadata`]: ({ body }, { id }) =>
      ok({ metadata: Object.assign(of(id!).metadata, body.metadata) }),
    [`PUT ${path}/:id/metadata`]: ({ body }, { id }) => {
      of(id!).metadata = body.metadata
      return ok({ metadata: body.metadata })
    }
  })

  return {
    'GET /volumes/detail': ({ query }) => ok({ volumes: listed(volumes, query).map(showVolume) }),
    'POST /volumes': ({ body }) => ok({ volume: showVolume(newVolume(state, body?.volume ?? {})) }),
    'GET /volumes/:id': (_, { id }) => ok({ volume: showVolume(volumeOf(id!)) }),
    'PUT /volumes/:id': ({ body }, { id }) => {
      rename(volumeOf(id!), body?.volume)
      return ok({ volume: showVolume(volumeOf(id!)) })
    },
    'DELETE /volumes/:id': (_, { id }) => {
      const volume = volumeOf(id!)
      if (volume.attachment !== null || volume.status !== 'available') {
        throw new Fault(400, 'Invalid volume: Volume status must be available or error')
      }
      const kept = snapshots.filter((one) => one.volume === id).length
      if (kept > 0) throw new Fault(400, `Invalid volume: Volume still has ${kept} dependent snapshots`)
      state.turn(volume, 'deleting', 'gone')
      return nothing(202)
    },
    ...metadataRoutes('/volumes', volumeOf),
    'GET /snapshots/detail': ({ query }) => ok({ snapshots: listed(snapshots, query).map(showSnapshot) }),
    'POST /snapshots': ({ body }) => {
      const wanted = body?.snapshot ?? {}
      if (wanted.name !== undefined) throw new Fault(400, 'Unknown attribute name in version 1')
      const volume = volumeOf(wanted.volume_id)
      if (volume.status !== 'available' && wanted.force !== true) {
        throw new Fault(400, 'Invalid volume: must be available')
      }
      const snapshot: Snapshot = {
        id: randomUUID(),
        name: wanted.display_name ?? null,
        description: wanted.display_description ?? null,
        volume: volume.id,
        size: volume.size,
        metadata: wanted.metadata ?? {},
        created: moment(),
        status: 'creating'
      }
      state.turn(snapshot, 'creating', 'available')
      snapshots.push(snapshot)
      return ok({ snapshot: showSnapshot(snapshot) })
    },
    'GET /snapshots/:id': (_, { id }) => ok({ snapshot: showSnapshot(snapshotOf(id!)) }),
    'PUT /snapshots/:id': ({ body }, { id }) => {
      rename(snapshotOf(id!), body?.snapshot)
      return ok({ snapshot: showSnapshot(snapshotOf(id!)) })
    },
    'DELETE /snapshots/:id': (_, { id }) => {
      const snapshot = snapshotOf(id!)
      if (snapshot.status !== 'available') {
        throw new Fault(400, 'Invalid snapshot: Snapshot status must be available or error')
      }
      state.turn(snapshot, 'deleting', 'gone')
      return nothing(202)
    },
    ...metadataRoutes('/snapshots', snapshotOf),
    'GET /types': () => ok({ volume_types: types }),
    'GET /types/:id': (_, { id }) => {
      const type = types.find((one) => String(one.id) === id)
      if (type === undefined) throw new Fault(404, 'The resource could not be found.')
      return ok({ volume_type: type })
    },
    'GET /os-quota-sets/:tenant': ({ query }, { tenant }) => {
      const of = (type?: string) => volumes.filter((one) => type === undefined || one.type === type)
      const sum = (type?: string) => of(type).reduce((total, { size }) => total + size, 0)
      const row = (inUse: number, limit: number) =>
        query.get('usage') === 'True' ? { in_use: inUse, reserved: 0, limit } : limit
      return ok({
        quota_set: {
          id: tenant,
          volumes: row(volumes.length, -1),
          snapshots: row(snapshots.length, -1),
          gigabytes: row(sum(), behaviour.quotas.gigabytes ?? -1),
          gigabytes_SATA: row(sum('SATA'), 10_240),
          gigabytes_SSD: row(sum('SSD'), 10_240)
        }
      })
    }
  }
}
