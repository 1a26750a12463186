import type { Instance, RunInstancesCommandInput } from '@aws-sdk/client-ec2'
import type { TObject } from '#typebox'
import type { Call } from '../../call.ts'
import { describe, type NodeService, type ReadOptions } from '../../driver.ts'
import { runSteps, step } from '../../common/steps.ts'
import { mapInTurns } from '../../common/turns.ts'
import {
  checkEc2Tags,
  createRecentIds,
  exactRule,
  filterNames,
  labelSteps,
  nameRule,
  tagLimits,
  toFilters,
  toIdFilter,
  toPageParameters,
  type Cloud,
  type Dialect
} from '../client/index.ts'
import { instancePageSizes, maxInstances, readInstance, readInstances } from './instances.ts'
import { createNics } from './nics.ts'
import { createNodeActions } from './node-actions.ts'
import { createNodeCreate } from './node-create.ts'
import { toNode } from './node-mapping.ts'
import { createNodeSecurityGroups } from './node-security-groups.ts'
import { toNodeStatuses } from './node-states.ts'

const filterRules = {
  name: nameRule,
  state: { name: 'instance-state-name', toValues: toNodeStatuses },
  image_id: exactRule('image-id'),
  size_id: exactRule('instance-type'),
  availability_zone: exactRule('availability-zone')
}

/** Describes the nodes of a driver with these options of its own. */
export function describeNodes ({ driver }: Dialect, createOptions: TObject) {
  const optionNames = Object.keys(createOptions.properties)
  return describe<NodeService>({
    list: { filters: filterNames(filterRules), limits: { limit: maxInstances } },
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
        'networks.subnet_id',
        'networks.fixed_ip',
        'networks.security_group_ids',
        'security_group_ids',
        'tags',
        'count',
        'protected',
        'root_volume',
        'root_volume.size',
        'root_volume.type',
        'root_volume.delete_on_termination',
        'provider_options',
        ...optionNames.map((name) => `provider_options.${driver}.${name}` as const)
      ],
      // Amazon's limit of user data, before it is encoded.
      limits: { user_data_bytes: 16 * 1024, ...tagLimits }
    },
    update: { parameters: ['name', 'tags', 'protected'], limits: tagLimits },
    resize: { parameters: ['size_id'] },
    console: { parameters: ['kind.text'] },
    attach_nic: { parameters: ['network_id', 'subnet_id', 'fixed_ip', 'security_group_ids'] },
    add_security_group: { parameters: ['security_group_id'] }
  })
}

export interface NodesOptions {
  cloud: Cloud
  /** Translates the driver's own options. */
  toParameters: (options: Record<string, unknown>) => Partial<RunInstancesCommandInput>
  hasSize: (id: string, call: Call) => Promise<boolean>
}

/** Instances as nodes. */
export function createNodes ({ cloud, toParameters, hasSize }: NodesOptions): NodeService {
  const { client } = cloud
  const identify = cloud.identify('nodes')
  const recent = createRecentIds()
  const can = new Set<string>()

  const readProtection = async (id: string, call: Call) => {
    const input = { InstanceId: id, Attribute: 'disableApiTermination' as const }
    const { DisableApiTermination: attribute } = await client.read(
      'DescribeInstanceAttribute',
      input,
      call
    )
    return attribute?.Value ?? null
  }

  const toItem = (instance: Instance, isProtected: boolean | null, extra: boolean) =>
    toNode(instance, { identity: identify(instance.InstanceId ?? ''), can, isProtected, extra })

  /** A brief read omits the protection, which takes a call. The cloud does not show that of a terminated instance. */
  const get = async (id: string, { extra, brief = false }: ReadOptions, call: Call) => {
    const instance = await recent.read(id, call, () => readInstance(client, id, call))
    const hasProtection = !brief && instance.State?.Name !== 'terminated'
    return toItem(instance, hasProtection ? await readProtection(id, call) : null, extra)
  }

  const nodes: NodeService = {
    async list ({ limit, token, filters, extra, ids }, call) {
      const page = toPageParameters(cloud, { limit, token }, instancePageSizes)
      const input = {
        Filters: toFilters(filters, filterRules, toIdFilter('instance-id', ids)),
        ...page
      }
      const { items, next = null } = await readInstances(client, input, call)
      return { items: await mapInTurns(items, (instance) => toItem(instance, null, extra)), next }
    },

    get,

    ...createNodeCreate({ cloud, recent, toParameters, hasSize }),

    async update (id, { name, tags, protected: isProtected }, call) {
      checkEc2Tags(tags)
      const setProtection = (Value: boolean) => {
        const input = { InstanceId: id, DisableApiTermination: { Value } }
        return client.change('ModifyInstanceAttribute', input, call, { idempotent: true })
      }
      const steps = [
        ...labelSteps(cloud, id, { name, tags }, call),
        ...step('protected', isProtected, setProtection)
      ]
      return runSteps(steps, () => get(id, { extra: false }, call))
    },

    ...createNodeActions(cloud),
    ...createNics(cloud),
    ...createNodeSecurityGroups(cloud)
  }
  for (const [method, value] of Object.entries(nodes)) if (value !== undefined) can.add(method)
  return nodes
}
