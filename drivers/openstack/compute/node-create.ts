import { randomUUID } from 'node:crypto'
import { Type, type Static } from 'typebox'
import { ProblemError, type NodeCreate } from '../../../openapi/model/index.ts'
import type { Call } from '../../call.ts'
import type { Change, LostCreate, ResourceRef } from '../../driver.ts'
import { withSecrets } from './actions.ts'
import { malformed, type Client } from '../client/client.ts'
import { namePattern } from '../client/filters.ts'
import { invalid } from '../../invalid.ts'
import { microversions, type Microversion } from '../client/microversions.ts'
import type { NodePorts } from './node-ports.ts'
import { createFields, type Refusals } from './refusals.ts'
import { resources } from '../client/resources.ts'
import { rootDisk } from './root-volume.ts'
import { readServers } from './servers.ts'
import { checkTags, operationKey } from '../../tags.ts'
import { novaTags } from '../client/tags.ts'

/** What Nova alone can do at a creation, under Nova's names. */
export const createOptions = Type.Object({
  config_drive: Type.Optional(Type.Boolean({ description: 'Hand the metadata to the node on a drive of its own.' })),
  scheduler_hints: Type.Optional(Type.Unsafe<Record<string, unknown>>({
    type: 'object', additionalProperties: true, description: 'Where to place it: `group`, `same_host`, `different_host` and others.'
  })),
  disk_config: Type.Optional(Type.Enum(['AUTO', 'MANUAL'], {
    type: 'string', description: 'AUTO: the root partition takes the whole disk; MANUAL: as the image has it.'
  })),
  description: Type.Optional(Type.String({ maxLength: 255, description: 'Needs Nova 2.19.' }))
}, { additionalProperties: false })

type CreateOptions = Static<typeof createOptions>

/** Nova takes 65,535 characters of base64, in which three bytes are four. */
export const userDataBytes = Math.floor(65_535 / 4) * 3

/** How much later than here a cloud's clock may say that something was made. */
const clockSlack = 5 * 60_000

export interface NodeCreateOptions {
  client: Client
  refusals: Refusals
  /** Name of the driver, under which its `provider_options` are. */
  driver: string
  /** Where the cloud has Neutron. */
  ports?: NodePorts | undefined
}

/** Creation of nodes by `POST /servers`, which carries the operation's id in the metadata. */
export function createNodeCreate ({ client, refusals, driver, ports }: NodeCreateOptions) {
  /** Metadata is no filter of Nova's: it lists by name what has changed since then, also what is deleted by now. */
  const findCreated = async ({ id, input }: LostCreate, since: Date, call: Call): Promise<ResourceRef[]> => {
    const name = namePattern(input.name, isSeveral(input))
    const query = { 'changes-since': new Date(since.getTime() - clockSlack).toISOString(), ...(name === undefined ? {} : { name }) }
    const found: ResourceRef[] = []
    let marker: string | null = null
    do {
      const page = await readServers(client, { ...query, limit: 1000 }, marker, call)
      const made = page.items.filter(({ metadata }) => metadata?.[operationKey] === id)
      found.push(...made.map((server) => ({ kind: 'node' as const, id: server.id })))
      marker = page.next
    } while (marker !== null)
    return found
  }

  /** All that were made: Nova names the first only. What is lost here is looked for again, as a lost answer is. */
  const findSeveral = async (input: NodeCreate, operation: string, since: Date, call: Call) => {
    try {
      const found = await findCreated({ id: operation, input }, since, call)
      if (found.length === input.count) return found
      throw malformed('compute', false)
    } catch (error) {
      if (!(error instanceof ProblemError)) throw error
      throw new ProblemError(error.code, error.message, { ...error.details, cause: error, outcomeUnknown: true })
    }
  }

  return {
    async create (input: NodeCreate, call: Call): Promise<Change> {
      const options = (input.provider_options?.[driver] ?? {}) as CreateOptions
      const version = versionOf(input, options)
      const operation = call.operation ?? (isSeveral(input) ? randomUUID() : undefined)
      const plain = ports === undefined ? input.networks?.map(toNetwork) : undefined
      const body = toBody(input, options, { operation, version, networks: plain })
      const nics = await ports?.prepare(input, call.operation, call)
      if (nics?.networks !== undefined) Object.assign(body.server, { networks: nics.networks })
      const since = new Date()
      try {
        const answer = await client.change({ service: 'compute', ...(version === undefined ? {} : { version }) }, call, (token, region, headers) =>
          resources.server.create(token, region, body, {}, headers))
        const id = (answer as { server?: { id?: unknown } } | undefined)?.server?.id
        if (typeof id !== 'string') throw malformed('compute', false)
        const made = isSeveral(input) ? await findSeveral(input, operation!, since, call) : [{ kind: 'node' as const, id }]
        return { resources: made, until: { states: ['running'] }, ...withSecrets(answer) }
      } catch (error) {
        // Where it is not known whether there is a server its ports must stay.
        if (!(error instanceof ProblemError) || !error.outcomeUnknown) await ports?.release(nics?.made ?? [], call)
        throw await refusals.explain(error, createFields, call)
      }
    },

    findCreated
  }
}

const isSeveral = ({ count = 1 }: NodeCreate) => count > 1

/** The least version that does all that is asked for. */
function versionOf ({ root_volume: volume }: NodeCreate, { description }: CreateOptions): Microversion | undefined {
  if (volume?.type !== undefined) return microversions.rootVolumeType
  return description === undefined ? undefined : microversions.describeServer
}

interface Sent {
  operation: string | undefined
  version: Microversion | undefined
  /** Those that the create names, undefined where it names none. */
  networks: object[] | undefined
}

function toBody (input: NodeCreate, options: CreateOptions, { operation, version, networks }: Sent) {
  checkTags(input.tags ?? {}, novaTags)
  const { security_group_ids: groups, user_data: userData } = input
  const hints = options.scheduler_hints
  const disk = rootDisk(input)
  if (disk === undefined) throw invalid('/root_volume/size', 'is required by this cloud')
  return {
    server: {
      name: input.name,
      ...disk,
      flavorRef: input.size_id,
      metadata: { ...input.tags, ...(operation === undefined ? {} : { [operationKey]: operation }) },
      ...given('availability_zone', input.availability_zone),
      ...given('key_name', input.key_pair_name),
      ...given('user_data', userData === undefined ? undefined : encodeUserData(userData)),
      // A version that has root volumes of a type wants to be told what it did unasked before.
      ...given('networks', networks ?? (version === microversions.rootVolumeType ? 'auto' : undefined)),
      ...(isSeveral(input) ? { min_count: input.count, max_count: input.count } : {}),
      ...given('security_groups', groups?.map((group) => ({ name: group }))),
      ...given('config_drive', options.config_drive),
      ...given('OS-DCF:diskConfig', options.disk_config),
      ...given('description', options.description)
    },
    ...given('os:scheduler_hints', hints)
  }
}

const given = (key: string, value: unknown) => value === undefined ? {} : { [key]: value }

type Network = NonNullable<NodeCreate['networks']>[number]

function toNetwork ({ network_id: network, fixed_ip: address }: Network, index: number) {
  if (network === undefined) throw invalid(`/networks/${index}/network_id`, 'is required by this cloud')
  return { uuid: network, ...given('fixed_ip', address) }
}

function encodeUserData (text: string) {
  const bytes = Buffer.from(text)
  if (bytes.length > userDataBytes) throw invalid('/user_data', `is longer than the ${userDataBytes} bytes that this cloud takes`)
  return bytes.toString('base64')
}
