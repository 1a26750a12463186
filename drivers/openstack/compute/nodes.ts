import type { Node } from '../../../openapi/model/index.ts'
import type { Call } from '../../call.ts'
import { describe, type Identity, type NodeService } from '../../driver.ts'
import { mapInTurns } from '../../common/turns.ts'
import type { Client } from '../client/client.ts'
import {
  atLeast,
  microversions,
  type Microversion,
  type VersionRange
} from '../client/microversions.ts'
import { tagLimits } from '../client/tags.ts'
import type { Neutron } from '../network/neutron.ts'
import { createNicPorts } from '../network/nic-ports.ts'
import { readPorts, type PortsByDevice, type PortsResult } from '../network/ports.ts'
import { createActions } from './actions.ts'
import { createConsole } from './console.ts'
import { createNics } from './nics.ts'
import { createNodeCreate, userDataBytes } from './node-create.ts'
import { toNode, type Abilities, type Server } from './node-mapping.ts'
import { createNodePorts } from './node-ports.ts'
import { createNodeGroups } from './node-security-groups.ts'
import { createServers, namePattern, toServerQuery, type NameQuery } from './servers.ts'

/**
 * Describes the nodes of a cloud with these versions of Nova; undefined if they are not known yet.
 * What needs a version or a network service that the cloud lacks is left out.
 */
export function nodeCapabilities (range: VersionRange | null | undefined, hasNeutron = true) {
  const has = ({ lowest }: Microversion) =>
    range === undefined || (range !== null && atLeast(range.max, lowest))

  return describe<NodeService>({
    list: { filters: ['name', 'state', 'image_id'], limits: { limit: 1000 } },
    create: {
      parameters: [
        'name',
        'image_id',
        'size_id',
        'availability_zone',
        'key_pair_name',
        'user_data',
        'networks',
        'networks.network_id',
        'networks.fixed_ip',
        'tags',
        'provider_options',
        'count',
        ...(hasNeutron
          ? (['networks.subnet_id', 'networks.security_group_ids', 'security_group_ids'] as const)
          : []),
        'root_volume',
        'root_volume.size',
        'root_volume.delete_on_termination',
        ...(has(microversions.rootVolumeType) ? (['root_volume.type'] as const) : []),
        'provider_options.openstack.config_drive',
        'provider_options.openstack.scheduler_hints',
        'provider_options.openstack.disk_config',
        ...(has(microversions.describeServer)
          ? (['provider_options.openstack.description'] as const)
          : [])
      ],
      limits: { user_data_bytes: userDataBytes, tag_characters: 255 }
    },
    // Without `locked` in a server its protection cannot be shown.
    update: {
      parameters: [
        'name',
        'tags',
        ...(has(microversions.readServers) ? (['protected'] as const) : [])
      ],
      limits: tagLimits
    },
    reboot: { parameters: ['type'] },
    rescue: { parameters: ['image_id'] },
    resize: { parameters: ['size_id'] },
    rebuild: { parameters: ['image_id'] },
    attach_nic: { parameters: ['network_id', 'subnet_id', 'fixed_ip', 'security_group_ids'] },
    add_security_group: { parameters: ['security_group_id'] }
  })
}

/** The fields of a node that its ports have a part in. */
export const portFields: ReadonlySet<string> = new Set([
  'addresses',
  'public_ips',
  'private_ips',
  'security_group_ids'
])

export interface NodesOptions {
  client: Client
  /** Name of the driver. */
  driver: string
  identify: (id: string) => Identity
  /**
   * Neutron, which has the NICs and the ports that a create may need; undefined if the cloud has
   * none.
   */
  neutron?: Neutron
  /** The methods of the cloud, if it lacks some of Nova's. */
  methods?: ReadonlySet<string>
  /** Translates names for the filter of the servers; by default to Nova's regex. */
  nameQuery?: NameQuery
}

/** Servers of Nova, with their ports of Neutron. */
export function createNodes (
  { client, driver, identify, neutron, methods, nameQuery = namePattern }: NodesOptions
): NodeService {
  const supported = new Set<string>()
  const can: Abilities = {
    methods: supported,
    hasVersion: client.hasVersion,
    isAdmin: client.isAdmin
  }
  const servers = createServers(client, can)

  const convert = (server: Server, ports: PortsByDevice | null, extra: boolean): Node =>
    toNode(server, { identity: identify(server.id), ports, can, extra })

  /** A brief read needs no ports: `locked` and the states are in the server itself. */
  const readPortsUnless = async (
    brief: boolean,
    ids: readonly string[],
    call: Call
  ): Promise<PortsResult> =>
    brief || neutron === undefined ? { ports: null } : readPorts(neutron, ids, call)

  const readNode: NodeService['get'] = async (id, { extra, brief = false }, call) => {
    const [server, { ports }] = await Promise.all([
      servers.show(id, call),
      readPortsUnless(brief, [id], call)
    ])
    return convert(server, ports, extra)
  }

  const nicPorts = neutron && createNicPorts(neutron)
  const ports = neutron && createNodePorts(neutron, nicPorts!, servers)
  const nodes: NodeService = {
    async list ({ limit, token, filters, extra, brief = false }, call) {
      const { items, next } = await servers.page(
        { ...toServerQuery(filters, nameQuery), limit },
        token,
        call
      )
      const { ports, problem } = await readPortsUnless(brief, items.map(({ id }) => id), call)
      return {
        items: await mapInTurns(items, (server) => convert(server, ports, extra)),
        next,
        partial: problem
      }
    },
    get: readNode,
    ...createNodeCreate({ servers, driver, ports, nameQuery }),
    ...createActions({ client, servers, get: readNode, can, ports }),
    ...createConsole(client, servers),
    ...(neutron && createNics({ client, neutron, ports: nicPorts!, servers })),
    ...(neutron && createNodeGroups(neutron, nicPorts!, servers))
  }
  for (const method of Object.keys(nodes) as OptionalMethod[]) {
    if (methods === undefined || methods.has(method)) supported.add(method)
    else delete nodes[method]
  }
  return nodes
}

type OptionalMethod = Exclude<keyof NodeService, 'list' | 'get'>
