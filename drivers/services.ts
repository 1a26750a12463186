import type {
  Console,
  FloatingIp,
  FloatingIpAssociate,
  FloatingIpCreate,
  FloatingIpPool,
  Image,
  ImageCreate,
  ImageDestroy,
  ImageImport,
  ImageUpdate,
  ImageUpload,
  KeyPair,
  KeyPairCreate,
  Location,
  Network,
  NetworkCreate,
  NetworkUpdate,
  Nic,
  NicCreate,
  Node,
  NodeCreate,
  NodeSecurityGroup,
  NodeUpdate,
  NodeVerb,
  NodeVerbInput,
  ProblemError,
  Quota,
  QuotaSource,
  ResourceKind,
  Router,
  RouterCreate,
  RouterInterface,
  RouterUpdate,
  SecurityGroup,
  SecurityGroupCreate,
  SecurityGroupRule,
  SecurityGroupRuleCreate,
  SecurityGroupUpdate,
  Size,
  Snapshot,
  SnapshotCreate,
  SnapshotUpdate,
  Subnet,
  SubnetCreate,
  SubnetUpdate,
  Volume,
  VolumeAttach,
  VolumeCreate,
  VolumeDetach,
  VolumeExtend,
  VolumeType,
  VolumeUpdate
} from '../openapi/model/index.ts'
import type { Call } from './call.ts'

/** Values by field name. The values of a field are alternatives; but of `tag` (`key=value` or `key`) all must match. */
export type Filters = Readonly<Record<string, readonly string[]>>

export interface ReadOptions {
  /** Whether to return `extra`, the raw fields of the cloud. */
  extra: boolean
  /**
   * True if the caller needs no more than id, name, the states, `allowed_actions`, `protected`, `progress` and `fault`:
   * the driver may leave out reads that serve other fields, such as ports.
   */
  brief?: boolean
}

export interface ListQuery extends ReadOptions {
  /** The preferred size of the page. A driver may return fewer or more items, as its cloud pages. */
  limit: number
  /** `next` of the previous page; null for the first page. */
  token: string | null
  /**
   * A driver may pass any of them on to the cloud, if the cloud returns all matching items, or more. The server applies
   * all of them again.
   */
  filters: Filters
  /** If given, the caller needs only these resources. A driver may ignore it. */
  ids?: readonly string[]
}

export interface ListResult<T> {
  items: T[]
  /** The token of the next page; null ends the list. */
  next: string | null
  /** Number of items of the whole list. */
  total?: number
  /** True if the cloud has no pages, so that it lists everything for the first one. */
  complete_scan?: boolean
  /** Set if all items are in the list but lack details: the reason. */
  partial?: ProblemError
}

export interface ResourceRef {
  kind: ResourceKind
  id: string
}

/** The end of a change, as data: the server stores it with the operation, so it survives a restart. */
export interface Until {
  /**
   * The change ends when the resource has one of these states and is not in transition. If there are none, and `gone`
   * is not true, it ends when the cloud accepts it.
   */
  states: string[]
  /** If given, the `provider_state` must also be one of these. */
  provider_states?: string[]
  /** If true, the change ends when the resource does not exist, or is terminated or deleted. */
  gone?: boolean
  /**
   * If true, the change has failed when the node has a `fault` and is not in transition, whatever its state is. For
   * clouds whose nodes return to their state after a change that failed.
   */
  fault?: boolean
}

/** A change that the cloud accepted. */
export interface Change {
  resources: ResourceRef[]
  until: Until
  /** Only in the first response. The server does not store them. */
  secrets?: Record<string, string>
}

/** A create whose response was lost. */
export interface LostCreate<Input = NodeCreate> {
  /** The operation id, which the create stored in the cloud. */
  id: string
  input: Input
}

export interface ReadService<T> {
  list(query: ListQuery, call: Call): Promise<ListResult<T>>
  /** Throws resource_not_found. */
  get(id: string, options: ReadOptions, call: Call): Promise<T>
}

/** Resources that the cloud creates, changes and deletes at once. A driver waits for the end of a short `pending`. */
export interface DirectService<T, Create, Update> extends ReadService<T> {
  create?(input: Create, call: Call): Promise<T>
  /** Applies the merge patch and returns the changed resource. */
  update?(id: string, patch: Update, call: Call): Promise<T>
  destroy?(id: string, call: Call): Promise<void>
}

/** Resources that take time to create and delete. */
export interface SlowService<T, Create, Update> extends ReadService<T> {
  create?(input: Create, call: Call): Promise<Change>
  /**
   * Finds the resources that a lost create created; returns none if it created none. `since` is when the create was
   * sent, or earlier. Without this method, a lost create is outcome_unknown.
   */
  findCreated?(lost: LostCreate<Create>, since: Date, call: Call): Promise<ResourceRef[]>
  /** Applies the merge patch and returns the changed resource. */
  update?(id: string, patch: Update, call: Call): Promise<T>
  destroy?(id: string, call: Call): Promise<Change>
}

type NodeVerbs = {
  [V in NodeVerb]: (id: string, input: NodeVerbInput[V], call: Call) => Promise<Change>
}

/** `update` changes name, tags and protection. */
export interface NodeService extends SlowService<Node, NodeCreate, NodeUpdate>, Partial<NodeVerbs> {
  /**
   * Throws what `create` with this input would throw before it sends the change, and changes nothing. Needed only for
   * checks of the driver's own: the server itself checks capabilities, references, the fit of the image, and quotas.
   */
  checkCreate?(input: NodeCreate, call: Call): Promise<void>
  list_nics?(id: string, call: Call): Promise<Nic[]>
  attach_nic?(id: string, input: NicCreate, call: Call): Promise<Change>
  detach_nic?(id: string, nicId: string, call: Call): Promise<Change>
  /** Adds the group to every NIC of the node. Does nothing if the NICs have it. */
  add_security_group?(id: string, input: NodeSecurityGroup, call: Call): Promise<void>
  remove_security_group?(id: string, groupId: string, call: Call): Promise<void>
  console?(id: string, kind: Console['kind'], call: Call): Promise<Console>
}

/**
 * The filter `owner` has two values beside account ids: `all` and, if a driver describes the filter, `self`. Only the
 * driver applies these two.
 */
export interface ImageService extends SlowService<Image, ImageCreate, ImageUpdate> {
  destroy?(id: string, call: Call, options?: ImageDestroy): Promise<Change>
  /** Creates an image from a file. The file is streamed, since it may not fit into memory. */
  upload?(input: ImageUpload, file: AsyncIterable<Uint8Array>, call: Call): Promise<Change>
  /** Creates an image from a file that the cloud downloads. */
  import?(input: ImageImport, call: Call): Promise<Change>
}

/** The id of a key pair is its name. The result of `create` may have the private key in `secrets`. */
export type KeyPairService = Omit<DirectService<KeyPair, KeyPairCreate, never>, 'update'>

export type NetworkService = DirectService<Network, NetworkCreate, NetworkUpdate>
export type SubnetService = DirectService<Subnet, SubnetCreate, SubnetUpdate>

export interface RouterService extends DirectService<Router, RouterCreate, RouterUpdate> {
  add_interface?(id: string, input: RouterInterface, call: Call): Promise<Router>
  remove_interface?(id: string, input: RouterInterface, call: Call): Promise<Router>
}

export interface SecurityGroupService
  extends DirectService<SecurityGroup, SecurityGroupCreate, SecurityGroupUpdate> {
  create_rule?(id: string, input: SecurityGroupRuleCreate, call: Call): Promise<SecurityGroupRule>
  destroy_rule?(id: string, ruleId: string, call: Call): Promise<void>
}

export interface FloatingIpService
  extends Omit<DirectService<FloatingIp, FloatingIpCreate, never>, 'update'> {
  associate?(id: string, input: FloatingIpAssociate, call: Call): Promise<FloatingIp>
  /** Does nothing if the address is not associated. */
  disassociate?(id: string, call: Call): Promise<FloatingIp>
}

export interface VolumeService extends SlowService<Volume, VolumeCreate, VolumeUpdate> {
  attach?(id: string, input: VolumeAttach, call: Call): Promise<Change>
  detach?(id: string, input: VolumeDetach, call: Call): Promise<Change>
  extend?(id: string, input: VolumeExtend, call: Call): Promise<Change>
}

export type SnapshotService = SlowService<Snapshot, SnapshotCreate, SnapshotUpdate>

/** The quotas of a cloud. If several services of the cloud have quotas, `sources` says how each of them answered. */
export interface Quotas extends Array<Quota> {
  sources?: QuotaSource[]
}

export interface QuotaService {
  list(call: Call): Promise<Quotas>
}

/** The services of a cloud, one for each kind of resource. Each method that exists is a capability: `nodes.create`. */
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
  'nodes',
  'images',
  'sizes',
  'locations',
  'key_pairs',
  'networks',
  'subnets',
  'routers',
  'security_groups',
  'floating_ips',
  'floating_ip_pools',
  'volumes',
  'volume_types',
  'snapshots',
  'quotas'
] as const satisfies (keyof Services)[]
export type ServiceName = typeof services[number]
/** The services whose resources are listed in pages. */
export type CollectionName = Exclude<ServiceName, 'quotas'>

/** The path segment of a service: `key-pairs`. */
export const pathOf = (service: ServiceName) => service.replaceAll('_', '-')

/** The model of the resources of each service. */
export const modelOf: Readonly<Record<ServiceName, string>> = {
  nodes: 'Node',
  images: 'Image',
  sizes: 'Size',
  locations: 'Location',
  key_pairs: 'KeyPair',
  networks: 'Network',
  subnets: 'Subnet',
  routers: 'Router',
  security_groups: 'SecurityGroup',
  floating_ips: 'FloatingIp',
  floating_ip_pools: 'FloatingIpPool',
  volumes: 'Volume',
  volume_types: 'VolumeType',
  snapshots: 'Snapshot',
  quotas: 'Quota'
}

/** Returns a method of a service. The caller has checked that it exists, and checks its input. */
export const methodOf = <Method> (services: Services, service: ServiceName, name: string): Method =>
  (services[service] as unknown as Record<string, Method>)[name]!
