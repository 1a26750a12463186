import { addressAt, poolSize } from './addresses.ts'
import { zonesOf } from './catalog.ts'
import { createRandom, newId } from './random.ts'
import type { CollectionStates, NodeRecord, StateFile, SubnetRecord } from './records.ts'
import {
  createNodeRecord,
  defaultGroup,
  firstRecords,
  privateNetwork,
  publicNetwork
} from './seed.ts'
import type { Settings } from './settings.ts'

const createdAt = Date.parse('2026-01-20T09:00:00.000Z')
const dayMs = 24 * 60 * 60 * 1000

const hostFailed = { code: '500', message: 'The host of this node failed.' }

/** The nodes of the sample, each in another state. */
const sampleNodes = [
  {
    name: 'web-1',
    status: 'ACTIVE',
    size: 'dummy.small',
    image: 'img-debian-12',
    env: 'prod',
    role: 'web'
  },
  {
    name: 'db-1',
    status: 'SHUTOFF',
    size: 'dummy.large',
    image: 'img-debian-12',
    env: 'prod',
    role: 'db'
  },
  {
    name: 'cache-1',
    status: 'PAUSED',
    size: 'dummy.tiny',
    image: 'img-debian-12',
    env: 'dev',
    role: 'cache'
  },
  {
    name: 'desk-1',
    status: 'SUSPENDED',
    size: 'dummy.large',
    image: 'img-windows-2022',
    env: 'prod',
    role: 'desk'
  },
  {
    name: 'build-1',
    status: 'ERROR',
    size: 'dummy.medium',
    image: 'img-ubuntu-24-04',
    env: 'dev',
    role: 'build'
  }
]

const firstOf = <Name extends keyof typeof firstRecords>(
  name: Name
) => [...firstRecords[name] ?? []]

/**
 * Creates the state of a new cloud that shows something in each list: five nodes in different states, a network with a
 * subnet, a volume of a node, and a floating IP. The ids are the same for the same seed.
 */
export function createSampleState ({ seed, location }: Settings): StateFile {
  const random = createRandom(seed)
  const createId = (prefix: string) => newId(prefix, () => false, random)
  const common = (seq: number, id: string, day: number) => ({
    seq,
    id,
    steps: [],
    created_at: createdAt + day * dayMs,
    updated_at: createdAt + day * dayMs,
    operation: null
  })

  const networkId = createId('net')
  const subnet: SubnetRecord = {
    ...common(2, createId('subnet'), 0),
    name: 'backend',
    tags: { env: 'prod' },
    network_id: networkId,
    cidr: '10.20.0.0/24',
    gateway_ip: '10.20.0.1',
    dns_servers: ['192.0.2.53']
  }
  const network = {
    ...common(2, networkId, 0),
    name: 'backend',
    tags: { env: 'prod' },
    external: false,
    mtu: 1500,
    subnets: [{ id: subnet.id, cidr: subnet.cidr }]
  }
  const subnets = [...firstOf('subnets'), subnet]
  const subnetOf = (id: string) => subnets.find((one) => one.network_id === id)!

  const createNode = (seq: number): NodeRecord => {
    const { name, status, size, image, ...tags } = sampleNodes[seq]!
    // The database and its client share a network of their own.
    const networks = seq < 2 ? [privateNetwork, networkId] : [privateNetwork]
    return createNodeRecord({
      ...common(seq, createId('node'), 1 + seq),
      name,
      status,
      size_id: size,
      image_id: image,
      availability_zone: zonesOf(location)[seq % 2]!,
      nics: networks.map((id) => ({
        id: createId('nic'),
        network_id: id,
        subnet_id: subnetOf(id).id,
        address: addressAt(subnetOf(id), BigInt(seq)),
        security_group_ids: [defaultGroup],
        floating: null
      })),
      tags,
      fault: status === 'ERROR' ? hostFailed : null
    })
  }
  const [web, db, ...others] = sampleNodes.map((_, seq) => createNode(seq))

  const pool = subnetOf(publicNetwork)
  const floating = { id: createId('fip'), address: addressAt(pool, poolSize(pool) / 2n) }
  const [webNic, ...webNics] = web!.nics
  const floatingIp = {
    ...common(0, floating.id, 2),
    tags: { env: 'prod' },
    address: floating.address,
    network_id: publicNetwork,
    subnet_id: pool.id,
    node_id: web!.id,
    nic_id: webNic!.id,
    fixed_address: webNic!.address
  }
  const volume = {
    ...common(0, createId('vol'), 3),
    name: 'db-data',
    status: 'in-use',
    tags: { env: 'prod' },
    size: 20,
    type: 'fast',
    availability_zone: db!.availability_zone,
    bootable: false,
    snapshot_id: null,
    image_id: null,
    attachment: { node_id: db!.id, device: '/dev/vdb', delete_on_termination: false }
  }

  const collection = <T>(items: T[]) => ({ next_seq: items.length, departed: [], items })
  const collections: CollectionStates = {
    volumes: collection([volume]),
    networks: collection([...firstOf('networks'), network]),
    subnets: collection(subnets),
    floating_ips: collection([floatingIp])
  }
  const nodes = [{ ...web!, nics: [{ ...webNic!, floating }, ...webNics] }, db!, ...others]
  return { version: 1, next_seq: nodes.length, nodes, departed: [], collections }
}
