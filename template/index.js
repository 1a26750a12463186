import { defineDriver, describe, Type } from 'cloud-orchestrator/driver'
import { createClient, readPage } from './client.js'
import { createNodes, nodeDetails } from './nodes.js'

/** The settings of a cloud in the settings file. Messages and logs never show a value of the format `password`. */
const settings = Type.Object({
  endpoint: Type.String({ default: 'https://api.acme.example', description: 'The address of the API.' }),
  token: Type.String({ format: 'password', minLength: 1, description: 'The token of the account.' }),
  region: Type.Optional(Type.String({ description: 'The region of new nodes.' }))
}, { additionalProperties: false })

/** Clients pass these as `provider_options.acme` of a node create. */
const createOptions = Type.Object({
  backups: Type.Optional(Type.Boolean({ description: 'Whether the cloud makes backups of the node.' }))
}, { additionalProperties: false })

export default defineDriver({
  name: 'acme',
  title: 'Acme',
  settings,
  createOptions,
  locationSetting: 'region',
  connect ({ endpoint, token, region = null }, context) {
    const { cloud, identify } = context
    const client = createClient(endpoint, token, context)

    /** The fields that every resource has, for those without a history and tags. */
    const common = (/** @type {any} */ service, /** @type {string} */ id, /** @type {boolean} */ extra, raw = {}) => ({
      ...identify(service, id, region), created_at: null, updated_at: null, tags: {}, ...extra ? { extra: raw } : {}
    })

    /** A service whose resources are only read. */
    const readOnly = (/** @type {string} */ path, /** @type {(raw: any, extra: boolean) => any} */ toResource) => ({
      async list (/** @type {any} */ query, /** @type {any} */ call) {
        const { items, next } = await readPage(client, path, query, {}, call)
        return { items: items.map((raw) => toResource(raw, query.extra)), next }
      },
      async get (/** @type {string} */ id, /** @type {any} */ { extra }, /** @type {any} */ call) {
        return toResource(await client.send('GET', `${path}/${encodeURIComponent(id)}`, call), extra)
      }
    })

    return {
      cloud,
      driver: 'acme',
      host: new URL(endpoint).host,
      location: region,
      ids: { nodes: /^\d{1,12}$/, images: /^[a-z0-9-]{1,64}$/, sizes: /^[a-z0-9]{1,32}$/, locations: /^[a-z]{1,32}$/ },
      capabilities: { nodes: describe(nodeDetails) },
      nodes: createNodes(client, region, context),
      images: readOnly('/images', (raw, extra) => ({
        ...common('images', raw.id, extra, raw),
        name: raw.title,
        state: 'available',
        provider_state: null,
        min_ram: null,
        min_disk: raw.disk,
        size_bytes: null,
        architecture: raw.architecture,
        os: { family: 'linux', distro: raw.distro, version: raw.version },
        visibility: 'public',
        owner: null,
        is_snapshot: false
      })),
      sizes: readOnly('/sizes', (raw, extra) => ({
        ...common('sizes', raw.id, extra, raw),
        name: raw.id,
        state: 'available',
        provider_state: null,
        vcpus: raw.cores,
        ram: raw.memory,
        disk: raw.disk,
        ephemeral_disk: null,
        swap: null,
        architecture: [],
        gpus: [],
        price: null
      })),
      locations: readOnly('/regions', (raw, extra) => ({
        ...common('locations', raw.id, extra, raw),
        name: raw.city,
        state: 'available',
        provider_state: null,
        kind: 'region',
        parent: null,
        available: true
      })),
      /** The cheapest request that needs the token. */
      async check (call) {
        await client.send('GET', '/sizes?per_page=1', call)
      },
      /** This driver has no caches. */
      refresh () {},
      close: () => client.close()
    }
  }
})
