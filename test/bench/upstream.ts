import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tellAddress } from './probe.ts'

/**
 * The least of an OpenStack that lists servers: Keystone's token, Nova's version, one page of ten servers, their ports.
 */
const id = (kind: number, n: number) => `${String(kind).padStart(8, '0')}-0000-4000-8000-${String(n).padStart(12, '0')}`
const mac = (n: number) => `fa:16:3e:00:00:${n.toString(16).padStart(2, '0')}`
const numbers = Array.from({ length: 10 }, (_, n) => n)

const server = (n: number) => ({
  id: id(1, n),
  name: `web-${n}`,
  status: 'ACTIVE',
  tenant_id: '5f705771945846c0a80b0cbed8a5d1cf',
  user_id: '00f8fd3cb1a94f6bb4e30e0f7ac1a8b6',
  metadata: { env: 'prod', role: 'web' },
  hostId: 'c3f14e9005e5b1e2ab6ae3fbb6d3dd6a1f1ee86dcb0e0dd2a3d2c0f4',
  image: { id: id(2, 0), links: [{ rel: 'bookmark', href: `http://127.0.0.1/images/${id(2, 0)}` }] },
  flavor: { id: '42', links: [{ rel: 'bookmark', href: 'http://127.0.0.1/flavors/42' }] },
  created: '2026-01-31T12:00:00Z',
  updated: '2026-01-31T12:00:30Z',
  addresses: {
    private: [{ version: 4, addr: `10.0.0.${n + 10}`, 'OS-EXT-IPS:type': 'fixed', 'OS-EXT-IPS-MAC:mac_addr': mac(n) }]
  },
  accessIPv4: '',
  accessIPv6: '',
  links: [
    { rel: 'self', href: `http://127.0.0.1/v2.1/servers/${id(1, n)}` },
    { rel: 'bookmark', href: `http://127.0.0.1/servers/${id(1, n)}` }
  ],
  'OS-DCF:diskConfig': 'MANUAL',
  progress: 0,
  'OS-EXT-AZ:availability_zone': 'nova',
  config_drive: '',
  key_name: 'main',
  'OS-SRV-USG:launched_at': '2026-01-31T12:00:30.000000',
  'OS-SRV-USG:terminated_at': null,
  security_groups: [{ name: 'default' }],
  'OS-EXT-STS:task_state': null,
  'OS-EXT-STS:vm_state': 'active',
  'OS-EXT-STS:power_state': 1,
  'os-extended-volumes:volumes_attached': [],
  locked: false
})

const port = (n: number) => ({
  id: id(3, n),
  device_id: id(1, n),
  network_id: id(4, 0),
  mac_address: mac(n),
  fixed_ips: [{ subnet_id: id(5, 0), ip_address: `10.0.0.${n + 10}` }],
  security_groups: [id(6, 0)]
})

const service = (type: string, url: string) => ({
  type,
  endpoints: [{ interface: 'public', region: 'One', region_id: 'One', url }]
})

function answers (base: string): Record<string, Buffer> {
  const token = {
    issued_at: '2026-01-31T12:00:00.000000Z',
    expires_at: '2026-02-01T12:00:00.000000Z',
    catalog: [service('compute', `${base}/compute/v2.1`), service('network', `${base}/network`)]
  }
  return Object.fromEntries(Object.entries({
    '/v3/auth/tokens': { token },
    '/compute/v2.1/': { version: { id: 'v2.1', version: '2.93', min_version: '2.1' } },
    '/compute/v2.1/servers': { servers: [] },
    '/compute/v2.1/servers/detail': { servers: numbers.map(server) },
    '/network/v2.0/ports': { ports: numbers.map(port) }
  }).map(([path, body]) => [path, Buffer.from(JSON.stringify(body))]))
}

/** Milliseconds before each answer. */
const delay = Number(process.argv[2] ?? 0)
let count = 0

let known: Record<string, Buffer> = {}
const upstream = createServer((request, response) => {
  const path = request.url!.split('?', 1)[0]!
  const body = known[path] ?? known[`${path}/`]
  request.resume()
  if (path === '/count') {
    response.end(String(count))
    return
  }
  count++
  if (body === undefined) {
    response.writeHead(404).end()
    return
  }
  const answer = () => response.writeHead(request.method === 'POST' ? 201 : 200, {
    'content-type': 'application/json',
    'content-length': body.length,
    'x-subject-token': 'token',
    'x-openstack-request-id': `req-${id(7, 0)}`
  }).end(body)
  if (delay === 0) answer()
  else setTimeout(answer, delay)
})
// The bare proxy does not repeat a call whose connection was closed meanwhile.
upstream.keepAliveTimeout = 600_000
upstream.listen(0, '127.0.0.1', () => {
  const address = `http://127.0.0.1:${(upstream.address() as AddressInfo).port}`
  known = answers(address)
  tellAddress(address)
})
