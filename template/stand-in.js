import { createServer } from 'node:http'

/**
 * A small server that speaks the API of the cloud, for tests. Its state is in memory. Replace it with one that answers
 * as your cloud does, or let the test use an account of your cloud.
 */

const images = [
  { id: 'debian-12', title: 'Debian 12', distro: 'debian', version: '12', disk: 10, architecture: 'x86_64' },
  { id: 'ubuntu-24', title: 'Ubuntu 24.04', distro: 'ubuntu', version: '24.04', disk: 10, architecture: 'x86_64' }
]
const sizes = [
  { id: 's1', cores: 1, memory: 1024, disk: 20 },
  { id: 's2', cores: 2, memory: 4096, disk: 40 }
]
const regions = [{ id: 'north', city: 'Oslo' }, { id: 'south', city: 'Rome' }]

/** Milliseconds of a change of state. */
const delay = 20

class Refusal extends Error {
  /** @param {number} status @param {string} code @param {string} message @param {string} [field] */
  constructor (status, code, message, field) {
    super(message)
    this.status = status
    this.body = { error: { code, message, field } }
  }
}

const notFound = () => new Refusal(404, 'not_found', 'The resource does not exist')

/** The states that allow an action, the state on the way and the state at its end. */
const actions = {
  start: { from: ['off'], by: 'starting', to: 'on' },
  stop: { from: ['on'], by: 'stopping', to: 'off' },
  reboot: { from: ['on'], by: 'rebooting', to: 'on' }
}

/**
 * Starts the server on a free port of the loopback.
 * @param {{ token: string, maxMachines?: number, port?: number }} options
 */
export async function startStandIn ({ token, maxMachines = 100, port = 0 }) {
  /** @type {any[]} */
  const machines = []
  /** @type {Set<NodeJS.Timeout>} */
  const timers = new Set()
  let lastId = 0

  /** @param {() => void} run */
  const later = (run) => {
    const timer = setTimeout(() => {
      timers.delete(timer)
      run()
    }, delay)
    timers.add(timer)
  }

  /** @param {string} id */
  const find = (id) => {
    const machine = machines.find((one) => String(one.id) === id)
    if (machine === undefined) throw notFound()
    return machine
  }

  /** @param {any[]} items @param {URLSearchParams} query */
  const page = (items, query) => {
    const number = Number(query.get('page') ?? 1)
    const size = Number(query.get('per_page') ?? 50)
    const end = number * size
    const next = end < items.length ? number + 1 : null
    return { items: items.slice(end - size, end), next_page: next, total: items.length }
  }

  /** @param {any} input */
  const create = ({ name, image, size, region = 'north', labels = {} }) => {
    /** @type {[string, any, { id: string }[]][]} */
    const references = [['image', image, images], ['size', size, sizes], ['region', region, regions]]
    for (const [field, id, known] of references) {
      if (!known.some((one) => one.id === id)) throw new Refusal(422, 'invalid', `There is no ${field} ${id}`, field)
    }
    if (machines.some((one) => one.name === name)) throw new Refusal(409, 'name_taken', `The name ${name} is taken`)
    if (machines.length >= maxMachines) throw new Refusal(403, 'limit_exceeded', `The limit is ${maxMachines} machines`)
    const id = ++lastId
    const machine = {
      id,
      name,
      image,
      size,
      region,
      labels,
      status: 'building',
      ip: `192.0.2.${id % 250}`,
      fault: null,
      created: new Date().toISOString()
    }
    machines.push(machine)
    later(() => { machine.status = 'on' })
    return machine
  }

  /** @param {any} machine @param {string} name */
  const act = (machine, name) => {
    const action = actions[/** @type {keyof typeof actions} */ (name)]
    if (action === undefined) throw notFound()
    if (!action.from.includes(machine.status)) throw new Refusal(409, 'wrong_state', `The machine is ${machine.status}`)
    machine.status = action.by
    later(() => { machine.status = action.to })
    return machine
  }

  /** @param {any} machine */
  const destroy = (machine) => {
    machine.status = 'deleting'
    later(() => machines.splice(machines.indexOf(machine), 1))
    return machine
  }

  /** @param {string} method @param {URL} url @param {any} input */
  const answer = (method, { pathname, searchParams }, input) => {
    const [, , collection = '', id, action] = pathname.split('/')
    if (collection === 'machines') {
      if (id === undefined) {
        if (method === 'POST') return create(input)
        const [key, value] = (searchParams.get('label') ?? '').split('=')
        const name = searchParams.get('name')
        const found = machines.filter((one) =>
          (name === null || one.name === name) && (key === '' || one.labels[key] === value))
        return page(found, searchParams)
      }
      const machine = find(id)
      if (action !== undefined) return act(machine, action)
      if (method === 'DELETE') return destroy(machine)
      if (method === 'PATCH') return Object.assign(machine, input)
      return machine
    }
    const items = { images, sizes, regions }[collection]
    if (items === undefined) throw notFound()
    if (id === undefined) return page(items, searchParams)
    const found = items.find((one) => one.id === id)
    if (found === undefined) throw notFound()
    return found
  }

  const server = createServer(async (request, response) => {
    let text = ''
    for await (const chunk of request) text += chunk
    /** @param {number} status @param {unknown} body */
    const send = (status, body) => {
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
    }
    try {
      const isKnown = request.headers.authorization === `Bearer ${token}`
      if (!isKnown) throw new Refusal(401, 'unauthorized', 'The token is wrong')
      const url = new URL(request.url ?? '/', 'http://stand-in')
      send(200, answer(request.method ?? 'GET', url, text === '' ? {} : JSON.parse(text)))
    } catch (error) {
      if (!(error instanceof Refusal)) throw error
      send(error.status, error.body)
    }
  })
  await new Promise((resolve) => { server.listen(port, '127.0.0.1', () => resolve(undefined)) })
  const address = /** @type {import('node:net').AddressInfo} */ (server.address())
  return {
    url: `http://127.0.0.1:${address.port}`,
    close () {
      for (const timer of timers) clearTimeout(timer)
      server.closeAllConnections()
      server.close()
    }
  }
}

if (process.argv[1] === import.meta.filename) {
  const { url } = await startStandIn({ token: 'secret', port: 8080 })
  console.log(`The stand-in listens on ${url}; its token is "secret"`)
}
