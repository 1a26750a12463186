import { invalid, ProblemError, toChange, untilGone } from 'cloud-orchestrator/driver'
import { createdBy, maxValue, patchLabels, toLabels, toSelector, toTags } from './labels.js'
import { checkLocation, isIn } from './locations.js'
import { readService, toName } from './service.js'

/** @type {import('./service.js').Details<import('cloud-orchestrator/driver').VolumeService>} */
export const volumeDetails = {
  list: { filters: ['name', 'tag'] },
  create: {
    parameters: ['name', 'size', 'availability_zone', 'tags'],
    required: ['name', 'size'],
    limits: { tag_characters: maxValue }
  },
  update: { parameters: ['name', 'tags'], limits: { tag_characters: maxValue } },
  attach: { parameters: ['node_id'] },
  detach: { parameters: ['node_id'] },
  extend: { parameters: ['size'] }
}

/**
 * The state of a volume on which an action is running. The status of the cloud has only `creating` and `available`.
 * @type {Record<string, import('cloud-orchestrator/driver').VolumeState>}
 */
const statesByCommand = {
  create_volume: 'creating',
  attach_volume: 'attaching',
  detach_volume: 'detaching',
  resize_volume: 'updating',
  delete_volume: 'deleting'
}

/**
 * @param {any} raw
 * @param {any} action the last one
 * @returns {import('cloud-orchestrator/driver').VolumeState}
 */
function stateOf ({ status, server }, action) {
  if (action?.status === 'running') return statesByCommand[action.command] ?? 'updating'
  if (status === 'creating') return 'creating'
  if (status !== 'available') return 'unknown'
  return server === null ? 'available' : 'in_use'
}

/**
 * @param {import('./service.js').Cloud} cloud
 * @returns {import('cloud-orchestrator/driver').VolumeService}
 */
export function createVolumes ({ client, context: { identify }, location }) {
  /** @type {(raw: any, extra: boolean, lastAction?: any) => import('cloud-orchestrator/driver').Volume} */
  const toVolume = (raw, extra, action) => ({
    ...identify('volumes', String(raw.id), raw.location.name),
    name: raw.name,
    state: stateOf(raw, action),
    provider_state: raw.status,
    created_at: raw.created,
    updated_at: null,
    tags: toTags(raw.labels),
    size: raw.size,
    type: null,
    iops: null,
    encrypted: null,
    bootable: false,
    availability_zone: raw.location.name,
    attachments: raw.server === null
      ? []
      : [{ node_id: String(raw.server), device: raw.linux_device, state: stateOf(raw, action) }],
    snapshot_id: null,
    image_id: null,
    ...extra ? { extra: raw } : {}
  })
  const { find, list } = readService(client, {
    path: '/volumes',
    key: 'volume',
    toResource: toVolume,
    toFilters: ({ name, tag }) => ({ ...toName(name), ...toSelector(tag) }),
    isHere: (raw) => isIn(location, raw.location.name)
  })

  /** @type {import('cloud-orchestrator/driver').VolumeService['get']} */
  const get = async (id, { extra }, call) => {
    const [raw, { actions: [action] }] = await Promise.all([
      find(id, call),
      client.send('GET', `/volumes/${id}/actions`, call, { query: { sort: 'id:desc', per_page: 1 } })
    ])
    return toVolume(raw, extra, action)
  }

  return {
    list,
    get,
    async create ({ name, size, availability_zone: zone, tags }, call) {
      checkLocation(location, zone)
      const at = zone ?? location
      if (at === null) throw invalid('/availability_zone', 'is required, because this cloud has no location of its own')
      const { volume } = await client.send('POST', '/volumes', call, {
        body: { name, size, location: at, labels: toLabels(tags, call.operation) },
        fields: { name: '/name', size: '/size', location: '/availability_zone', labels: '/tags' }
      })
      return toChange('volume', String(volume.id), { states: ['available'] })
    },
    async findCreated ({ id }, _since, call) {
      const found = await client.readList('/volumes', createdBy(id), call)
      return found.map((raw) => ({ kind: 'volume', id: String(raw.id) }))
    },
    async update (id, { name, tags }, call) {
      const labels = tags === undefined ? undefined : patchLabels((await find(id, call)).labels, tags)
      await client.send('PUT', `/volumes/${id}`, call, { body: { name, labels }, fields: { name: '/name' } })
      return get(id, { extra: false }, call)
    },
    async attach (id, { node_id: node }, call) {
      const { server } = await find(id, call)
      if (server !== null) throw new ProblemError('in_use', `The volume ${id} is attached to the node ${server}`)
      await client.send('POST', `/volumes/${id}/actions/attach`, call, {
        body: { server: Number(node), automount: false }, fields: { server: '/node_id' }
      })
      return toChange('volume', id, { states: ['in_use'] })
    },
    async detach (id, { node_id: node }, call) {
      const { server } = await find(id, call)
      if (server === null) throw new ProblemError('invalid_state', `The volume ${id} is not attached`)
      if (node !== undefined && node !== String(server)) {
        throw invalid('/node_id', `is not the node ${server}, to which the volume is attached`)
      }
      await client.send('POST', `/volumes/${id}/actions/detach`, call)
      return toChange('volume', id, { states: ['available'] })
    },
    async extend (id, { size }, call) {
      await client.send('POST', `/volumes/${id}/actions/resize`, call, { body: { size }, fields: { size: '/size' } })
      return toChange('volume', id, { states: ['available', 'in_use'] })
    },
    async destroy (id, call) {
      const { server } = await find(id, call)
      if (server !== null) throw new ProblemError('in_use', `The volume ${id} is attached to the node ${server}`)
      await client.send('DELETE', `/volumes/${id}`, call)
      return toChange('volume', id, untilGone)
    }
  }
}
