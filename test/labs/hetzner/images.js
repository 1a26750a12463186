import { toChange, untilGone } from 'cloud-orchestrator/driver'
import { createdBy, maxValue, patchLabels, toLabels, toSelector, toTags } from './labels.js'
import { readService, toArchitecture } from './service.js'

/** @type {import('./service.js').Details<import('cloud-orchestrator/driver').ImageService>} */
export const imageDetails = {
  list: { filters: ['tag'] },
  create: { parameters: ['name', 'node_id', 'tags'], limits: { tag_characters: maxValue } },
  update: { parameters: ['name', 'tags'], limits: { tag_characters: maxValue } }
}

/** @type {Record<string, import('cloud-orchestrator/driver').ImageState>} */
const states = { creating: 'pending', available: 'available', unavailable: 'disabled' }

/**
 * Images of the cloud, and snapshots and backups of servers. These have no name; their description is shown as it.
 * @param {import('./service.js').Cloud} cloud
 * @returns {import('cloud-orchestrator/driver').ImageService}
 */
export function createImages ({ client, context: { identify } }) {
  /** @param {any} raw @param {boolean} extra @returns {import('cloud-orchestrator/driver').Image} */
  const toImage = (raw, extra) => {
    const isOwn = raw.type === 'snapshot' || raw.type === 'backup'
    return {
      ...identify('images', String(raw.id), null),
      name: isOwn ? raw.description : raw.name,
      state: raw.deleted === null ? states[raw.status] ?? 'unknown' : 'deleted',
      provider_state: raw.status,
      created_at: raw.created,
      updated_at: null,
      tags: toTags(raw.labels),
      min_ram: null,
      min_disk: Math.ceil(raw.disk_size),
      size_bytes: raw.image_size === null ? null : Math.round(raw.image_size * 1e9),
      architecture: toArchitecture(raw.architecture),
      os: {
        family: raw.os_flavor === 'unknown' ? null : 'linux',
        distro: raw.os_flavor === 'unknown' ? null : raw.os_flavor,
        version: raw.os_version
      },
      visibility: isOwn ? 'private' : 'public',
      owner: null,
      is_snapshot: isOwn,
      ...extra ? { extra: raw } : {}
    }
  }
  const { find, list, get } = readService(client, {
    path: '/images', key: 'image', toResource: toImage, toFilters: ({ tag }) => toSelector(tag)
  })

  return {
    list,
    get,
    async create ({ name, node_id: node, tags }, call) {
      const { image } = await client.send('POST', `/servers/${node}/actions/create_image`, call, {
        body: { type: 'snapshot', description: name, labels: toLabels(tags, call.operation) },
        fields: { server: '/node_id', description: '/name' }
      })
      return toChange('image', String(image.id), { states: ['available'] })
    },
    async findCreated ({ id }, _since, call) {
      const found = await client.readList('/images', createdBy(id), call)
      return found.map((raw) => ({ kind: 'image', id: String(raw.id) }))
    },
    async update (id, { name, tags }, call) {
      const labels = tags === undefined ? undefined : patchLabels((await find(id, call)).labels, tags)
      const { image } = await client.send('PUT', `/images/${id}`, call, { body: { description: name, labels } })
      return toImage(image, false)
    },
    async destroy (id, call) {
      await client.send('DELETE', `/images/${id}`, call)
      return toChange('image', id, untilGone)
    }
  }
}
