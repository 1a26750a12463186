import { createSingleFlight } from 'cloud-orchestrator/driver'
import { readService, toArchitecture, toName } from './service.js'

/**
 * What the cloud offers: sizes with prices, locations, and pools of floating IPs. Their ids are their names, which are
 * unique and do not change.
 */

/** @param {import('./service.js').Filters} filters */
const byName = ({ name }) => toName(name)

/** @type {import('./service.js').Details<import('cloud-orchestrator/driver').ReadService<
 *   import('cloud-orchestrator/driver').Size>>} */
export const sizeDetails = { list: { filters: ['name'] } }

/** Milliseconds for which the currency is kept. */
const currencyAge = 3_600_000

/**
 * The price of a size in the location of the cloud. Without a location there is a price only if it is the same in all.
 * @param {any[]} prices
 * @param {string | null} location
 */
function priceOf (prices, location) {
  const amounts = prices.filter((price) => location === null || price.location === location)
    .map(({ price_hourly: hourly }) => String(hourly.net))
  return new Set(amounts).size === 1 ? amounts[0] : undefined
}

/**
 * Whether nodes of the size can be made now. Since 2025-09-24 the cloud says it for each location.
 * Source: https://docs.hetzner.cloud/changelog#2025-09-24-per-location-server-types
 * @param {any} raw
 * @param {string | null} location
 */
function isAvailable ({ locations, deprecation }, location) {
  const isOver = (/** @type {any} */ end) => end != null && Date.parse(end.unavailable_after) <= Date.now()
  if (locations === undefined) return !isOver(deprecation)
  return locations.some((/** @type {any} */ one) =>
    (location === null || one.name === location) && one.available !== false && !isOver(one.deprecation))
}

/** @param {import('./service.js').Cloud} cloud */
export function createCatalog ({ client, context: { identify, timeout }, location }) {
  /** @type {{ currency: string, readAt: number } | undefined} */
  let known
  // Prices of server types have no currency: that of the project is in its price list.
  const readPricing = createSingleFlight(timeout, async (call) => {
    const { pricing } = await client.send('GET', '/pricing', call)
    known = { currency: pricing.currency, readAt: Date.now() }
    return known
  })
  const isFresh = () => known !== undefined && Date.now() - known.readAt < currencyAge

  /** @param {any} raw @param {'sizes' | 'locations' | 'floating_ip_pools'} service @param {string | null} at */
  const common = (raw, service, at) => ({
    ...identify(service, raw.name, at), created_at: null, updated_at: null, tags: {}, provider_state: null
  })

  /** @param {any} raw @param {boolean} extra @returns {import('cloud-orchestrator/driver').Size} */
  const toSize = (raw, extra) => {
    const amount = priceOf(raw.prices, location)
    return {
      ...common(raw, 'sizes', location),
      name: raw.name,
      state: isAvailable(raw, location) ? 'available' : 'unavailable',
      vcpus: raw.cores,
      // GB, which are GiB here: a server with 4 GB has 4096 MiB.
      ram: Math.round(raw.memory * 1024),
      disk: raw.disk,
      ephemeral_disk: null,
      swap: null,
      architecture: [toArchitecture(raw.architecture) ?? ''].filter(Boolean),
      gpus: [],
      price: amount === undefined || known === undefined
        ? null
        : {
            amount,
            currency: known.currency,
            per: 'hour',
            as_of: new Date(known.readAt).toISOString().slice(0, 10),
            source: 'Hetzner Cloud API, without VAT and primary IPs'
          },
      ...extra ? { extra: raw } : {}
    }
  }
  const sizes = readService(client, {
    path: '/server_types', key: 'server_type', byName: true, toFilters: byName, toResource: toSize
  })

  /** @param {any} raw @param {boolean} extra @returns {import('cloud-orchestrator/driver').Location} */
  const toLocation = (raw, extra) => ({
    ...common(raw, 'locations', raw.name),
    name: raw.description,
    state: 'available',
    kind: 'region',
    parent: null,
    available: true,
    ...extra ? { extra: raw } : {}
  })

  /** @param {any} raw @param {boolean} extra @returns {import('cloud-orchestrator/driver').FloatingIpPool} */
  const toPool = (raw, extra) => ({
    ...common(raw, 'floating_ip_pools', raw.name), name: raw.name, state: 'available', ...extra ? { extra: raw } : {}
  })

  // The methods of a service are its capabilities, so that `find` must not be one of them.
  const locations = readService(client, {
    path: '/locations', key: 'location', byName: true, toResource: toLocation
  })
  const pools = readService(client, {
    path: '/locations', key: 'location', byName: true, toFilters: byName, toResource: toPool
  })

  return {
    sizes: {
      /** @type {typeof sizes.list} */
      async list (query, call) {
        if (!isFresh()) await readPricing(call)
        return sizes.list(query, call)
      },
      /** @type {typeof sizes.get} */
      async get (id, options, call) {
        if (!isFresh()) await readPricing(call)
        return sizes.get(id, options, call)
      }
    },
    locations: { list: locations.list, get: locations.get },
    floating_ip_pools: { list: pools.list, get: pools.get },
    /** Drops the currency. */
    refresh () { known = undefined }
  }
}
