import { ProblemError } from '../../../openapi/model/index.ts'
import type { Call } from '../../call.ts'
import type { Change, NodeService, Until } from '../../driver.ts'
import type { Cloud } from '../client/cloud.ts'
import { explainFields, sizeField } from '../client/refusals.ts'

const changed = (id: string, until: Until): Change => ({ resources: [{ kind: 'node', id }], until })

/** What has no state of its own at Amazon ends with its acceptance. */
const accepted: Until = { states: [] }

/** The verbs of a node that Amazon has, and its end. */
export function createNodeActions ({ client }: Cloud) {
  return {
    async start (id: string, _input: object, call: Call) {
      await client.change((sdk) => new sdk.StartInstancesCommand({ InstanceIds: [id] }), call, { token: true })
      return changed(id, { states: ['running'] })
    },

    async stop (id: string, _input: object, call: Call) {
      await client.change((sdk) => new sdk.StopInstancesCommand({ InstanceIds: [id] }), call, { token: true })
      return changed(id, { states: ['stopped'] })
    },

    /** Amazon tries it softly, and pulls the plug after some minutes; neither shows. */
    async reboot (id: string, _input: object, call: Call) {
      await client.change((sdk) => new sdk.RebootInstancesCommand({ InstanceIds: [id] }), call)
      return changed(id, accepted)
    },

    /** The new size is there at once; the node must be stopped. */
    async resize (id: string, { size_id: size }: { size_id: string }, call: Call) {
      try {
        await client.change((sdk) =>
          new sdk.ModifyInstanceAttributeCommand({ InstanceId: id, InstanceType: { Value: size } }), call, { token: true })
      } catch (error) {
        throw explainFields(error, sizeField)
      }
      return changed(id, { states: ['stopped'] })
    },

    async destroy (id: string, call: Call) {
      try {
        await client.change((sdk) => new sdk.TerminateInstancesCommand({ InstanceIds: [id] }), call, { token: true })
      } catch (error) {
        throw whereProtected(error, id)
      }
      return changed(id, { states: [], gone: true })
    }
  } satisfies Partial<NodeService>
}

/** Hibernation: the node is `stopped` then, as Amazon shows it, and starts where it was. */
export function createSuspend ({ client }: Cloud) {
  return {
    async suspend (id: string, _input: object, call: Call) {
      await client.change((sdk) => new sdk.StopInstancesCommand({ InstanceIds: [id], Hibernate: true }), call, { token: true })
      return changed(id, { states: ['stopped'] })
    }
  } satisfies Partial<NodeService>
}

/** `OperationNotPermitted` of a termination is its protection (DisableApiTermination), by Amazon's list of codes. */
function whereProtected (error: unknown, id: string) {
  if (!(error instanceof ProblemError) || error.details.provider_error?.code !== 'OperationNotPermitted') return error
  return new ProblemError('protected', `Node ${id} is protected: ${error.message}`, {
    provider_error: error.details.provider_error, cause: error
  })
}
