/** The things of one small cloud and of the one account that uses it. */
import { randomBytes } from 'node:crypto'
import { fault } from './faults.ts'

export const account = '000123456789'
/** the account of the cloud's own images */
export const system = '000000000042'

export type InstanceState = keyof typeof stateCodes
export const stateCodes = {
  pending: 0,
  running: 16,
  'shutting-down': 32,
  terminated: 48,
  stopping: 64,
  stopped: 80
} as const

export interface Instance {
  id: string
  reservation: string
  state: InstanceState
  image: string
  kernel: string | null
  ramdisk: string | null
  type: string
  zone: string
  keyName: string | undefined
  index: number
  launched: Date
  clientToken: string | undefined
  userData: string | undefined
  protected: boolean
  onShutdown: string
  monitoring: boolean
  ebs: boolean
  rootDevice: string
  platform: string | undefined
  reason: string | undefined
  publicIp: string | undefined
}

export interface Volume {
  id: string
  size: number
  snapshot: string | undefined
  zone: string
  status: 'creating' | 'available' | 'in-use' | 'deleting'
  type: string
  created: Date
  attachment?: VolumeAttachment
}

export interface VolumeAttachment {
  instance: string
  device: string
  status: 'attaching' | 'attached' | 'detaching'
  at: Date
  deleteOnTermination: boolean
  root: boolean
}

export interface Snapshot {
  id: string
  volume: string
  status: 'pending' | 'completed'
  progress: number
  size: number
  started: Date
  description: string | undefined
}

export interface Image {
  id: string
  kind: 'machine' | 'kernel' | 'ramdisk'
  name: string
  description: string | undefined
  state: 'pending' | 'available' | 'deregistered'
  owner: string
  isPublic: boolean
  users: string[]
  architecture: string
  platform?: string
  kernel: string | null
  ramdisk: string | null
  location: string
  rootDevice: string
  /** without it the image is of the instance store */
  root: { snapshot: string, size: number } | undefined
}

export interface KeyPair { name: string, fingerprint: string }
export interface Rule {
  protocol: string
  from?: number | undefined
  to?: number | undefined
  cidr?: string
  group?: string
}
export interface Group { id: string, name: string, description: string, vpc: string, ingress: Rule[], egress: Rule[] }
export interface Address { ip: string, allocation: string, association?: string | undefined, nic?: string | undefined }
export interface Vpc { id: string, cidr: string, isDefault: boolean, dnsSupport: boolean, dnsHostnames: boolean }
export interface Subnet { id: string, vpc: string, cidr: string, zone: string, isDefault: boolean, mapPublic: boolean }
export interface Gateway { id: string, vpc: string | undefined }
export interface Route { cidr: string, gateway?: string, nic?: string, origin: string }
export interface RouteTable {
  id: string
  vpc: string
  main: boolean
  mainAssociation: string
  routes: Route[]
  associations: Array<{ id: string, subnet: string }>
}

export interface Nic {
  id: string
  subnet: string
  vpc: string
  description: string
  ip: string
  groups: string[]
  sourceDestCheck: boolean
  attachment?: { id: string, instance: string, index: number, at: Date, deleteOnTermination: boolean, status: string }
}

/** Settings that a test may change while the cloud runs. */
export interface Behaviour {
  /** milliseconds until a state becomes the next; with Infinity it does when `settle` is called */
  delay: number
  /** milliseconds for which a terminated instance is still shown */
  terminatedFor: number
  quotas: { instances: number, volumes: number, snapshots: number, addresses: number, vpcs: number, gateways: number }
  /** instance types for which there is no place */
  full: Set<string>
  /** instance types of which an instance ends instead of running */
  dying: Set<string>
  /** seconds in which the same signature is taken again */
  replayWindow: number
  /** asks of DescribeInstanceTypes for the availability are only for administrators */
  administrator: boolean
  /** whether the network mode is EDGE, which has no networks; VPCMIDO otherwise */
  edge: boolean
}

export type Cloud = ReturnType<typeof createCloud>

interface CloudOptions { idLength: number, zones: string[], region: string, behaviour: Behaviour }

export function createCloud ({ idLength, zones, region, behaviour }: CloudOptions) {
  const waiting = new Map<() => void, NodeJS.Timeout | undefined>()
  const ends = new Set<NodeJS.Timeout>()
  const used = new Set<string>()

  function id (prefix: string): string {
    const made = `${prefix}-${randomBytes(9).toString('hex').slice(0, idLength)}`
    if (used.has(made)) return id(prefix)
    used.add(made)
    return made
  }

  /** Does it after the delay, or when everything is settled. */
  function later (change: () => void) {
    const run = () => {
      clearTimeout(waiting.get(run))
      waiting.delete(run)
      change()
    }
    waiting.set(run, Number.isFinite(behaviour.delay) ? setTimeout(run, behaviour.delay).unref() : undefined)
  }

  /** Does it when the time for which the ended is shown is over; this is never settled. */
  function inTheEnd (change: () => void) {
    if (Number.isFinite(behaviour.terminatedFor)) ends.add(setTimeout(change, behaviour.terminatedFor).unref())
  }

  /** Lets every change that is on its way happen now, with those that follow from it. */
  function settle () {
    for (let round = 0; round < 10; round++) for (const run of [...waiting.keys()]) run()
  }

  function stop () {
    for (const timer of [...waiting.values(), ...ends]) clearTimeout(timer)
    waiting.clear()
  }

  let host = 9
  return {
    region,
    zones,
    behaviour,
    id,
    later,
    inTheEnd,
    settle,
    stop,
    /** a public address of the cloud's pool */
    publicIp: () => `198.51.100.${++host % 250 + 1}`,
    instances: new Map<string, Instance>(),
    volumes: new Map<string, Volume>(),
    snapshots: new Map<string, Snapshot>(),
    images: new Map<string, Image>(),
    keyPairs: new Map<string, KeyPair>(),
    groups: new Map<string, Group>(),
    addresses: new Map<string, Address>(),
    vpcs: new Map<string, Vpc>(),
    subnets: new Map<string, Subnet>(),
    gateways: new Map<string, Gateway>(),
    routeTables: new Map<string, RouteTable>(),
    nics: new Map<string, Nic>(),
    tags: new Map<string, Map<string, string>>()
  }
}

/** Ids are compared without case. Something that is no id of that kind is told so. */
export function find<T> (things: Map<string, T>, given: string, prefix: string, code: string): T {
  const thing = things.get(normal(given, prefix))
  if (!thing) throw fault(code, `The ID '${given}' does not exist`)
  return thing
}

export function normal (given: string, prefix: string): string {
  if (!new RegExp(`^${prefix}-([0-9a-f]{8}|[0-9a-f]{17})$`, 'i').test(given)) {
    throw fault('InvalidParameterValue', `Value (${given}) is invalid. Expected: '${prefix}-...'`)
  }
  return given.toLowerCase()
}

/** All, or those of the ids given: one that is not there refuses all. */
export function chosen<T> (things: Map<string, T>, ids: string[], prefix: string, code: string): T[] {
  return ids.length ? ids.map(id => find(things, id, prefix, code)) : [...things.values()]
}
