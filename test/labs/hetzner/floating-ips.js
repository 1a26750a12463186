import { invalid, ProblemError } from 'cloud-orchestrator/driver'
import { maxValue, toLabels, toSelector, toTags } from './labels.js'
import { checkLocation, isIn } from './locations.js'
import { readService, toName } from './service.js'

/** @type {import('./service.js').Details<import('cloud-orchestrator/driver').FloatingIpService>} */
export const floatingIpDetails = {
  list: { filters: ['name', 'tag'] },
  create: { parameters: ['pool', 'tags'], limits: { tag_characters: maxValue } },
  associate: { parameters: ['node_id'] }
}

/**
 * Floating IPs. Their pool is their home location: traffic is free within it.
 * @param {import('./service.js').Cloud} cloud
 * @returns {import('cloud-orchestrator/driver').FloatingIpService}
 */
export function createFloatingIps ({ client, context: { identify }, location }) {
  /** @param {any} raw @param {boolean} extra @returns {import('cloud-orchestrator/driver').FloatingIp} */
  const toFloatingIp = (raw, extra) => ({
    ...identify('floating_ips', String(raw.id), raw.home_location.name),
    name: raw.name,
    state: raw.server === null ? 'available' : 'associated',
    provider_state: null,
    created_at: raw.created,
    updated_at: null,
    tags: toTags(raw.labels),
    address: raw.ip,
    version: raw.type === 'ipv6' ? 6 : 4,
    pool: raw.home_location.name,
    node_id: raw.server === null ? null : String(raw.server),
    nic_id: null,
    fixed_address: null,
    ...extra ? { extra: raw } : {}
  })
  const { list, get } = readService(client, {
    path: '/floating_ips',
    key: 'floating_ip',
    toResource: toFloatingIp,
    toFilters: ({ name, tag }) => ({ ...toName(name), ...toSelector(tag) }),
    isHere: (raw) => isIn(location, raw.home_location.name)
  })

  /**
   * @param {string} id
   * @param {string} verb
   * @param {object | undefined} body
   * @param {import('./service.js').Call} call
   */
  const act = async (id, verb, body, call) => {
    const { action } = await client.send('POST', `/floating_ips/${id}/actions/${verb}`, call, {
      body, fields: { server: '/node_id' }
    })
    await client.settle(action, call)
    return get(id, { extra: false }, call)
  }

  return {
    list,
    get,
    async create ({ pool, tags }, call) {
      checkLocation(location, pool, '/pool')
      const home = pool ?? location
      if (home === null) throw invalid('/pool', 'is required, because this cloud has no location of its own')
      const { floating_ip: raw, action } = await client.send('POST', '/floating_ips', call, {
        body: { type: 'ipv4', home_location: home, labels: toLabels(tags) },
        fields: { home_location: '/pool', labels: '/tags' }
      })
      if (action != null) await client.settle(action, call)
      return toFloatingIp(raw, false)
    },
    associate: (id, { node_id: node }, call) => act(id, 'assign', { server: Number(node) }, call),
    async disassociate (id, call) {
      const found = await get(id, { extra: false }, call)
      return found.node_id === null ? found : act(id, 'unassign', undefined, call)
    },
    async destroy (id, call) {
      const { node_id: node } = await get(id, { extra: false }, call)
      if (node !== null) throw new ProblemError('in_use', `The floating IP ${id} is associated with the node ${node}`)
      await client.send('DELETE', `/floating_ips/${id}`, call)
    }
  }
}
