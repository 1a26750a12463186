import { ProblemError } from '../../../openapi/model/index.ts'
import type { Call } from '../../call.ts'
import type { NodeService } from '../../driver.ts'
import { explaining } from '../../common/refusals.ts'
import { providerCodeOf, toChange, toDeletion, type Cloud } from '../client/index.ts'
import { sizeRefusal } from './node-create.ts'

type NodeActions = Pick<
  NodeService,
  'start' | 'stop' | 'reboot' | 'resize' | 'suspend' | 'destroy' | 'console'
>

/** The actions of nodes that Amazon has. */
export function createNodeActions ({ client, dialect }: Cloud): NodeActions {
  const stop = async (id: string, options: { Hibernate?: boolean }, call: Call) => {
    await client.change('StopInstances', { InstanceIds: [id], ...options }, call, {
      idempotent: true
    })
    return toChange('node', id, ['stopped'])
  }

  return {
    async start (id, _input, call) {
      await client.change('StartInstances', { InstanceIds: [id] }, call, { idempotent: true })
      return toChange('node', id, ['running'])
    },

    stop: (id, _input, call) => stop(id, {}, call),

    // Amazon shows a hibernated node as stopped. Its start resumes it.
    suspend: dialect.hibernation
      ? (id, _input, call) => stop(id, { Hibernate: true }, call)
      : undefined,

    /** Amazon tries a soft reboot, then a hard one. A reboot has no state, so it ends with its acceptance. */
    async reboot (id, _input, call) {
      await client.change('RebootInstances', { InstanceIds: [id] }, call)
      return toChange('node', id, [])
    },

    /** The node must be stopped. The new size applies at once. */
    async resize (id, { size_id: size }, call) {
      const input = { InstanceId: id, InstanceType: { Value: size } }
      await client.change('ModifyInstanceAttribute', input, call, {
        idempotent: true,
        refusals: [sizeRefusal]
      })
      return toChange('node', id, ['stopped'])
    },

    async destroy (id, call) {
      await explaining(
        (error) => explainDestroy(error, id),
        () => client.change('TerminateInstances', { InstanceIds: [id] }, call, { idempotent: true })
      )
      return toDeletion('node', id)
    },

    /** Reads the text that a node has written, which Amazon sends in base64; null before its first line. */
    async console (id, kind, call) {
      if (kind === 'url') {
        const capability = 'nodes.console.url'
        throw new ProblemError('not_supported', 'This cloud has no graphical console', {
          driver: dialect.driver,
          capability
        })
      }
      const { Output: output } = await client.read('GetConsoleOutput', { InstanceId: id }, call)
      const text = output === undefined ? null : Buffer.from(output, 'base64').toString()
      return { kind: 'text', text, url: null, expires_at: null }
    }
  }
}

/** TerminateInstances refuses a protected node with OperationNotPermitted (Amazon's list of error codes). */
function explainDestroy (error: unknown, id: string) {
  if (!(error instanceof ProblemError) || providerCodeOf(error) !== 'OperationNotPermitted') {
    return error
  }
  return error.with({ code: 'protected', detail: `Node ${id} is protected: ${error.message}` })
}
