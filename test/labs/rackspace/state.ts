import { randomBytes, randomUUID } from 'node:crypto'
import { Fault, stamp } from './answer.ts'
import type { Behaviour } from './behaviour.ts'

export interface Stage {
  status: string
  task?: string | null
}

export interface Nic {
  id: string
  mac: string
  network: string
  addresses: string[]
}

export interface Server {
  id: string
  name: string
  image: string | null
  flavor: string
  oldFlavor?: string
  /** The root volume, and whether it is deleted with the server. */
  root?: { volume: string, own: boolean }
  metadata: Record<string, string>
  keyName: string | null
  created: string
  updated: string
  nics: Nic[]
  stage: Stage
  /** The next stages, each for `delay` ms. The last one stays. */
  plan: Stage[]
  movedAt: number
  fault?: { code: number, message: string, created: string }
  /** Called at the end of the plan. */
  done?: () => void
  deleted: boolean
}

export interface Image {
  id: string
  name: string
  /** The server that it was created from. */
  server?: string
  status: string
  created: string
  metadata: Record<string, string>
  minDisk: number
  minRam: number
  readyAt: number
}

export interface Volume {
  id: string
  name: string | null
  description: string | null
  size: number
  type: string
  snapshot: string | null
  image: string | null
  metadata: Record<string, string>
  created: string
  status: string
  next?: { status: string, at: number }
  attachment: { server: string, device: string } | null
}

export interface Snapshot {
  id: string
  name: string | null
  description: string | null
  volume: string
  size: number
  metadata: Record<string, string>
  created: string
  status: string
  next?: { status: string, at: number }
}

export const publicNet = '00000000-0000-0000-0000-000000000000'
export const serviceNet = '11111111-1111-1111-1111-111111111111'

export interface Network { id: string, label: string, cidr?: string }
export interface Keypair { name: string, public_key: string, fingerprint: string }

export const flavors = [
  { id: '2', name: '512MB Standard Instance', ram: 512, disk: 20, vcpus: 1, class: 'standard1' },
  { id: 'performance1-1', name: '1 GB Performance', ram: 1024, disk: 20, vcpus: 1, class: 'performance1' },
  { id: 'performance1-2', name: '2 GB Performance', ram: 2048, disk: 40, vcpus: 2, class: 'performance1' },
  { id: 'performance1-8', name: '8 GB Performance', ram: 8192, disk: 40, vcpus: 8, class: 'performance1' },
  { id: 'compute1-4', name: '3.75 GB Compute v1', ram: 3840, disk: 0, vcpus: 2, class: 'compute1' },
  { id: 'onmetal-compute1', name: 'OnMetal Compute v1', ram: 32768, disk: 32, vcpus: 20, class: 'onmetal' }
]

/** The account's resources in one region. */
export function createState (behaviour: Behaviour) {
  const base = (name: string, distro: string, version: string): Image => ({
    id: randomUUID(),
    name,
    status: 'ACTIVE',
    created: '2026-01-31T12:00:00Z',
    minDisk: 20,
    minRam: 512,
    readyAt: 0,
    metadata: {
      image_type: 'base',
      arch: 'x86-64',
      os_type: 'linux',
      os_distro: distro,
      os_version: version,
      auto_disk_config: 'disabled',
      com__rackspace: 'x',
      'com.rackspace__1__visible_core': '1',
      'org.openstack__1__architecture': 'x64'
    }
  })
  const images = [
    base('Debian 12 (Bookworm) (PVHVM)', 'debian', '12'),
    base('Ubuntu 24.04 LTS (PVHVM)', 'ubuntu', '24.04'),
    base('CentOS 7 (PVHVM)', 'centos', '7')
  ]
  for (const image of images) delete image.metadata['com__rackspace']
  const servers: Server[] = []
  const volumes: Volume[] = []
  const snapshots: Snapshot[] = []
  const networks: Network[] = [{ id: publicNet, label: 'public' }, { id: serviceNet, label: 'private' }]
  const keypairs: Keypair[] = []
  let hosts = 0

  /** Makes the changes that are due. It is called for each request. */
  const settle = () => {
    const now = performance.now()
    for (const server of servers) {
      while (server.plan.length > 0 && now >= server.movedAt + behaviour.delay) {
        server.stage = server.plan.shift()!
        server.movedAt += behaviour.delay
        server.updated = stamp()
        if (server.plan.length === 0) {
          const { done } = server
          delete server.done
          done?.()
        }
      }
    }
    for (const image of images) if (image.status === 'SAVING' && now >= image.readyAt) image.status = 'ACTIVE'
    for (const list of [volumes, snapshots] as Array<Array<Volume | Snapshot>>) {
      for (const one of [...list]) {
        if (one.next === undefined || now < one.next.at) continue
        if (one.next.status === 'gone') list.splice(list.indexOf(one), 1)
        else one.status = one.next.status
        delete one.next
      }
    }
  }

  return {
    behaviour,
    servers,
    images,
    volumes,
    snapshots,
    networks,
    keypairs,
    settle,
    /** Sends a server through stages, beginning at once. */
    send (server: Server, stages: Stage[], done?: () => void) {
      const [first, ...rest] = stages
      server.stage = first!
      server.plan = rest
      server.movedAt = performance.now()
      if (done === undefined) delete server.done
      else server.done = done
      if (rest.length === 0) done?.()
    },
    /** Sets the status of a volume or a snapshot, and the next one after `delay` ms. */
    turn (one: Volume | Snapshot, status: string, next: string) {
      one.status = status
      one.next = { status: next, at: performance.now() + behaviour.delay }
    },
    nicOn (network: Network): Nic {
      const host = ++hosts
      const hex = (byte: number) => byte.toString(16).padStart(2, '0').toUpperCase()
      const mac = `BC:76:4E:20:${hex(host >> 8)}:${hex(host & 255)}`
      const end = `${host >> 8}.${host & 255}`
      const v4 =
        network.id === publicNet
          ? `162.242.${end}`
          : network.id === serviceNet
            ? `10.176.${end}`
            : network.cidr!.replace(/\d+\/\d+$/, String(host & 255))
      const addresses = network.id === publicNet ? ['2001:4802:7802:104:be76:4eff:fe20:' + host.toString(16), v4] : [v4]
      return { id: randomUUID(), mac, network: network.id, addresses }
    }
  }
}

export type State = ReturnType<typeof createState>

export const findServer = ({ servers }: State, id: string) => {
  const server = servers.find((one) => one.id === id && !one.deleted)
  if (server === undefined) throw new Fault(404, `Instance ${id} could not be found.`)
  return server
}

export const newPassword = () => randomBytes(9).toString('base64url')
