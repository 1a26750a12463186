import { setTimeout as sleep } from 'node:timers/promises'
import { request } from 'undici'
import { startFaultProxy } from '../labs/fault-proxy.ts'
import { openstackLab, type OpenstackLab } from '../labs/openstack/lab.ts'
import { alternate, print } from './figures.ts'
import { createHere, createStall, timed, walk } from './walk.ts'

const servers = 100
/** Servers that one request makes or a round of deletes ends: the lab has the time of others too. */
const atOnce = 25
const limit = 7
const rounds = 7
const prefix = `bench-list-${process.pid}-`

const batches = Array.from({ length: servers / atOnce }, (_, i) => `${prefix}${i}-`)

/** Makes the servers, and resolves when none is being built. */
async function make ({ api, nova }: OpenstackLab) {
  const { images } = await api('demo', 'image', 'GET', '/v2/images?name=cirros-fake')
  const { networks } = await api('demo', 'network', 'GET', '/v2.0/networks?name=private')
  for (const name of batches) {
    const server = {
      name,
      imageRef: images[0].id,
      flavorRef: '1',
      networks: [{ uuid: networks[0].id }],
      min_count: atOnce,
      max_count: atOnce
    }
    await nova('demo', 'POST', '/servers', { server })
    let standing: { status: string }[]
    do {
      await sleep(1000)
      standing = (await nova('demo', 'GET', `/servers/detail?name=^${name}`)).servers
    } while (standing.length < atOnce || standing.some(({ status }) => status === 'BUILD'))
  }
}

async function remove ({ purge }: OpenstackLab) {
  for (const name of batches) await purge('demo', name)
}

interface Origins { keystone: string, nova: string, neutron: string }

async function originsOf ({ api, authUrl }: OpenstackLab): Promise<Origins> {
  const { services } = await api('admin', 'identity', 'GET', '/services')
  const { endpoints } = await api('admin', 'identity', 'GET', '/endpoints?interface=public')
  const originOf = (type: string) => {
    const { id } = services.find((service: { type: string }) => service.type === type)
    return new URL(endpoints.find((endpoint: { service_id: string }) => endpoint.service_id === id).url).origin
  }
  return { keystone: new URL(authUrl).origin, nova: originOf('compute'), neutron: originOf('network') }
}

const fields = ['id', 'device_id', 'network_id', 'mac_address', 'fixed_ips', 'security_groups']
  .map((field) => `fields=${field}`)
  .join('&')

/**
 * Makes the calls that every client needs: all pages of servers and of their ports, parsed.
 */
async function barePages ({ nova, neutron }: Origins, token: string) {
  const headers = { accept: 'application/json', 'x-auth-token': token, 'openstack-api-version': 'compute 2.9' }
  const read = async <T>(url: string): Promise<T> => {
    const { body } = await request(url, { headers })
    return JSON.parse(await body.text()) as T
  }
  const ids = new Set<string>()
  let marker = ''
  do {
    const page = await read<{ servers: { id: string }[], servers_links?: object[] }>(
      `${nova}/v2.1/servers/detail?name=^${prefix}.*$&limit=${limit}${marker}`)
    await read(`${neutron}/v2.0/ports?${page.servers.map(({ id }) => `device_id=${id}`).join('&')}&${fields}`)
    for (const { id } of page.servers) ids.add(id)
    marker = page.servers_links === undefined ? '' : `&marker=${page.servers.at(-1)!.id}`
  } while (marker !== '')
  return ids
}

const isSame = (ids: ReadonlySet<string>, others: ReadonlySet<string>) =>
  ids.size === others.size && [...ids].every((id) => others.has(id))

async function measure (lab: OpenstackLab) {
  const origins = await originsOf(lab)
  const proxy = await startFaultProxy({ targets: { ...origins } })
  const cloud = (authUrl: string) => ({
    driver: 'openstack', region_name: lab.region, auth: { auth_url: authUrl, ...lab.users.demo }
  })
  const app = await createHere('lab', {
    health_seconds: 3600,
    clouds: {
      default: cloud(lab.authUrl),
      counted: cloud(lab.authUrl.replace(origins.keystone, proxy.urls['keystone']!))
    }
  })
  const api = `${await app.listen({ host: '127.0.0.1', port: 0 })}/api/v2/clouds`
  const query = `nodes?limit=${limit}&name=${prefix}*`
  try {
    const { id: token } = await lab.openstack('demo', ['token', 'issue', '-c', 'id'])
    const told: { ID: string }[] = await lab.openstack('demo', ['server', 'list', '--name', `^${prefix}`])
    const known = new Set(told.map(({ ID }) => ID))

    // Signed in, so that only the pages are counted.
    await walk(`${api}/counted/${query}`)
    proxy.resetRequests()
    const counted = await walk(`${api}/counted/${query}`)
    const calls = proxy.requests.length

    const stall = createStall()
    const wrong: string[] = []
    const check = (name: string, ids: ReadonlySet<string>) => { if (!isSame(ids, known)) wrong.push(name) }
    const pages = async () => check('pages', await barePages(origins, token))
    const list = async () => check('list', (await walk(`${api}/default/${query}`)).ids)
    check('counted', counted.ids)
    for (const run of [pages, list]) await run()
    const found = await alternate(rounds, { pages: () => timed(pages), list: () => stall.during(() => timed(list)) })

    print(`${servers} servers of the OpenStack lab through pages of ${limit}`, [
      { what: 'servers in the list of the `openstack` client', value: known.size, unit: 'servers', atLeast: servers },
      { what: 'walks that told other servers than it', value: wrong.length, unit: `of ${2 * rounds + 3}`, atMost: 0 },
      { what: 'calls of the cloud for each page', value: calls / counted.pages, unit: 'calls', atMost: 2 },
      { what: 'bare pages and their ports, undici and JSON.parse', value: found.pages, unit: 'ms' },
      { what: 'the same through the API', value: found.list, unit: 'ms', ratio: found.list / found.pages, atMost: 1.2 },
      { what: 'longest stall of the event loop meanwhile', value: stall.longest(), unit: 'ms', atMost: 50 }
    ])
  } finally {
    await app.close()
    await proxy.close()
  }
}

/** A list over the OpenStack of the lab, which must be up. */
export async function lab () {
  const openstack = await openstackLab()
  try {
    await make(openstack)
    await measure(openstack)
  } finally {
    await remove(openstack)
  }
}
