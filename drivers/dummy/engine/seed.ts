import { addressAt } from './addresses.ts'
import { builtInImages, impossibleSize, sizes, zonesOf } from './catalog.ts'
import { nodeStateOf } from './node-states.ts'
import { createRandom, newId } from './random.ts'
import type {
  CollectionName,
  GroupRecord,
  KeyPairRecord,
  NetworkRecord,
  NodeRecord,
  NodeStep,
  RecordOf,
  RuleRecord,
  StateFile,
  SubnetRecord
} from './records.ts'
import type { Settings } from './settings.ts'

export const privateNetwork = 'net-private'
export const publicNetwork = 'net-public'
export const defaultGroup = 'sg-default'

const createdAt = Date.parse('2026-01-15T00:00:00.000Z')

const commonFields = (seq: number, id: string) => ({
  seq,
  id,
  steps: [],
  created_at: createdAt,
  updated_at: createdAt,
  operation: null
})

const subnet = (seq: number, network: string, cidr: string, gateway: string): SubnetRecord => {
  const name = network.replace('net-', '')
  return {
    ...commonFields(seq, `subnet-${name}`),
    name,
    tags: {},
    network_id: network,
    cidr,
    gateway_ip: gateway,
    dns_servers: []
  }
}

const subnets = [
  subnet(0, privateNetwork, '10.0.0.0/16', '10.0.0.1'),
  // RFC 2544 reserves 198.18.0.0/15 for tests, so no host on the internet has these addresses.
  subnet(1, publicNetwork, '198.18.0.0/15', '198.18.0.1')
]

const networks = subnets.map(({ seq, name, network_id: networkId, id, cidr }): NetworkRecord => ({
  ...commonFields(seq, networkId),
  name: name!,
  tags: {},
  external: networkId === publicNetwork,
  mtu: 1500,
  subnets: [{ id, cidr }]
}))

/** Creates a rule that allows all traffic except for what its fields restrict. */
export const createRule = (
  id: string,
  fields: Pick<RuleRecord, 'direction' | 'ethertype'> & Partial<RuleRecord>
): RuleRecord => ({
  id,
  protocol: null,
  port_min: null,
  port_max: null,
  icmp_type: null,
  icmp_code: null,
  cidr: null,
  remote_group_id: null,
  description: null,
  ...fields
})

const ethertypes = ['IPv4', 'IPv6'] as const

/** Creates the rules of a new group, which allow all outgoing traffic. */
export const createEgressRules = (createId: (i: number) => string) =>
  ethertypes.map((ethertype, i) => createRule(createId(i), { direction: 'egress', ethertype }))

/** The group of NICs that name no group. It allows outgoing traffic, and traffic between its members. */
const defaultGroupRecord: GroupRecord = {
  ...commonFields(0, defaultGroup),
  name: 'default',
  tags: {},
  description: 'Default security group',
  rules: [
    ...createEgressRules((i) => `rule-0000000${i}`),
    ...ethertypes.map((ethertype, i) =>
      createRule(`rule-0000000${2 + i}`, {
        direction: 'ingress',
        ethertype,
        remote_group_id: defaultGroup
      })
    )
  ]
}

/** A key pair for trying requests. Its private key does not exist. */
const keyPair: KeyPairRecord = {
  ...commonFields(0, 'dummy-key'),
  type: 'ed25519',
  fingerprint: 'SHA256:dFFcSpR9fsMcWp4C8py68SlFXSBDpazuPNz3NDq1q6c',
  public_key:
    'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBnaTMgU3/4E30NYumB0mI4stywtuN2fb6LGNMXQQdTV dummy-key'
}

/** The records of a new collection, also of one that an old state file lacks. */
export const firstRecords: { readonly [Name in CollectionName]?: ReadonlyArray<RecordOf<Name>> } = {
  key_pairs: [keyPair],
  networks,
  subnets,
  security_groups: [defaultGroupRecord]
}

const firstNodeCreatedAt = Date.parse('2026-01-01T00:00:00.000Z')
const environments = ['prod', 'staging', 'dev']
const roles = ['web', 'db', 'worker', 'cache']

const imagesAndSizes = [...builtInImages.values()].map((image) => ({
  imageId: image.id,
  sizes: [...sizes.values()].filter(({ id, ram, disk }) =>
    id !== impossibleSize && ram >= image.min_ram && disk >= image.min_disk
  )
}))

/** Returns the end of a transitional status, if it ends. */
function stepsOf (status: string, task: string | null, seconds: number | undefined): NodeStep[] {
  const { state, transitioning } = nodeStateOf({ status, task })
  if (!transitioning || seconds === undefined) return []
  const then = state === 'terminating'
    ? { gone: true }
    : { status: 'ACTIVE', task: null, progress: null }
  return [{ at: Date.now() + seconds * 1000, then }]
}

type NodeField =
  | 'seq'
  | 'id'
  | 'steps'
  | 'name'
  | 'status'
  | 'size_id'
  | 'image_id'
  | 'availability_zone'
  | 'nics'
  | 'tags'
  | 'fault'
  | 'created_at'
type NodeFields = Pick<NodeRecord, NodeField> & { task?: string | null }

/** Creates a node that exists from the beginning. */
export function createNodeRecord (fields: NodeFields): NodeRecord {
  // No spread here: with so many fields it creates a dictionary, which takes ten times as long.
  return {
    seq: fields.seq,
    id: fields.id,
    steps: fields.steps,
    name: fields.name,
    status: fields.status,
    task: fields.task ?? null,
    progress: null,
    size_id: fields.size_id,
    image_id: fields.image_id,
    before: null,
    key_pair_name: keyPair.id,
    availability_zone: fields.availability_zone,
    nics: fields.nics,
    tags: fields.tags,
    protected: false,
    fault: fields.fault,
    user_data_bytes: null,
    created_at: fields.created_at,
    updated_at: fields.created_at,
    launched_at: fields.created_at,
    operation: null
  }
}

/** Creates the state of a new cloud, which is the same for the same seed. */
export function createSeedState (
  { nodes: count, seed, location, provider_states: states, delays }: Settings
): StateFile {
  const random = createRandom(seed)
  const pick = <T>(list: readonly T[]) => list[Math.floor(random() * list.length)]!
  const ids = new Set<string>()

  // The order of the fields is the order in which they draw random numbers.
  const createNode = (seq: number): NodeRecord => {
    const { imageId, sizes } = pick(imagesAndSizes)
    const [status, task = null] = states[seq % states.length]!.split('/') as [string, string?]
    const created = firstNodeCreatedAt + seq * 60_000
    const id = newId('node', (id) => ids.has(id), random)
    ids.add(id)
    return createNodeRecord({
      seq,
      id,
      steps: stepsOf(status, task, delays.seeded),
      name: `node-${String(seq + 1).padStart(4, '0')}`,
      status,
      task,
      size_id: pick(sizes).id,
      image_id: imageId,
      availability_zone: pick(zonesOf(location)),
      // Positions are unique, so no two nodes have the same address.
      nics: subnets.map((subnet) => ({
        id: newId('nic', () => false, random),
        network_id: subnet.network_id,
        subnet_id: subnet.id,
        address: addressAt(subnet, BigInt(seq)),
        security_group_ids: [defaultGroup],
        floating: null
      })),
      tags: { env: pick(environments), role: pick(roles) },
      fault: status === 'ERROR' ? { code: '500', message: 'The node failed.' } : null,
      created_at: created
    })
  }

  const nodes = Array.from({ length: count }, (_, seq) => createNode(seq))
  return { version: 1, next_seq: count, nodes, departed: [] }
}
