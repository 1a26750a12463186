import { createServer } from 'node:http'
import { createCloud, notFound, Refusal } from './cloud.js'

/**
 * A server that speaks the API of Hetzner Cloud, for tests: servers, images, server types, locations, SSH keys,
 * volumes, networks, firewalls, floating IPs and actions. Its state is in memory.
 * Source: https://docs.hetzner.cloud/reference/cloud
 */

/** The name of one resource in a response. @param {string} collection */
const toKey = (collection) => collection.replace(/s$/, '')

/** @param {string} selector @param {Record<string, string>} labels */
const isSelected = (selector, labels) => selector.split(',').every((term) => {
  const [, key = '', operator, value] = /^([^=!]+?)(?:(==?|!=)(.*))?$/.exec(term) ?? []
  if (operator === undefined) return key in labels
  return operator === '!=' ? labels[key] !== value : labels[key] === value
})

/**
 * @param {any[]} items
 * @param {URLSearchParams} query
 */
function select (items, query) {
  const selector = query.get('label_selector')
  const found = items.filter((one) =>
    ['name', 'status', 'type', 'id', 'architecture', 'fingerprint'].every((field) =>
      !query.has(field) || query.getAll(field).includes(String(one[field]))) &&
    (selector === null || isSelected(selector, one.labels)))
  return query.get('sort') === 'id:desc' ? found.sort((a, b) => b.id - a.id) : found
}

/** @param {string} key @param {any[]} items @param {URLSearchParams} query */
function page (key, items, query) {
  const number = Number(query.get('page') ?? 1)
  const size = Number(query.get('per_page') ?? 25)
  if (!(size >= 1 && size <= 50)) throw new Refusal(422, 'invalid_input', "invalid input in field 'per_page'")
  const last = Math.max(1, Math.ceil(items.length / size))
  return {
    [key]: items.slice((number - 1) * size, number * size),
    meta: {
      pagination: {
        page: number,
        per_page: size,
        previous_page: number > 1 ? number - 1 : null,
        next_page: number < last ? number + 1 : null,
        last_page: last,
        total_entries: items.length
      }
    }
  }
}

/**
 * Starts the server on a free port of the loopback.
 * @param {object} options
 * @param {string} options.token
 * @param {number} [options.maxServers]
 * @param {number} [options.maxRequests] requests of an hour; after them, the answer is 429
 * @param {number} [options.delay] milliseconds of an action
 * @param {number} [options.port]
 */
export async function startStandIn ({ token, maxServers = 100, maxRequests = 1_000_000, delay = 20, port = 0 }) {
  const cloud = createCloud({ maxServers, delay })
  let requests = 0

  /** @param {string} method @param {URL} url @param {any} input @returns {[number, any?]} */
  const answer = (method, { pathname, searchParams: query }, input) => {
    const [, version, collection = '', id, actions, command] = pathname.split('/')
    if (version !== 'v1') throw notFound('path')
    if (collection === 'pricing') return [200, { pricing: cloud.pricing }]
    if (collection === 'actions') {
      if (id === undefined) return [200, page('actions', select(cloud.actions, query), query)]
      const action = cloud.actions.find((one) => String(one.id) === id)
      if (action === undefined) throw notFound('action')
      return [200, { action }]
    }
    const items = cloud.all[collection]
    if (items === undefined) throw notFound('path')
    if (id === undefined) {
      if (method === 'POST') return [201, cloud.create(collection, input)]
      return [200, page(collection, select(items, query), query)]
    }
    const one = cloud.find(collection, id)
    if (actions === 'actions') {
      if (method === 'POST') return [201, cloud.act(collection, one, command ?? '', input)]
      const own = cloud.actions.filter(({ resources }) =>
        resources.some((/** @type {any} */ resource) => resource.type === toKey(collection) && resource.id === one.id))
      return [200, page('actions', select(own, query), query)]
    }
    if (method === 'PUT') return [200, { [toKey(collection)]: cloud.update(collection, one, input) }]
    if (method !== 'DELETE') return [200, { [toKey(collection)]: one }]
    const accepted = cloud.destroy(collection, one)
    return accepted === undefined ? [204] : [200, accepted]
  }

  const server = createServer(async (request, response) => {
    let text = ''
    for await (const chunk of request) text += chunk
    requests++
    const limits = {
      'ratelimit-limit': String(maxRequests),
      'ratelimit-remaining': String(Math.max(0, maxRequests - requests)),
      'ratelimit-reset': String(Math.ceil(Date.now() / 1000) + 3600)
    }
    /** @param {number} status @param {unknown} [body] */
    const send = (status, body) => {
      response.writeHead(status, { 'content-type': 'application/json', 'x-correlation-id': `r-${requests}`, ...limits })
      response.end(body === undefined ? undefined : JSON.stringify(body))
    }
    try {
      if (requests > maxRequests) throw new Refusal(429, 'rate_limit_exceeded', 'limit of requests per hour reached')
      if (request.headers.authorization !== `Bearer ${token}`) {
        throw new Refusal(401, 'unauthorized', 'unable to authenticate')
      }
      const url = new URL(request.url ?? '/', 'http://stand-in')
      send(...answer(request.method ?? 'GET', url, text === '' ? {} : JSON.parse(text)))
    } catch (error) {
      if (!(error instanceof Refusal)) {
        console.error(error)
        return send(500, { error: { code: 'server_error', message: String(error), details: null } })
      }
      send(error.status, error.body)
    }
  })
  await new Promise((resolve) => { server.listen(port, '127.0.0.1', () => resolve(undefined)) })
  const address = /** @type {import('node:net').AddressInfo} */ (server.address())
  return {
    url: `http://127.0.0.1:${address.port}/v1`,
    close () {
      cloud.close()
      server.closeAllConnections()
      server.close()
    }
  }
}

if (process.argv[1] === import.meta.filename) {
  const token = process.env['HCLOUD_TOKEN'] ?? 'secret'
  const { url } = await startStandIn({ token, port: Number(process.env['PORT'] ?? 8080) })
  console.log(`The stand-in listens on ${url}`)
}
