import { allowedActions, checkTags, isTransitioning, toChange, untilGone } from 'cloud-orchestrator/driver'
import { readPage } from './client.js'

/**
 * @typedef {import('cloud-orchestrator/driver').Call} Call
 * @typedef {import('cloud-orchestrator/driver').Node} Node
 * @typedef {import('cloud-orchestrator/driver').NodeState} NodeState
 * @typedef {import('cloud-orchestrator/driver').NodeService} NodeService
 */

/**
 * What the cloud can do beyond the methods: the fields that it honours, and the filters that it applies itself.
 * @type {import('cloud-orchestrator/driver').ServiceDetails<NodeService>}
 */
export const nodeDetails = {
  list: { filters: ['name'] },
  create: {
    parameters: [
      'name', 'image_id', 'size_id', 'availability_zone', 'user_data', 'tags', 'provider_options',
      'provider_options.acme.backups'
    ],
    limits: { user_data_bytes: 32_768, tag_characters: 63 }
  },
  update: { parameters: ['name', 'tags'] }
}

/** The cloud's own states. One that is missing here is `unknown`. @type {Record<string, NodeState>} */
const states = {
  building: 'pending',
  starting: 'starting',
  on: 'running',
  rebooting: 'rebooting',
  stopping: 'stopping',
  off: 'stopped',
  deleting: 'terminating',
  broken: 'error'
}

/** The methods below, for `allowed_actions`. */
const supported = new Set(['start', 'stop', 'reboot', 'destroy'])

/**
 * The label that has the id of the operation of a create. Other drivers use `operationKey`, but the keys of this cloud
 * allow no colon.
 */
const operationLabel = 'orchestrator-operation'

const labelRules = {
  key: /^(?!orchestrator-)[a-z0-9][a-z0-9._-]{0,62}$/,
  words: 'lower-case letters, digits, ".", "_" and "-", at most 63; orchestrator- is reserved for this server'
}

/**
 * The tags of a resource, without the label of this server.
 * @param {Record<string, string>} labels
 */
function toTags ({ [operationLabel]: _, ...tags }) {
  return tags
}

/**
 * @param {import('./client.js').Client} client
 * @param {string | null} region
 * @param {import('cloud-orchestrator/driver').Context} context
 * @returns {NodeService}
 */
export function createNodes (client, region, { identify }) {
  /** @type {(raw: any, extra: boolean) => Node} */
  const toNode = (raw, extra) => {
    const id = String(raw.id)
    const state = states[raw.status] ?? 'unknown'
    const { cloud, driver, location, self } = identify('nodes', id, raw.region)
    return {
      id,
      cloud,
      driver,
      location,
      self,
      name: raw.name,
      state,
      provider_state: raw.status,
      provider_task_state: null,
      transitioning: isTransitioning(state),
      allowed_actions: allowedActions(state, supported),
      created_at: raw.created,
      updated_at: null,
      tags: toTags(raw.labels),
      size_id: raw.size,
      image_id: raw.image,
      key_pair_name: null,
      availability_zone: raw.region,
      architecture: null,
      public_ips: raw.ip === null ? [] : [raw.ip],
      private_ips: [],
      addresses: raw.ip === null
        ? []
        : [{
            address: raw.ip, version: 4, scope: 'public', kind: 'fixed', network_id: null, nic_id: null, mac: null
          }],
      security_group_ids: null,
      volume_ids: null,
      lifecycle: null,
      launched_at: null,
      progress: null,
      fault: raw.fault === null ? null : { code: null, message: raw.fault },
      protected: null,
      // The raw fields, only if the caller asks for them.
      ...extra ? { extra: raw } : {}
    }
  }

  /** @type {(action: string, end: NodeState) => (id: string, input: unknown, call: Call) => Promise<any>} */
  const act = (action, end) => async (id, _input, call) => {
    await client.send('POST', `/machines/${id}/${action}`, call)
    // The server reads the node until it has this state.
    return toChange('node', id, { states: [end] })
  }

  return {
    async list (query, call) {
      const { name: names = [] } = query.filters
      // The cloud finds one exact name. The server applies all filters again, so others may be left out here.
      /** @type {Record<string, string>} */
      const filters = names.length === 1 && !names[0].includes('*') ? { name: names[0] } : {}
      const { items, next, total } = await readPage(client, '/machines', query, filters, call)
      return { items: items.map((raw) => toNode(raw, query.extra)), next, total }
    },
    async get (id, { extra }, call) {
      return toNode(await client.send('GET', `/machines/${id}`, call), extra)
    },
    async create ({ name, image_id: image, size_id: size, availability_zone: zone, ...input }, call) {
      const { tags = {}, user_data: userData, provider_options: options } = input
      checkTags(tags, labelRules)
      const machine = await client.send('POST', '/machines', call, {
        name,
        image,
        size,
        region: zone ?? region ?? undefined,
        user_data: userData,
        backups: options?.acme?.backups,
        // If the response is lost, findCreated finds the machine by this label.
        labels: { ...tags, [operationLabel]: call.operation }
      })
      return toChange('node', String(machine.id), { states: ['running'] })
    },
    async findCreated ({ id }, _since, call) {
      const query = new URLSearchParams({ label: `${operationLabel}=${id}` })
      const { items } = await client.send('GET', `/machines?${query}`, call)
      return items.map((/** @type {any} */ raw) => ({ kind: 'node', id: String(raw.id) }))
    },
    async update (id, { name, tags }, call) {
      checkTags(tags ?? {}, labelRules)
      /** @type {Record<string, string> | undefined} */
      let labels
      if (tags !== undefined) {
        // The cloud replaces all labels; a tag that is null is removed.
        const { labels: present } = await client.send('GET', `/machines/${id}`, call)
        const kept = Object.entries({ ...present, ...tags }).filter(([, value]) => value !== null)
        labels = Object.fromEntries(kept)
      }
      return toNode(await client.send('PATCH', `/machines/${id}`, call, { name, labels }), false)
    },
    start: act('start', 'running'),
    stop: act('stop', 'stopped'),
    reboot: act('reboot', 'running'),
    async destroy (id, call) {
      await client.send('DELETE', `/machines/${id}`, call)
      return toChange('node', id, untilGone)
    }
  }
}
