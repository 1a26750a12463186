import type { Node, NodeUpdate } from '../../../openapi/model/index.ts'
import type { Call } from '../../call.ts'
import { runSteps, step } from '../../steps.ts'
import { checkTags } from '../../tags.ts'
import type { Cloud } from '../client/cloud.ts'
import { ec2Tags, patchTags, rename } from '../client/tags.ts'

/** Changes name, tags and termination protection of a node: a call for each. */
export const createNodeUpdate = (cloud: Cloud, get: (id: string, call: Call) => Promise<Node>) => ({
  async update (id: string, { name, tags, protected: locked }: NodeUpdate, call: Call): Promise<Node> {
    checkTags(tags ?? {}, ec2Tags)
    const protect = (value: boolean) => cloud.client.change((sdk) =>
      new sdk.ModifyInstanceAttributeCommand({ InstanceId: id, DisableApiTermination: { Value: value } }), call, { token: true })
    const steps = [
      ...step('name', name, (value) => rename(cloud, id, value, call)),
      ...step('tags', tags, (value) => patchTags(cloud, id, value, call)),
      ...step('protected', locked, protect)
    ]
    return runSteps(steps, () => get(id, call), async (error) => error)
  }
})
