import type { RunInstancesCommandInput } from '@aws-sdk/client-ec2'
import type { Node } from '../../../openapi/model/index.ts'
import type { Call } from '../../call.ts'
import type { ListQuery, ListResult, NodeService, ReadOptions } from '../../driver.ts'
import type { Cloud } from '../client/cloud.ts'
import { createConsole } from './console.ts'
import { createFresh } from '../client/consistency.ts'
import { instancesOfPage, readInstance, readInstances } from './instances.ts'
import { byName, pageOf, pushDown, type Pushed } from '../client/lists.ts'
import { createNodeActions, createSuspend } from './node-actions.ts'
import { createNodeCreate } from './node-create.ts'
import { toNode } from './node-mapping.ts'
import { statusesOf } from './node-states.ts'
import { createNodeUpdate } from './node-update.ts'

/** Our filters of nodes, as Amazon has them. */
const filterNames: Readonly<Record<string, Pushed>> = {
  name: byName,
  state: { name: 'instance-state-name', values: statusesOf },
  image_id: { name: 'image-id' },
  size_id: { name: 'instance-type' },
  availability_zone: { name: 'availability-zone' }
}
export const nodeFilters = [...Object.keys(filterNames), 'tag']

export interface NodesOptions {
  cloud: Cloud
  /** The driver's own options of a create as parameters. */
  options: (given: Record<string, unknown>) => Partial<RunInstancesCommandInput>
  hasSize: (id: string, call: Call) => Promise<boolean>
  /** Whether a node can keep its memory when it stops. */
  hibernation: boolean
  /** What hangs on nodes: NICs and security groups. */
  parts?: Partial<NodeService>
}

/** Instances as nodes. */
export function createNodes ({ cloud, options, hasSize, hibernation, parts = {} }: NodesOptions): NodeService {
  const { client } = cloud
  const identify = cloud.identify('nodes')
  const fresh = createFresh()
  const can = new Set<string>()

  const isProtected = async (id: string, call: Call) => {
    const { DisableApiTermination: attribute } = await client.read((sdk) =>
      new sdk.DescribeInstanceAttributeCommand({ InstanceId: id, Attribute: 'disableApiTermination' }), call)
    return attribute?.Value ?? null
  }

  const list = async ({ limit, token, filters, extra }: ListQuery, call: Call): Promise<ListResult<Node>> => {
    const { applied, ...query } = pushDown(filters, filterNames)
    const { instances, next } = await readInstances(client, { ...query, ...pageOf(cloud, { limit, token }, instancesOfPage) }, call)
    const items = instances.map((instance) => toNode(instance, { identity: identify(instance.InstanceId ?? ''), can, protected: null, extra }))
    return { items, next, applied }
  }

  /** Of a terminated one the protection is no longer told. */
  const get = async (id: string, { extra }: ReadOptions, call: Call): Promise<Node> => {
    const instance = await fresh.read(id, call, () => readInstance(client, id, call))
    const locked = instance.State?.Name === 'terminated' ? null : await isProtected(id, call)
    return toNode(instance, { identity: identify(instance.InstanceId ?? id), can, protected: locked, extra })
  }

  const nodes: NodeService = {
    list,
    get,
    ...createNodeCreate({ cloud, fresh, options, hasSize }),
    ...createNodeUpdate(cloud, (id, call) => get(id, { extra: false }, call)),
    ...createNodeActions(cloud),
    ...(hibernation ? createSuspend(cloud) : {}),
    ...createConsole(cloud),
    ...parts
  }
  for (const method of Object.keys(nodes)) can.add(method)
  return nodes
}
