import type {
  Console, FloatingIp, FloatingIpAssociate, FloatingIpCreate, FloatingIpPool, Image, ImageCreate, ImageDestroy, ImageImport, ImageUpdate,
  ImageUpload, KeyPair, KeyPairCreate, Location, Network, NetworkCreate, NetworkUpdate, Nic, NicCreate, Node, NodeCreate,
  NodeSecurityGroup, NodeUpdate, NodeVerb, NodeVerbInput, ProblemError, Quota, ResourceKind, Router, RouterCreate, RouterInterface,
  RouterUpdate, SecurityGroup, SecurityGroupCreate, SecurityGroupRule, SecurityGroupRuleCreate, SecurityGroupUpdate, Size, Snapshot,
  SnapshotCreate, SnapshotUpdate, Subnet, SubnetCreate, SubnetUpdate, Volume, VolumeAttach, VolumeCreate, VolumeDetach, VolumeExtend,
  VolumeType, VolumeUpdate
} from '../openapi/model/index.ts'
import type { Call } from './call.ts'

/** Field name → the values it may have. Those of one field are alternatives; of `tag` (`key=value` or `key`) all must hold. */
export type Filters = Readonly<Record<string, readonly string[]>>

export interface ReadOptions {
  /** Whether `extra` is wanted: the cloud's raw fields. */
  extra: boolean
}

export interface ListQuery extends ReadOptions {
  /** A wish: a driver may return fewer or more, as its cloud pages. */
  limit: number
  /** What the list before returned as `next`; null for the first page. */
  token: string | null
  /** Any of them may be handed on to the cloud if it then returns all that match, or more: the core applies them all again. */
  filters: Filters
}

export interface ListResult<T> {
  items: T[]
  /** Where the next page begins; null ends the list. */
  next: string | null
  applied?: string[]
  /** How many there are in all: of the whole list, not of this page. */
  total?: number
  /** Set where the items are all there but lack something, and why. */
  partial?: ProblemError
}

export interface ResourceRef {
  kind: ResourceKind
  id: string
}

/** When a change has ended, as data: it is kept with its operation and survives a restart. */
export interface Until {
  /** Done once the resource shows one of these states and is not in transition. Empty, without `gone`: acceptance is the end. */
  states: string[]
  /** Where given, its `provider_state` must be one of these too. */
  provider_states?: string[]
  /** Done once the resource is no longer there (or terminated, or deleted). */
  gone?: boolean
}

/** What the cloud accepted. */
export interface Change {
  resources: ResourceRef[]
  until: Until
  /** Shown once, in the first answer, and kept nowhere. */
  secrets?: Record<string, string>
}

/** A create whose answer was lost. */
export interface LostCreate<Input = NodeCreate> {
  /** The operation id that the create carried into the cloud. */
  id: string
  input: Input
}

export interface ReadService<T> {
  list (query: ListQuery, call: Call): Promise<ListResult<T>>
  /** Throws resource_not_found. */
  get (id: string, options: ReadOptions, call: Call): Promise<T>
}

/** Resources that the cloud makes, changes and deletes at once: a driver waits out a short `pending`. */
export interface DirectService<T, Create, Update> extends ReadService<T> {
  create? (input: Create, call: Call): Promise<T>
  /** Sets what the merge patch names; returns the resource as it is then. */
  update? (id: string, patch: Update, call: Call): Promise<T>
  destroy? (id: string, call: Call): Promise<void>
}

/** Resources whose making and deleting takes its time. */
export interface SlowService<T, Create, Update> extends ReadService<T> {
  create? (input: Create, call: Call): Promise<Change>
  /**
   * Looks for what a lost create made: empty where it made nothing. `since` is when the create was sent, at the latest.
   * Without this method a lost create is outcome_unknown.
   */
  findCreated? (lost: LostCreate<Create>, since: Date, call: Call): Promise<ResourceRef[]>
  /** Sets what the merge patch names; returns the resource as it is then. */
  update? (id: string, patch: Update, call: Call): Promise<T>
  destroy? (id: string, call: Call): Promise<Change>
}

type NodeVerbs = { [V in NodeVerb]: (id: string, input: NodeVerbInput[V], call: Call) => Promise<Change> }

/** Nodes of a cloud. `update` sets name, tags and protection. */
export interface NodeService extends SlowService<Node, NodeCreate, NodeUpdate>, Partial<NodeVerbs> {
  list_nics? (id: string, call: Call): Promise<Nic[]>
  attach_nic? (id: string, input: NicCreate, call: Call): Promise<Change>
  detach_nic? (id: string, nicId: string, call: Call): Promise<Change>
  /** On all its NICs. Does nothing where it is there already. */
  add_security_group? (id: string, input: NodeSecurityGroup, call: Call): Promise<void>
  remove_security_group? (id: string, groupId: string, call: Call): Promise<void>
  console? (id: string, kind: Console['kind'], call: Call): Promise<Console>
}

/** The filter `owner` has two words beside accounts: `all` and, where a driver lists the filter, `self`. The driver alone applies those. */
export interface ImageService extends SlowService<Image, ImageCreate, ImageUpdate> {
  destroy? (id: string, call: Call, options?: ImageDestroy): Promise<Change>
  /** Makes an image of a file, which is streamed: it never is in memory as a whole. */
  upload? (input: ImageUpload, file: AsyncIterable<Uint8Array>, call: Call): Promise<Change>
  /** Has the cloud fetch a file. */
  import? (input: ImageImport, call: Call): Promise<Change>
}

/** The name of a key pair is its id. The answer of `create` has the private key under `secrets`. */
export type KeyPairService = Omit<DirectService<KeyPair, KeyPairCreate, never>, 'update'>

export type NetworkService = DirectService<Network, NetworkCreate, NetworkUpdate>
export type SubnetService = DirectService<Subnet, SubnetCreate, SubnetUpdate>

export interface RouterService extends DirectService<Router, RouterCreate, RouterUpdate> {
  add_interface? (id: string, input: RouterInterface, call: Call): Promise<Router>
  remove_interface? (id: string, input: RouterInterface, call: Call): Promise<Router>
}

export interface SecurityGroupService extends DirectService<SecurityGroup, SecurityGroupCreate, SecurityGroupUpdate> {
  create_rule? (id: string, input: SecurityGroupRuleCreate, call: Call): Promise<SecurityGroupRule>
  destroy_rule? (id: string, ruleId: string, call: Call): Promise<void>
}

export interface FloatingIpService extends Omit<DirectService<FloatingIp, FloatingIpCreate, never>, 'update'> {
  associate? (id: string, input: FloatingIpAssociate, call: Call): Promise<FloatingIp>
  /** Does nothing where it is associated with nothing. */
  disassociate? (id: string, call: Call): Promise<FloatingIp>
}

export interface VolumeService extends SlowService<Volume, VolumeCreate, VolumeUpdate> {
  attach? (id: string, input: VolumeAttach, call: Call): Promise<Change>
  detach? (id: string, input: VolumeDetach, call: Call): Promise<Change>
  extend? (id: string, input: VolumeExtend, call: Call): Promise<Change>
}

export type SnapshotService = SlowService<Snapshot, SnapshotCreate, SnapshotUpdate>

export interface QuotaService {
  list (call: Call): Promise<Quota[]>
}

/** What a cloud has: one service for each of its resources. Each method that exists is a capability, `nodes.create` and so on. */
export interface Services {
  nodes?: NodeService
  images?: ImageService
  sizes?: ReadService<Size>
  locations?: ReadService<Location>
  key_pairs?: KeyPairService
  networks?: NetworkService
  subnets?: SubnetService
  routers?: RouterService
  security_groups?: SecurityGroupService
  floating_ips?: FloatingIpService
  floating_ip_pools?: ReadService<FloatingIpPool>
  volumes?: VolumeService
  volume_types?: ReadService<VolumeType>
  snapshots?: SnapshotService
  quotas?: QuotaService
}

export const services = [
  'nodes', 'images', 'sizes', 'locations', 'key_pairs', 'networks', 'subnets', 'routers', 'security_groups', 'floating_ips',
  'floating_ip_pools', 'volumes', 'volume_types', 'snapshots', 'quotas'
] as const satisfies (keyof Services)[]
export type ServiceName = typeof services[number]
/** Services whose resources are listed in pages. */
export type CollectionName = Exclude<ServiceName, 'quotas'>

/** As a service stands in paths: `key-pairs`. */
export const pathOf = (service: ServiceName) => service.replaceAll('_', '-')
