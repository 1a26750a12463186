import { createHash, randomBytes } from 'node:crypto'
import { locations, pricing, serverTypes, systemImages } from './data.js'

/**
 * The state of the cloud: its resources in the form of the API, and the actions that change them.
 * Source: https://docs.hetzner.cloud/reference/cloud
 */

/** An error response. */
export class Refusal extends Error {
  /** @param {number} status @param {string} code @param {string} message @param {object | null} [details] */
  constructor (status, code, message, details = null) {
    super(message)
    this.status = status
    this.body = { error: { code, message, details } }
  }
}

export const notFound = (/** @type {string} */ what) => new Refusal(404, 'not_found', `${what} not found`)

/** @param {string} name @param {string} message */
export const invalidField = (name, message) =>
  new Refusal(422, 'invalid_input', `invalid input in field '${name}': ${message}`, {
    fields: [{ name, messages: [message] }]
  })

const labelName = '[a-zA-Z0-9]([a-zA-Z0-9._-]{0,61}[a-zA-Z0-9])?'
const labelKey = new RegExp(`^([a-zA-Z0-9.-]{1,253}/)?${labelName}$`)
const labelValue = new RegExp(`^(${labelName})?$`)
const hostName = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$/i
const protocols = ['tcp', 'udp', 'icmp', 'esp', 'gre']

/** @param {Record<string, string>} labels */
function checkLabels (labels) {
  for (const [key, value] of Object.entries(labels)) {
    if (!labelKey.test(key) || key.startsWith('hetzner.cloud/')) {
      throw invalidField('labels', `${key} is not a valid key`)
    }
    if (!labelValue.test(value)) throw invalidField('labels', `${value} is not a valid value`)
  }
}

/** @param {string} text */
const toNumber = (text) => text.split('.').reduce((sum, part) => sum * 256 + Number(part), 0)
/** @param {number} number */
const toAddress = (number) => [24, 16, 8, 0].map((shift) => (number >>> shift) & 255).join('.')

/** The first and the last address of a block. @param {string} block */
function rangeOf (block) {
  const [address = '', bits] = block.split('/')
  const size = 2 ** (32 - Number(bits))
  const first = Math.floor(toNumber(address) / size) * size
  return { first, last: first + size - 1, size }
}

/** @param {string} inner @param {string} outer */
const isWithin = (inner, outer) => {
  const [a, b] = [rangeOf(inner), rangeOf(outer)]
  return a.first >= b.first && a.last <= b.last
}

/** @param {string} one @param {string} other */
const overlap = (one, other) => isWithin(one, other) || isWithin(other, one)

const clone = (/** @type {any} */ value) => structuredClone(value)

/**
 * @param {{ maxServers: number, delay: number }} options `delay` is the time of an action in milliseconds
 */
export function createCloud ({ maxServers, delay }) {
  /** @type {Record<string, any[]>} */
  const all = {
    locations: clone(locations),
    server_types: clone(serverTypes),
    images: clone(systemImages),
    servers: [],
    ssh_keys: [],
    volumes: [],
    networks: [],
    firewalls: [],
    floating_ips: []
  }
  /** @type {any[]} */
  const actions = []
  /** @type {Set<NodeJS.Timeout>} */
  const timers = new Set()
  let lastId = 1000

  const newId = () => ++lastId
  const now = () => new Date().toISOString()

  /** @param {string} collection @param {unknown} id */
  const find = (collection, id) => {
    const found = all[collection]?.find((one) => String(one.id) === String(id))
    if (found === undefined) throw notFound(collection.replace(/s$/, '').replaceAll('_', ' '))
    return found
  }

  /** @param {string} collection @param {unknown} idOrName */
  const findByName = (collection, idOrName) =>
    all[collection]?.find((one) => one.id === idOrName || one.name === idOrName || String(one.id) === idOrName)

  /** @param {string} collection @param {any} resource */
  const remove = (collection, resource) => all[collection]?.splice(all[collection].indexOf(resource), 1)

  /** @param {string} collection @param {string} name */
  const checkName = (collection, name, self = undefined) => {
    if (typeof name !== 'string' || name === '') throw invalidField('name', 'is required')
    if (collection === 'servers' && !hostName.test(name)) throw invalidField('name', 'is not a valid hostname')
    if (all[collection]?.some((one) => one.name === name && one !== self)) {
      const details = { fields: [{ name: 'name' }] }
      throw new Refusal(409, 'uniqueness_error', `${collection.slice(0, -1)} name is already used`, details)
    }
  }

  /** @param {string} type @param {number} id */
  const isLocked = (type, id) => actions.some(({ status, resources }) =>
    status === 'running' && resources.some((/** @type {any} */ one) => one.type === type && one.id === id))

  /**
   * Starts an action, which has its effect at its end.
   * @param {string} command
   * @param {{ type: string, id: number }[]} resources
   * @param {() => void} end
   * @param {{ code: string, message: string }} [failure]
   */
  const begin = (command, resources, end, failure) => {
    const locked = resources.find(({ type, id }) => isLocked(type, id))
    if (locked !== undefined) throw new Refusal(423, 'locked', `${locked.type} ${locked.id} is locked`)
    /** @type {any} */
    const action = {
      id: newId(), command, status: 'running', progress: 0, started: now(), finished: null, resources, error: null
    }
    actions.push(action)
    const timer = setTimeout(() => {
      timers.delete(timer)
      const status = failure === undefined ? 'success' : 'error'
      Object.assign(action, { status, progress: 100, finished: now(), error: failure ?? null })
      if (failure === undefined) end()
    }, delay)
    timers.add(timer)
    return clone(action)
  }

  const server = (/** @type {any} */ { id }) => ({ type: 'server', id })

  /** @param {any} one @param {any} network @param {string} [ip] @param {string} [range] */
  const attach = (one, network, ip, range) => {
    if (network.subnets.length === 0) throw new Refusal(422, 'no_subnet_available', 'network has no subnet')
    if (one.private_net.some((/** @type {any} */ net) => net.network === network.id)) {
      throw new Refusal(422, 'server_already_attached', 'server is already attached to this network')
    }
    const within = network.subnets.filter((/** @type {any} */ subnet) =>
      range === undefined || subnet.ip_range === range)
    if (within.length === 0) throw invalidField('ip_range', 'is no subnet of the network')
    if (ip !== undefined && !within.some((/** @type {any} */ subnet) => isWithin(`${ip}/32`, subnet.ip_range))) {
      throw invalidField('ip', 'is not in a subnet of the network')
    }
    const used = new Set(all['servers']?.flatMap(({ private_net: nets }) =>
      nets.map((/** @type {any} */ net) => net.ip)))
    let next = rangeOf(within[0].ip_range).first + 2
    while (used.has(toAddress(next))) next++
    one.private_net.push({
      network: network.id, ip: ip ?? toAddress(next), alias_ips: [], mac_address: '86:00:00:2a:7d:e0'
    })
    network.servers.push(one.id)
  }

  /** @param {any} one @param {any} network */
  const detach = (one, network) => {
    one.private_net = one.private_net.filter((/** @type {any} */ net) => net.network !== network.id)
    network.servers = network.servers.filter((/** @type {number} */ id) => id !== one.id)
  }

  /** @param {any} firewall @param {any} one */
  const apply = (firewall, one) => {
    if (one.public_net.firewalls.some((/** @type {any} */ { id }) => id === firewall.id)) {
      throw new Refusal(422, 'firewall_already_applied', 'firewall was already applied on resource')
    }
    one.public_net.firewalls.push({ id: firewall.id, status: 'applied' })
    firewall.applied_to.push({ type: 'server', server: { id: one.id } })
  }

  /** @param {any} firewall @param {any} one */
  const unapply = (firewall, one) => {
    if (!one.public_net.firewalls.some((/** @type {any} */ { id }) => id === firewall.id)) {
      throw new Refusal(422, 'firewall_already_removed', 'firewall was already removed from the resource')
    }
    one.public_net.firewalls = one.public_net.firewalls.filter((/** @type {any} */ { id }) => id !== firewall.id)
    firewall.applied_to = firewall.applied_to.filter((/** @type {any} */ applied) => applied.server.id !== one.id)
  }

  /** @param {any[]} rules */
  const checkRules = (rules) => rules.map((rule, i) => {
    if (!protocols.includes(rule.protocol)) throw invalidField(`rules[${i}].protocol`, 'is not a protocol')
    const isPortless = rule.protocol !== 'tcp' && rule.protocol !== 'udp'
    if (isPortless !== (rule.port == null)) {
      throw invalidField(`rules[${i}].port`, isPortless ? 'must be empty' : 'is required')
    }
    if ((rule.direction === 'in' ? rule.source_ips : rule.destination_ips)?.length > 0) {
      return { source_ips: [], destination_ips: [], description: null, port: null, ...rule }
    }
    throw invalidField(`rules[${i}]`, 'has no addresses')
  })

  /** @param {any} input */
  const createServer = (input) => {
    const { name, labels = {}, location = 'fsn1', start_after_create: isStarted = true } = input
    const type = findByName('server_types', input.server_type)
    if (type === undefined) throw invalidField('server_type', `server type ${input.server_type} not found`)
    const image = findByName('images', input.image)
    if (image === undefined) throw notFound('image')
    const place = findByName('locations', location)
    if (place === undefined) throw invalidField('location', `location ${location} not found`)
    checkName('servers', name)
    checkLabels(labels)
    const keys = (input.ssh_keys ?? []).map((/** @type {unknown} */ key) => findByName('ssh_keys', key))
    if (keys.includes(undefined)) throw invalidField('ssh_keys', 'ssh key not found')
    const networks = (input.networks ?? []).map((/** @type {number} */ id) => find('networks', id))
    const firewalls = (input.firewalls ?? []).map((/** @type {any} */ { firewall }) => find('firewalls', firewall))
    if ((input.user_data ?? '').length > 32_768) throw invalidField('user_data', 'is too long')
    if (type.name === 'ccx63') {
      throw new Refusal(412, 'resource_unavailable', 'server type is not available in the location')
    }
    if (Number(all['servers']?.length) >= maxServers) {
      throw new Refusal(403, 'resource_limit_exceeded', 'server limit exceeded', { limits: [{ name: 'server_limit' }] })
    }
    const { enable_ipv4: ipv4 = true, enable_ipv6: ipv6 = true } = input.public_net ?? {}
    const id = newId()
    /** @type {any} */
    const made = {
      id,
      name,
      status: 'initializing',
      created: now(),
      public_net: {
        ipv4: ipv4 ? { id: newId(), ip: `192.0.2.${id % 250}`, blocked: false, dns_ptr: `static.${id}.example` } : null,
        ipv6: ipv6 ? { id: newId(), ip: `2001:db8:${id.toString(16)}::/64`, blocked: false, dns_ptr: [] } : null,
        floating_ips: [],
        firewalls: []
      },
      private_net: [],
      server_type: type,
      location: place,
      datacenter: { id: place.id, name: `${place.name}-dc14`, description: `${place.city} 1 DC14`, location: place },
      image,
      iso: null,
      rescue_enabled: false,
      locked: false,
      backup_window: null,
      outgoing_traffic: 0,
      ingoing_traffic: 0,
      included_traffic: 21990232555520,
      protection: { delete: false, rebuild: false },
      labels,
      volumes: [],
      load_balancers: [],
      primary_disk_size: type.disk,
      placement_group: null
    }
    for (const network of networks) attach(made, network)
    for (const firewall of firewalls) apply(firewall, made)
    all['servers']?.push(made)
    const action = begin('create_server', [server(made)], () => { made.status = isStarted ? 'running' : 'off' })
    const password = keys.length === 0 ? randomBytes(12).toString('base64url') : null
    return { server: made, action, next_actions: [], root_password: password }
  }

  /** The actions of a server. @type {Record<string, (one: any, input: any) => any>} */
  const serverActions = {
    poweron: (one) => toStatus(one, 'start_server', 'starting', 'running'),
    poweroff: (one) => toStatus(one, 'stop_server', 'stopping', 'off'),
    shutdown: (one) => toStatus(one, 'shutdown_server', 'stopping', 'off'),
    reboot: (one) => toStatus(one, 'reboot_server', one.status, 'running'),
    reset: (one) => toStatus(one, 'reset_server', one.status, 'running'),
    rebuild (one, input) {
      const image = findByName('images', input.image)
      if (image === undefined) throw notFound('image')
      if (one.protection.rebuild) throw new Refusal(403, 'protected', 'server is protected')
      const begun = toStatus(one, 'rebuild_server', 'rebuilding', 'running')
      one.image = image
      return { ...begun, root_password: null }
    },
    change_type (one, input) {
      const type = findByName('server_types', input.server_type)
      if (type === undefined) throw invalidField('server_type', `server type ${input.server_type} not found`)
      if (one.status !== 'off') throw new Refusal(412, 'server_not_stopped', 'server is not stopped')
      const failure = type.name === 'ccx63'
        ? { code: 'resource_unavailable', message: 'server type is not available in the location' }
        : undefined
      one.status = 'migrating'
      const action = begin('change_server_type', [server(one)], () => { one.server_type = type }, failure)
      const timer = setTimeout(() => { one.status = 'off' }, delay)
      timers.add(timer)
      return { action }
    },
    change_protection (one, { delete: isDelete, rebuild }) {
      if (isDelete !== rebuild) throw invalidField('delete', 'must equal rebuild')
      const protection = { delete: isDelete, rebuild }
      return { action: begin('change_protection', [server(one)], () => { one.protection = protection }) }
    },
    create_image (one, { type = 'snapshot', description = `snapshot ${newId()}`, labels = {} }) {
      checkLabels(labels)
      const id = newId()
      const action = begin('create_image', [server(one), { type: 'image', id }], () => { made.status = 'available' })
      const made = {
        ...clone(one.image),
        id,
        type,
        name: null,
        description,
        labels,
        status: 'creating',
        image_size: 1.5,
        disk_size: one.primary_disk_size,
        created: now(),
        created_from: { id: one.id, name: one.name }
      }
      all['images']?.push(made)
      return { image: made, action }
    },
    attach_to_network (one, { network: id, ip, ip_range: range }) {
      const network = find('networks', id)
      attach(clone(one), clone(network), ip, range)
      const resources = [server(one), { type: 'network', id }]
      return { action: begin('attach_to_network', resources, () => attach(one, network, ip, range)) }
    },
    detach_from_network (one, { network: id }) {
      const network = find('networks', id)
      const resources = [server(one), { type: 'network', id }]
      return { action: begin('detach_from_network', resources, () => detach(one, network)) }
    }
  }

  /** @param {any} one @param {string} command @param {string} by @param {string} end */
  function toStatus (one, command, by, end) {
    const action = begin(command, [server(one)], () => { one.status = end })
    one.status = by
    return { action }
  }

  /** @type {Record<string, (one: any, input: any) => any>} */
  const volumeActions = {
    attach (one, { server: id }) {
      const to = find('servers', id)
      if (one.server !== null) {
        throw new Refusal(422, 'volume_already_attached', 'volume is already attached to a server')
      }
      if (to.location.id !== one.location.id) throw invalidField('server', 'is in another location')
      return {
        action: begin('attach_volume', [server(to), { type: 'volume', id: one.id }], () => {
          one.server = to.id
          to.volumes.push(one.id)
        })
      }
    },
    detach (one) {
      if (one.server === null) throw new Refusal(422, 'invalid_input', 'volume is not attached')
      const from = find('servers', one.server)
      return {
        action: begin('detach_volume', [server(from), { type: 'volume', id: one.id }], () => {
          one.server = null
          from.volumes = from.volumes.filter((/** @type {number} */ id) => id !== one.id)
        })
      }
    },
    resize (one, { size }) {
      if (size <= one.size) throw invalidField('size', 'must be larger than the present size')
      return { action: begin('resize_volume', [{ type: 'volume', id: one.id }], () => { one.size = size }) }
    }
  }

  /** @type {Record<string, (one: any, input: any) => any>} */
  const networkActions = {
    add_subnet (one, { type, ip_range: range, network_zone: zone }) {
      if (!['cloud', 'server', 'vswitch'].includes(type)) throw invalidField('type', 'is no type of subnets')
      if (!isWithin(range, one.ip_range)) throw invalidField('ip_range', 'is not in the range of the network')
      if (one.subnets.some((/** @type {any} */ subnet) => overlap(subnet.ip_range, range))) {
        throw invalidField('ip_range', 'overlaps with another subnet')
      }
      // The gateway is that of the network.
      const gateway = toAddress(rangeOf(one.ip_range).first + 1)
      return {
        action: begin('add_subnet', [{ type: 'network', id: one.id }], () => {
          one.subnets.push({ type, ip_range: range, network_zone: zone, gateway, vswitch_id: null })
        })
      }
    },
    delete_subnet (one, { ip_range: range }) {
      if (!one.subnets.some((/** @type {any} */ subnet) => subnet.ip_range === range)) throw notFound('subnet')
      return {
        action: begin('delete_subnet', [{ type: 'network', id: one.id }], () => {
          one.subnets = one.subnets.filter((/** @type {any} */ subnet) => subnet.ip_range !== range)
        })
      }
    }
  }

  /** @type {Record<string, (one: any, input: any) => any>} */
  const firewallActions = {
    set_rules (one, { rules }) {
      const checked = checkRules(rules)
      const resources = [{ type: 'firewall', id: one.id }]
      return { actions: [begin('set_firewall_rules', resources, () => { one.rules = checked })] }
    },
    apply_to_resources (one, { apply_to: targets }) {
      return {
        actions: targets.map((/** @type {any} */ target) => {
          const to = find('servers', target.server.id)
          apply(clone(one), clone(to))
          return begin('apply_firewall', [server(to), { type: 'firewall', id: one.id }], () => apply(one, to))
        })
      }
    },
    remove_from_resources (one, { remove_from: targets }) {
      return {
        actions: targets.map((/** @type {any} */ target) => {
          const from = find('servers', target.server.id)
          unapply(clone(one), clone(from))
          return begin('remove_firewall', [server(from), { type: 'firewall', id: one.id }], () => unapply(one, from))
        })
      }
    }
  }

  /** @param {any} one */
  const release = (one) => {
    for (const owner of all['servers'] ?? []) {
      owner.public_net.floating_ips = owner.public_net.floating_ips.filter((/** @type {number} */ id) => id !== one.id)
    }
    one.server = null
  }

  /** @type {Record<string, (one: any, input: any) => any>} */
  const floatingIpActions = {
    assign (one, { server: id }) {
      const to = find('servers', id)
      return {
        action: begin('assign_floating_ip', [server(to), { type: 'floating_ip', id: one.id }], () => {
          release(one)
          one.server = to.id
          to.public_net.floating_ips.push(one.id)
        })
      }
    },
    unassign: (one) => ({
      action: begin('unassign_floating_ip', [{ type: 'floating_ip', id: one.id }], () => release(one))
    })
  }

  /** @type {Record<string, (input: any) => any>} */
  const creates = {
    servers: createServer,
    ssh_keys ({ name, public_key: key = '', labels = {} }) {
      checkName('ssh_keys', name)
      checkLabels(labels)
      const [type, data] = key.split(' ')
      if (!/^(ssh-|ecdsa-)/.test(type) || !/^[A-Za-z0-9+/=]{20,}$/.test(data ?? '')) {
        throw invalidField('public_key', 'is not a valid SSH key')
      }
      const hash = createHash('md5').update(Buffer.from(data, 'base64')).digest('hex')
      const fingerprint = hash.match(/../g)?.join(':')
      if (all['ssh_keys']?.some((one) => one.fingerprint === fingerprint)) {
        const details = { fields: [{ name: 'public_key' }] }
        throw new Refusal(409, 'uniqueness_error', 'SSH key with the same fingerprint already exists', details)
      }
      return { ssh_key: { id: newId(), name, fingerprint, public_key: key, labels, created: now() } }
    },
    volumes ({ name, size, location, server: serverId, labels = {}, format = null }) {
      checkName('volumes', name)
      checkLabels(labels)
      if (!(size >= 10 && size <= 10240)) throw invalidField('size', 'must be from 10 to 10240')
      const to = serverId === undefined ? undefined : find('servers', serverId)
      const place = to?.location ?? findByName('locations', location)
      if (place === undefined) throw invalidField('location', 'not found')
      const id = newId()
      /** @type {any} */
      const volume = {
        id,
        name,
        size,
        server: null,
        location: place,
        linux_device: `/dev/disk/by-id/scsi-0HC_Volume_${id}`,
        protection: { delete: false },
        labels,
        status: 'creating',
        created: now(),
        format
      }
      const action = begin('create_volume', [{ type: 'volume', id }], () => {
        volume.status = 'available'
        if (to === undefined) return
        volume.server = to.id
        to.volumes.push(id)
      })
      return { volume, action, next_actions: [] }
    },
    networks ({ name, ip_range: range, subnets = [], routes = [], labels = {} }) {
      checkName('networks', name)
      checkLabels(labels)
      if (typeof range !== 'string') throw invalidField('ip_range', 'is required')
      const bits = Number(range.split('/')[1])
      const isPrivate = ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16'].some((block) => isWithin(range, block))
      if (!isPrivate || !(bits >= 8 && bits <= 24)) {
        throw invalidField('ip_range', 'must be a private block of /8 to /24')
      }
      const network = {
        id: newId(),
        name,
        ip_range: range,
        subnets: subnets.map((/** @type {any} */ subnet) => ({
          ...subnet, gateway: toAddress(rangeOf(range).first + 1), vswitch_id: null
        })),
        routes,
        servers: [],
        load_balancers: [],
        protection: { delete: false },
        labels,
        created: now(),
        expose_routes_to_vswitch: false
      }
      return { network }
    },
    firewalls ({ name, rules = [], labels = {}, apply_to: targets = [] }) {
      checkName('firewalls', name)
      checkLabels(labels)
      const firewall = { id: newId(), name, rules: checkRules(rules), applied_to: [], labels, created: now() }
      for (const target of targets) apply(firewall, find('servers', target.server.id))
      return { firewall, actions: [] }
    },
    floating_ips ({ type, home_location: home, server: serverId, name, description = null, labels = {} }) {
      checkLabels(labels)
      const to = serverId == null ? undefined : find('servers', serverId)
      const place = to?.location ?? findByName('locations', home)
      if (place === undefined) throw invalidField('home_location', 'not found')
      const id = newId()
      const ip = {
        id,
        name: name ?? `floating-ip-${id}`,
        description,
        ip: type === 'ipv4' ? `198.51.100.${id % 250}` : `2001:db8:f${id.toString(16)}::/64`,
        type,
        server: null,
        dns_ptr: [],
        home_location: place,
        blocked: false,
        protection: { delete: false },
        labels,
        created: now()
      }
      const action = to === undefined ? null : floatingIpActions['assign']?.(ip, { server: to.id }).action
      return { floating_ip: ip, action }
    }
  }

  /** The checks and the effects of deletions. @type {Record<string, (one: any) => any>} */
  const deletes = {
    servers (one) {
      if (one.protection.delete) throw new Refusal(403, 'protected', 'server deletion is protected')
      const action = begin('delete_server', [server(one)], () => {
        for (const volume of all['volumes'] ?? []) if (volume.server === one.id) volume.server = null
        for (const ip of all['floating_ips'] ?? []) if (ip.server === one.id) ip.server = null
        for (const network of all['networks'] ?? []) detach(one, network)
        for (const firewall of all['firewalls'] ?? []) {
          firewall.applied_to = firewall.applied_to.filter((/** @type {any} */ applied) => applied.server.id !== one.id)
        }
        remove('servers', one)
      })
      one.status = 'deleting'
      return { action }
    },
    images (one) {
      if (one.type === 'system') throw new Refusal(403, 'forbidden', 'system images cannot be deleted')
    },
    volumes (one) {
      if (one.server !== null) throw new Refusal(409, 'conflict', 'volume is attached to a server')
    },
    networks (one) {
      for (const id of one.servers) detach(find('servers', id), one)
    },
    firewalls (one) {
      if (one.applied_to.length > 0) throw new Refusal(422, 'resource_in_use', 'firewall is in use')
    },
    floating_ips: release,
    ssh_keys () {}
  }

  /** @type {Record<string, Record<string, (one: any, input: any) => any>>} */
  const changes = {
    servers: serverActions,
    volumes: volumeActions,
    networks: networkActions,
    firewalls: firewallActions,
    floating_ips: floatingIpActions
  }

  return {
    all,
    actions,
    pricing,
    find,
    /** @param {string} collection @param {any} input */
    create (collection, input) {
      const create = creates[collection]
      if (create === undefined) throw notFound('path')
      const made = create(input)
      const [[, resource]] = /** @type {[[string, any]]} */ (/** @type {unknown} */ (Object.entries(made)))
      if (collection !== 'servers') all[collection]?.push(resource)
      return made
    },
    /** @param {string} collection @param {any} one @param {any} input */
    update (collection, one, { name, description, labels }) {
      if (name !== undefined) checkName(collection, name, one)
      if (labels !== undefined) checkLabels(labels)
      const given = Object.entries({ name, description, labels }).filter(([, value]) => value !== undefined)
      return Object.assign(one, Object.fromEntries(given))
    },
    /** @param {string} collection @param {any} one @returns {{ action: any } | undefined} */
    destroy (collection, one) {
      const destroy = deletes[collection]
      if (destroy === undefined) throw notFound('path')
      const accepted = destroy(one)
      if (collection !== 'servers') remove(collection, one)
      return accepted
    },
    /** @param {string} collection @param {any} one @param {string} command @param {any} input */
    act (collection, one, command, input) {
      const run = changes[collection]?.[command]
      if (run === undefined) throw notFound('action')
      return run(one, input)
    },
    close () {
      for (const timer of timers) clearTimeout(timer)
    }
  }
}
