import { randomUUID } from 'node:crypto'
import { ProblemError, type NodeCreate } from '../../../openapi/model/index.ts'
import type { NodeService, ResourceRef } from '../../driver.ts'
import { invalid } from '../../common/invalid.ts'
import type { FieldRefusal } from '../../common/refusals.ts'
import { checkTags, operationKey } from '../../common/tags.ts'
import { malformed } from '../client/client.ts'
import { microversions, type Microversion } from '../client/microversions.ts'
import { resources } from '../client/resources.ts'
import { novaTags } from '../client/tags.ts'
import { secretsOf } from './actions.ts'
import type { CreateOptions } from './node-options.ts'
import type { NodePorts } from './node-ports.ts'
import { createFields } from './refusals.ts'
import type { NameQuery, Servers } from './servers.ts'

/** Nova accepts 65,535 characters of base64, which encodes three bytes as four characters. */
export const userDataBytes = Math.floor(65_535 / 4) * 3

/** Milliseconds that the clock of a cloud may be ahead of ours. */
const clockSlack = 5 * 60_000

export interface NodeCreateOptions {
  servers: Servers
  /** Name of the driver, which is the key of its `provider_options`. */
  driver: string
  /** Undefined if the cloud has no Neutron. */
  ports?: NodePorts | undefined
  nameQuery: NameQuery
}

/** Creates nodes by `POST /servers`. The metadata of a server has the operation's id. */
export function createNodeCreate ({ servers, driver, ports, nameQuery }: NodeCreateOptions) {
  /**
   * Lists the servers of this name that have changed since then, because Nova does not filter by
   * metadata.
   */
  const findCreated: NodeService['findCreated'] = async ({ id, input }, since, call) => {
    const query = {
      'changes-since': new Date(since.getTime() - clockSlack).toISOString(),
      name: nameQuery(input.name, isSeveral(input)),
      limit: 1000
    }
    const found: ResourceRef[] = []
    for await (const page of servers.pages(query, call)) {
      const created = page.filter(({ metadata }) => metadata?.[operationKey] === id)
      found.push(...created.map((server) => ({ kind: 'node' as const, id: server.id })))
    }
    return found
  }

  /** Finds all servers of a create, of which Nova names only the first. */
  const findSeveral: NonNullable<typeof findCreated> = async (lost, since, call) => {
    try {
      const found = await findCreated(lost, since, call)
      if (found.length === lost.input.count) return found
      throw malformed('compute', false)
    } catch (error) {
      throw error instanceof ProblemError ? error.with({ outcomeUnknown: true }) : error
    }
  }

  const optionsOf = ({ provider_options: options }: NodeCreate) =>
    (options?.[driver] ?? {}) as CreateOptions

  return {
    async checkCreate (input, call) {
      toBody(input, optionsOf(input), undefined)
      if (ports === undefined) input.networks?.map(toNetwork)
      await ports?.check(input, call)
    },

    async create (input, call) {
      const options = optionsOf(input)
      const version = versionOf(input, options)
      const operation = call.operation ?? (isSeveral(input) ? randomUUID() : undefined)
      const body = toBody(input, options, operation)
      const networks = ports === undefined ? input.networks?.map(toNetwork) : undefined
      const nics = await ports?.prepare(input, call.operation, call)
      const named = nics?.networks ?? networks ?? defaultNetworks(version)
      body.server.networks = named?.length === 0 ? 'none' : named
      const since = new Date()
      try {
        const action = resources.server.create
        const fields = [...fixedIpFields(input), ...createFields]
        const answer = await servers.changes.send(action, body, call, { fields, version })
        const id = (answer as { server?: { id?: unknown } } | undefined)?.server?.id
        if (typeof id !== 'string') throw malformed('compute', false)
        const created = isSeveral(input)
          ? await findSeveral({ id: operation!, input }, since, call)
          : [{ kind: 'node' as const, id }]
        return { resources: created, until: { states: ['running'] }, secrets: secretsOf(answer) }
      } catch (error) {
        // The ports must stay if there may be a server.
        if (!(error instanceof ProblemError) || !error.outcomeUnknown) {
          await ports?.release(nics?.made ?? [], call)
        }
        throw error
      }
    },

    findCreated
  } satisfies Partial<NodeService>
}

/** Nova names the taken address: "Fixed IP address 10.0.0.5 is already in use on instance …". */
const fixedIpFields = ({ networks = [] }: NodeCreate): FieldRefusal[] =>
  networks.flatMap(({ fixed_ip: address }, i) => {
    if (address === undefined) return []
    const pattern = new RegExp(
      `(?<![\\w.:])${address.replaceAll('.', '\\.')}(?![\\w:]|\\.\\d)`,
      'i'
    )
    return [{ pattern, pointer: `/networks/${i}/fixed_ip` }]
  })

const isSeveral = ({ count = 1 }: NodeCreate) => count > 1

/** Finds the lowest version that supports the input. */
function versionOf (
  { root_volume: volume, networks }: NodeCreate,
  { description }: CreateOptions
): Microversion | undefined {
  if (volume?.type !== undefined) return microversions.rootVolumeType
  if (networks?.length === 0) return microversions.noNetworks
  return description === undefined ? undefined : microversions.describeServer
}

/**
 * From version 2.37 on Nova requires `networks`. `auto` is what it does without them at lower
 * versions.
 */
const defaultNetworks = (version: Microversion | undefined) =>
  version === microversions.rootVolumeType ? 'auto' : undefined

/** Converts the input without its networks. */
function toBody (input: NodeCreate, options: CreateOptions, operation: string | undefined) {
  checkTags(input.tags, novaTags)
  return {
    server: {
      networks: undefined as object[] | 'auto' | 'none' | undefined,
      name: input.name,
      ...toRootDisk(input),
      flavorRef: input.size_id,
      metadata: { ...input.tags, [operationKey]: operation },
      availability_zone: input.availability_zone,
      key_name: input.key_pair_name,
      user_data: input.user_data === undefined
        ? undefined
        : Buffer.from(input.user_data).toString('base64'),
      min_count: isSeveral(input) ? input.count : undefined,
      max_count: isSeveral(input) ? input.count : undefined,
      security_groups: input.security_group_ids?.map((group) => ({ name: group })),
      config_drive: options.config_drive,
      'OS-DCF:diskConfig': options.disk_config,
      description: options.description
    },
    'os:scheduler_hints': options.scheduler_hints
  }
}

/**
 * Converts the root disk: the image itself, or a volume made of it, as on clouds that have no other
 * root disks. By default the volume is deleted with its node.
 */
function toRootDisk ({ image_id: image, root_volume: volume }: NodeCreate) {
  if (volume === undefined) return { imageRef: image }
  // Nova needs the size of a volume.
  if (volume.size === undefined) throw invalid('/root_volume/size', 'is required by this cloud')
  const mapping = {
    boot_index: 0,
    uuid: image,
    source_type: 'image',
    destination_type: 'volume',
    volume_size: volume.size,
    delete_on_termination: volume.delete_on_termination ?? true,
    volume_type: volume.type
  }
  // Nova takes the image from the mapping and accepts no other image beside it.
  return { imageRef: '', block_device_mapping_v2: [mapping] }
}

type Network = NonNullable<NodeCreate['networks']>[number]

function toNetwork ({ network_id: network, fixed_ip: address }: Network, index: number) {
  if (network === undefined) {
    throw invalid(`/networks/${index}/network_id`, 'is required by this cloud')
  }
  return { uuid: network, fixed_ip: address }
}
