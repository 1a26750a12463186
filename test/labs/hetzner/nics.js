import { ProblemError, toChange } from 'cloud-orchestrator/driver'
import { parseSubnetId } from './subnets.js'

/**
 * The private networks of a server as NICs, with the id of the network: a server is in a network once. The public
 * interface has no network and cannot be changed, so it is none of them.
 * @param {import('./service.js').Cloud} cloud
 * @param {(id: string, call: import('./service.js').Call) => Promise<any>} find reads a server
 * @returns {Pick<import('cloud-orchestrator/driver').NodeService, 'list_nics' | 'attach_nic' | 'detach_nic' |
 *   'add_security_group' | 'remove_security_group'>}
 */
export function createNics ({ client }, find) {
  /** Firewalls are applied to the public interface of a server. @param {string} id */
  const toServer = (id) => [{ type: 'server', server: { id: Number(id) } }]

  /**
   * Applies a firewall to a server, or removes it. Does nothing if that is done already.
   * @param {string} group @param {string} verb @param {object} body @param {string} done
   * @param {import('./service.js').Call} call
   */
  const change = async (group, verb, body, done, call) => {
    try {
      const { actions } = await client.send('POST', `/firewalls/${group}/actions/${verb}`, call, {
        body, fields: { firewall: '/security_group_id' }
      })
      for (const action of actions) await client.settle(action, call)
    } catch (error) {
      if (!(error instanceof ProblemError) || error.details.provider_error?.code !== done) throw error
    }
  }

  return {
    async list_nics (id, call) {
      const { private_net: nets } = await find(id, call)
      return nets.map((/** @type {any} */ { network, ip, mac_address: mac, alias_ips: aliases }) => ({
        id: String(network),
        network_id: String(network),
        subnet_id: null,
        mac,
        addresses: [ip, ...aliases].map((address) => ({
          address,
          version: 4,
          scope: 'private',
          kind: 'fixed',
          network_id: String(network),
          nic_id: String(network),
          mac
        })),
        security_group_ids: [],
        primary: null,
        state: 'available'
      }))
    },
    async attach_nic (id, { network_id: network, subnet_id: subnet, fixed_ip: ip }, call) {
      const within = subnet === undefined ? undefined : parseSubnetId(subnet)
      const { action } = await client.send('POST', `/servers/${id}/actions/attach_to_network`, call, {
        body: { network: Number(network ?? within?.network), ip, ip_range: within?.cidr },
        fields: {
          ip: '/fixed_ip', ip_range: '/subnet_id', network: network === undefined ? '/subnet_id' : '/network_id'
        }
      })
      await client.settle(action, call)
      return toChange('node', id, { states: [] })
    },
    async detach_nic (id, network, call) {
      const { private_net: nets } = await find(id, call)
      if (!nets.some((/** @type {any} */ net) => String(net.network) === network)) {
        throw new ProblemError('resource_not_found', `The node ${id} has no NIC ${network}`)
      }
      const { action } = await client.send('POST', `/servers/${id}/actions/detach_from_network`, call, {
        body: { network: Number(network) }
      })
      await client.settle(action, call)
      return toChange('node', id, { states: [] })
    },
    async add_security_group (id, { security_group_id: group }, call) {
      await change(group, 'apply_to_resources', { apply_to: toServer(id) }, 'firewall_already_applied', call)
    },
    async remove_security_group (id, group, call) {
      await change(group, 'remove_from_resources', { remove_from: toServer(id) }, 'firewall_already_removed', call)
    }
  }
}
