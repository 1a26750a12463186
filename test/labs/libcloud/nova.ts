import { randomUUID } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Test } from 'tap'
import { installed } from './installed.ts'

interface Server {
  id: string
  name: string
  metadata: Record<string, string>
  imageRef: string
  flavorRef: string
}

/** A moment in the work of the stand-in: before it answers a read, before it makes a server, and after that. */
export type Moment = 'image' | 'flavors' | 'servers' | 'server' | 'before create' | 'after create'

/** A small Nova that keeps what was made, however its clients end. Libcloud's driver reads and writes it. */
export interface Nova {
  /** The settings of a cloud that reaches it by Libcloud. */
  cloud (settings?: object): object
  servers: Map<string, Server>
  /** Runs at a moment; the answer waits for it. */
  at: (moment: Moment) => Promise<void> | void
  /** Milliseconds before each answer. */
  latency: number
}

export const image = 'img-1'
export const size = '1'

const body = async (request: IncomingMessage) => {
  let text = ''
  for await (const chunk of request) text += String(chunk)
  return text === '' ? {} : JSON.parse(text) as { server: Omit<Server, 'id'> }
}

/** Starts it. It ends with the test. `count` servers are there from the start. */
export async function startNova (t: Pick<Test, 'teardown'>, count = 0): Promise<Nova> {
  let origin = ''
  const timestamp = '2026-01-31T12:00:00Z'
  const toServer = ({ id, name, metadata, imageRef, flavorRef }: Server) => ({
    id,
    name,
    status: 'ACTIVE',
    metadata,
    image: { id: imageRef, links: [] },
    flavor: { id: flavorRef, links: [] },
    tenant_id: '5f705771945846c0a80b0cbed8a5d1cf',
    user_id: '00f8fd3cb1a94f6bb4e30e0f7ac1a8b6',
    hostId: 'c3f14e9005e5b1e2ab6ae3fbb6d3dd6a1f1ee86dcb0e0dd2a3d2c0f4',
    created: timestamp,
    updated: timestamp,
    addresses: { private: [{ version: 4, addr: '10.0.0.10', 'OS-EXT-IPS:type': 'fixed' }] },
    links: [{ rel: 'self', href: `${origin}/servers/${id}` }],
    'OS-EXT-AZ:availability_zone': 'nova',
    'OS-EXT-STS:vm_state': 'active',
    key_name: 'main'
  })
  const servers = new Map<string, Server>()
  for (let i = 0; i < count; i++) {
    const id = `00000000-0000-4000-8000-${String(i).padStart(12, '0')}`
    servers.set(id, { id, name: `web-${i}`, metadata: { role: 'web' }, imageRef: image, flavorRef: size })
  }
  const oneImage = {
    id: image, name: 'Debian 12', status: 'ACTIVE', created: timestamp, updated: timestamp, metadata: {}
  }
  const flavor = { id: size, name: 'small', ram: 2048, vcpus: 1, disk: 20, swap: '', links: [] }

  const nova: Nova = {
    cloud: (settings = {}) => ({
      ...installed,
      native: false,
      provider: 'openstack',
      key: 'me',
      secret: 'none',
      cache_seconds: 0,
      arguments: {
        api_version: '1.1', ex_force_auth_url: origin, ex_force_base_url: origin, ex_force_auth_token: 'a-token'
      },
      ...settings
    }),
    servers,
    at: () => {},
    latency: 0
  }

  const answer = async (request: IncomingMessage): Promise<[status: number, body?: object]> => {
    const [, collection = '', id = ''] = request.url!.split('?')[0]!.split('/')
    const reach = async (moment: Moment) => { await nova.at(moment) }
    if (request.method === 'POST') {
      const { server } = await body(request) as { server: Omit<Server, 'id'> }
      await reach('before create')
      const made = { ...server, id: randomUUID() }
      servers.set(made.id, made)
      await reach('after create')
      return [202, { server: { id: made.id, links: [] } }]
    }
    if (request.method === 'DELETE') return servers.delete(id) ? [204] : [404, { itemNotFound: { message: 'none' } }]
    if (collection === 'images') {
      await reach('image')
      if (id === 'detail') return [200, { images: [oneImage] }]
      return id === image ? [200, { image: oneImage }] : [404, { itemNotFound: { message: 'no image' } }]
    }
    if (collection === 'flavors') {
      await reach('flavors')
      return [200, { flavors: [flavor] }]
    }
    if (id === 'detail') {
      await reach('servers')
      return [200, { servers: [...servers.values()].map(toServer) }]
    }
    await reach('server')
    const found = servers.get(id)
    return found === undefined ? [404, { itemNotFound: { message: 'no server' } }] : [200, { server: toServer(found) }]
  }

  const respond = async (request: IncomingMessage, response: ServerResponse) => {
    const [status, content] = await answer(request)
    if (nova.latency > 0) await sleep(nova.latency)
    response.writeHead(status, { 'content-type': 'application/json' })
    response.end(content === undefined ? '' : JSON.stringify(content))
  }
  const http = createServer((request, response) => {
    respond(request, response).catch((error) => response.destroy(error))
  })
  await new Promise<void>((resolve) => { http.listen(0, '127.0.0.1', resolve) })
  origin = `http://127.0.0.1:${(http.address() as AddressInfo).port}`
  t.teardown(() => new Promise((resolve) => {
    http.close(resolve)
    http.closeAllConnections()
  }))
  return nova
}
