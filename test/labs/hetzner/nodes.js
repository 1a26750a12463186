import { allowedActions, isTransitioning, toChange, untilGone } from 'cloud-orchestrator/driver'
import { createdBy, maxValue, patchLabels, toLabels, toSelector, toTags } from './labels.js'
import { checkLocation, isIn, locationOf } from './locations.js'
import { createNics } from './nics.js'
import { readService, toArchitecture, toName } from './service.js'

/**
 * @typedef {import('cloud-orchestrator/driver').Call} Call
 * @typedef {import('cloud-orchestrator/driver').Node} Node
 * @typedef {import('cloud-orchestrator/driver').NodeAction} NodeAction
 * @typedef {import('cloud-orchestrator/driver').NodeState} NodeState
 * @typedef {import('cloud-orchestrator/driver').NodeService} NodeService
 */

/** @type {import('cloud-orchestrator/driver').ServiceDetails<NodeService>} */
export const nodeDetails = {
  list: { filters: ['name', 'tag'] },
  create: {
    parameters: [
      'name', 'image_id', 'size_id', 'availability_zone', 'key_pair_name', 'user_data', 'networks',
      'networks.network_id', 'security_group_ids', 'tags', 'provider_options', 'provider_options.hetzner.enable_ipv4',
      'provider_options.hetzner.enable_ipv6', 'provider_options.hetzner.placement_group'
    ],
    limits: { user_data_bytes: 32_768, tag_characters: maxValue }
  },
  update: { parameters: ['name', 'tags', 'protected'], limits: { tag_characters: maxValue } },
  reboot: { parameters: ['type'] },
  resize: { parameters: ['size_id'] },
  rebuild: { parameters: ['image_id'] },
  attach_nic: { parameters: ['network_id', 'subnet_id', 'fixed_ip'] },
  add_security_group: { parameters: ['security_group_id'] }
}

/**
 * The status of a server; one that is missing here is `unknown`.
 * Source: https://docs.hetzner.cloud/reference/cloud#servers
 * @type {Record<string, NodeState>}
 */
const states = {
  initializing: 'pending',
  starting: 'starting',
  running: 'running',
  stopping: 'stopping',
  off: 'stopped',
  rebuilding: 'reconfiguring',
  migrating: 'migrating',
  deleting: 'terminating'
}

/** The methods below, for `allowed_actions`. */
const supported = new Set(['start', 'stop', 'reboot', 'resize', 'rebuild', 'destroy'])

/**
 * The actions that a server allows. A server is resized only while it is off, is reset only while it runs, and its
 * protection forbids to delete and to rebuild it. An action in progress locks the server.
 * @param {NodeState} state
 * @param {any} raw
 * @param {boolean} isBusy
 */
function actionsOf (state, raw, isBusy) {
  if (isBusy && state !== 'pending') return []
  const refused = new Set([
    ...state === 'stopped' ? ['reboot'] : [],
    ...state === 'stopped' || state === 'unknown' ? [] : ['resize'],
    ...raw.protection.delete ? ['destroy'] : [],
    ...raw.protection.rebuild ? ['rebuild'] : []
  ])
  return allowedActions(state, supported).filter((action) => !refused.has(action))
}

/** The address of a server in its IPv6 block: `2001:db8::1` of `2001:db8::/64`. @param {string} block */
const toIpv6 = (block) => block.replace(/::\/\d+$/, '::1')

/** @param {any} raw @param {any[]} floatingIps @returns {Node['addresses']} */
function addressesOf ({ public_net: { ipv4, ipv6 }, private_net: nets }, floatingIps) {
  /** @type {(address: string, version: 4 | 6, kind: 'fixed' | 'floating') => Node['addresses'][number]} */
  const toPublic = (address, version, kind) =>
    ({ address, version, scope: 'public', kind, network_id: null, nic_id: null, mac: null })
  return [
    ...ipv4 === null ? [] : [toPublic(ipv4.ip, 4, 'fixed')],
    ...ipv6 === null ? [] : [toPublic(toIpv6(ipv6.ip), 6, 'fixed')],
    ...floatingIps.map(({ ip, type }) =>
      type === 'ipv6' ? toPublic(toIpv6(ip), 6, 'floating') : toPublic(ip, 4, 'floating')),
    ...nets.map((/** @type {any} */ { network, ip, mac_address: mac }) => ({
      address: ip,
      version: 4,
      scope: 'private',
      kind: 'fixed',
      network_id: String(network),
      nic_id: String(network),
      mac
    }))
  ]
}

/**
 * @param {import('./service.js').Cloud} cloud
 * @returns {NodeService}
 */
export function createNodes (cloud) {
  const { client, context: { identify }, location } = cloud

  /** @type {(raw: any, extra: boolean, lastAction: any, floatingIps: any[]) => Node} */
  const toNode = (raw, extra, action, floatingIps) => {
    const state = states[raw.status] ?? 'unknown'
    const isRunning = action?.status === 'running'
    const isBusy = isRunning || raw.locked
    const addresses = addressesOf(raw, floatingIps)
    const ipsOf = (/** @type {string} */ scope) =>
      addresses.filter((one) => one.scope === scope).map(({ address }) => address)
    const id = String(raw.id)
    const { cloud: name, driver, location: at, self } = identify('nodes', id, locationOf(raw))
    return {
      id,
      cloud: name,
      driver,
      location: at,
      self,
      name: raw.name,
      state,
      provider_state: raw.status,
      provider_task_state: isRunning ? action.command : null,
      transitioning: isTransitioning(state) || isBusy,
      allowed_actions: actionsOf(state, raw, isBusy),
      created_at: raw.created,
      updated_at: null,
      tags: toTags(raw.labels),
      size_id: raw.server_type.name,
      image_id: raw.image === null ? null : String(raw.image.id),
      key_pair_name: null,
      availability_zone: locationOf(raw),
      architecture: toArchitecture(raw.server_type.architecture),
      public_ips: ipsOf('public'),
      private_ips: ipsOf('private'),
      addresses,
      security_group_ids: raw.public_net.firewalls.map((/** @type {any} */ { id: group }) => String(group)),
      volume_ids: raw.volumes.map(String),
      lifecycle: null,
      launched_at: null,
      progress: isRunning ? action.progress : null,
      fault: action?.status === 'error' ? { code: action.error.code, message: action.error.message } : null,
      protected: raw.protection.delete,
      ...extra ? { extra: raw } : {}
    }
  }

  const { find } = readService(client, {
    path: '/servers', key: 'server', toResource: (raw) => raw, isHere: (raw) => isIn(location, locationOf(raw))
  })

  /** A server has the ids of its floating IPs only. @type {(ids: number[], call: Call) => Promise<any[]>} */
  const readFloatingIps = (ids, call) => Promise.all(ids.map(async (id) =>
    (await client.send('GET', `/floating_ips/${id}`, call)).floating_ip))

  /** The state of a server does not show a reboot, so that its last action is read, too. @type {NodeService['get']} */
  const get = async (id, { extra, brief }, call) => {
    const [raw, { actions: [action] }] = await Promise.all([
      find(id, call),
      client.send('GET', `/servers/${id}/actions`, call, { query: { sort: 'id:desc', per_page: 1 } })
    ])
    return toNode(raw, extra, action, brief ? [] : await readFloatingIps(raw.public_net.floating_ips, call))
  }

  /** @param {string} id @param {string} action @param {NodeState} end @param {Call} call @param {object} [details] */
  const act = async (id, action, end, call, details) => {
    await client.send('POST', `/servers/${id}/actions/${action}`, call, details)
    // The server reads the node until it has this state and its last action has ended.
    return toChange('node', id, { states: [end], fault: true })
  }

  return {
    async list (query, call) {
      const filters = { ...toName(query.filters['name']), ...toSelector(query.filters['tag']) }
      const { items, next } = await client.readPage('/servers', query, filters, call)
      const here = items.filter((raw) => isIn(location, locationOf(raw)))
      const hasFloating = !query.brief && here.some((raw) => raw.public_net.floating_ips.length > 0)
      const floatingIps = hasFloating ? await client.readList('/floating_ips', {}, call) : []
      return {
        items: here.map((raw) =>
          toNode(raw, query.extra, undefined, floatingIps.filter(({ server }) => server === raw.id))),
        next
      }
    },
    get,
    async create ({ name, image_id: image, size_id: size, availability_zone: zone, ...input }, call) {
      const { key_pair_name: key, user_data: userData, networks, security_group_ids: groups, tags } = input
      const { enable_ipv4: ipv4 = true, enable_ipv6: ipv6 = true, placement_group: placementGroup } =
        /** @type {any} */ (input.provider_options?.['hetzner'] ?? {})
      checkLocation(location, zone)
      const { server, root_password: password } = await client.send('POST', '/servers', call, {
        body: {
          name,
          image: Number(image),
          server_type: size,
          location: zone ?? location ?? undefined,
          ssh_keys: key === undefined ? undefined : [key],
          user_data: userData,
          networks: networks?.map(({ network_id: network }) => Number(network)),
          firewalls: groups?.map((group) => ({ firewall: Number(group) })),
          public_net: { enable_ipv4: ipv4, enable_ipv6: ipv6 },
          placement_group: placementGroup,
          // If the response is lost, findCreated finds the server by its label.
          labels: toLabels(tags, call.operation)
        },
        fields: {
          name: '/name',
          image: '/image_id',
          server_type: '/size_id',
          location: '/availability_zone',
          ssh_key: '/key_pair_name',
          ssh_keys: '/key_pair_name',
          user_data: '/user_data',
          network: '/networks',
          networks: '/networks',
          firewall: '/security_group_ids',
          firewalls: '/security_group_ids',
          placement_group: '/provider_options/hetzner/placement_group',
          labels: '/tags'
        }
      })
      return {
        ...toChange('node', String(server.id), { states: ['running'], fault: true }),
        // The cloud makes a password for a server without a key, and shows it once.
        ...password === null ? {} : { secrets: { root_password: password } }
      }
    },
    async findCreated ({ id }, _since, call) {
      const found = await client.readList('/servers', createdBy(id), call)
      return found.map((raw) => ({ kind: 'node', id: String(raw.id) }))
    },
    async update (id, { name, tags, protected: isProtected }, call) {
      const labels = tags === undefined ? undefined : patchLabels((await find(id, call)).labels, tags)
      if (isProtected !== undefined) {
        // Both must have the same value: https://docs.hetzner.cloud/reference/cloud#server-actions
        const body = { delete: isProtected, rebuild: isProtected }
        const { action } = await client.send('POST', `/servers/${id}/actions/change_protection`, call, { body })
        await client.settle(action, call)
      }
      if (name !== undefined || labels !== undefined) {
        await client.send('PUT', `/servers/${id}`, call, {
          body: { name, labels }, fields: { name: '/name', labels: '/tags' }
        })
      }
      return get(id, { extra: false }, call)
    },
    start: (id, _input, call) => act(id, 'poweron', 'running', call),
    // Asks the operating system to shut down. The cloud has also `poweroff`, which loses data.
    stop: (id, _input, call) => act(id, 'shutdown', 'stopped', call),
    reboot: (id, { type }, call) => act(id, type === 'hard' ? 'reset' : 'reboot', 'running', call),
    // The disk keeps its size, so that the node can go back to a smaller size.
    resize: (id, { size_id: size }, call) => act(id, 'change_type', 'stopped', call, {
      body: { server_type: size, upgrade_disk: false }, fields: { server_type: '/size_id' }
    }),
    async rebuild (id, { image_id: image }, call) {
      const details = { body: { image: Number(image) }, fields: { image: '/image_id' } }
      return act(id, 'rebuild', 'running', call, details)
    },
    async destroy (id, call) {
      await client.send('DELETE', `/servers/${id}`, call)
      return toChange('node', id, untilGone)
    },
    ...createNics(cloud, find)
  }
}
