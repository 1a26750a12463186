import { ProblemError } from 'cloud-orchestrator/driver'

/** @type {import('./service.js').Details<import('cloud-orchestrator/driver').SubnetService>} */
export const subnetDetails = {
  list: { filters: ['network_id'] },
  create: { parameters: ['network_id', 'cidr'] }
}

/** `12-10.0.1.0-24`: the cloud has no ids for subnets, which are unique by network and block. */
export const subnetId = /^\d{1,16}-\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}-\d{1,2}$/

/** @param {string | number} network @param {string} cidr */
export const toSubnetId = (network, cidr) => `${network}-${cidr.replace('/', '-')}`

/** @param {string} id */
export function parseSubnetId (id) {
  const [network = '', address = '', bits = ''] = id.split('-')
  return { network, cidr: `${address}/${bits}` }
}

/**
 * @param {import('./service.js').Cloud} cloud
 * @returns {import('cloud-orchestrator/driver').SubnetService}
 */
export function createSubnets ({ client, context: { identify }, networkZone }) {
  /** @type {(network: any, raw: any, extra: boolean) => import('cloud-orchestrator/driver').Subnet} */
  const toSubnet = (network, raw, extra) => ({
    ...identify('subnets', toSubnetId(network.id, raw.ip_range), null),
    name: null,
    state: 'available',
    provider_state: null,
    created_at: null,
    updated_at: null,
    tags: {},
    network_id: String(network.id),
    cidr: raw.ip_range,
    ip_version: 4,
    gateway_ip: raw.gateway,
    dns_servers: [],
    availability_zone: raw.network_zone,
    ...extra ? { extra: raw } : {}
  })

  /** @param {string} id @param {import('./service.js').Call} call */
  const find = async (id, call) => {
    const { network: networkId, cidr } = parseSubnetId(id)
    const { network } = await client.send('GET', `/networks/${networkId}`, call)
    const subnet = network.subnets.find((/** @type {any} */ one) => one.ip_range === cidr)
    if (subnet === undefined) throw new ProblemError('resource_not_found', `There is no subnet ${id}`)
    return { network, subnet }
  }

  return {
    async list (query, call) {
      const { items, next } = await client.readPage('/networks', query, {}, call)
      const subnets = items.flatMap((network) =>
        network.subnets.map((/** @type {any} */ subnet) => toSubnet(network, subnet, query.extra)))
      return { items: subnets, next }
    },
    async get (id, { extra }, call) {
      const { network, subnet } = await find(id, call)
      return toSubnet(network, subnet, extra)
    },
    async create ({ network_id: network, cidr }, call) {
      const { action } = await client.send('POST', `/networks/${network}/actions/add_subnet`, call, {
        body: { type: 'cloud', ip_range: cidr, network_zone: networkZone },
        fields: { ip_range: '/cidr', network: '/network_id' }
      })
      await client.settle(action, call)
      const made = await find(toSubnetId(network, cidr), call)
      return toSubnet(made.network, made.subnet, false)
    },
    async destroy (id, call) {
      const { network, subnet } = await find(id, call)
      const { action } = await client.send('POST', `/networks/${network.id}/actions/delete_subnet`, call, {
        body: { ip_range: subnet.ip_range }
      })
      await client.settle(action, call)
    }
  }
}
