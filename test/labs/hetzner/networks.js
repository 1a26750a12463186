import { ProblemError } from 'cloud-orchestrator/driver'
import { maxValue, patchLabels, toLabels, toSelector, toTags } from './labels.js'
import { readService, toName } from './service.js'
import { toSubnetId } from './subnets.js'

/** @type {import('./service.js').Details<import('cloud-orchestrator/driver').NetworkService>} */
export const networkDetails = {
  list: { filters: ['name', 'tag'] },
  create: { parameters: ['name', 'cidr', 'tags'], required: ['cidr'], limits: { tag_characters: maxValue } },
  update: { parameters: ['name', 'tags'], limits: { tag_characters: maxValue } }
}

/**
 * @param {import('./service.js').Cloud} cloud
 * @returns {import('cloud-orchestrator/driver').NetworkService}
 */
export function createNetworks ({ client, context: { identify } }) {
  /** @param {any} raw @param {boolean} extra @returns {import('cloud-orchestrator/driver').Network} */
  const toNetwork = (raw, extra) => ({
    ...identify('networks', String(raw.id), null),
    name: raw.name,
    state: 'available',
    provider_state: null,
    created_at: raw.created,
    updated_at: null,
    tags: toTags(raw.labels),
    cidrs: [raw.ip_range],
    is_external: false,
    shared: false,
    mtu: null,
    subnet_ids: raw.subnets.map((/** @type {any} */ subnet) => toSubnetId(raw.id, subnet.ip_range)),
    ...extra ? { extra: raw } : {}
  })
  const { find, list, get } = readService(client, {
    path: '/networks',
    key: 'network',
    toResource: toNetwork,
    toFilters: ({ name, tag }) => ({ ...toName(name), ...toSelector(tag) })
  })
  return {
    list,
    get,
    async create ({ name, cidr, tags }, call) {
      const { network } = await client.send('POST', '/networks', call, {
        body: { name, ip_range: cidr, labels: toLabels(tags) },
        fields: { name: '/name', ip_range: '/cidr', labels: '/tags' }
      })
      return toNetwork(network, false)
    },
    async update (id, { name, tags }, call) {
      const labels = tags === undefined ? undefined : patchLabels((await find(id, call)).labels, tags)
      const { network } = await client.send('PUT', `/networks/${id}`, call, {
        body: { name, labels }, fields: { name: '/name', labels: '/tags' }
      })
      return toNetwork(network, false)
    },
    async destroy (id, call) {
      // The cloud would detach the servers: https://docs.hetzner.cloud/reference/cloud#networks-delete-a-network
      const { servers, load_balancers: balancers = [] } = await find(id, call)
      if (servers.length + balancers.length > 0) {
        const users = [...servers.map((/** @type {number} */ one) => `the node ${one}`),
          ...balancers.map((/** @type {number} */ one) => `the load balancer ${one}`)]
        throw new ProblemError('in_use', `The network ${id} is used by ${users.join(', ')}`)
      }
      await client.send('DELETE', `/networks/${id}`, call)
    }
  }
}
