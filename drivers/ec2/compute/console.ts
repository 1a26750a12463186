import { ProblemError, type Console } from '../../../openapi/model/index.ts'
import type { Call } from '../../call.ts'
import type { Cloud } from '../client/cloud.ts'

/** What a node has written, in base64 at Amazon, null before it has; there is no screen. */
export const createConsole = ({ client, dialect }: Cloud) => ({
  async console (id: string, kind: Console['kind'], call: Call): Promise<Console> {
    if (kind === 'url') {
      throw new ProblemError('not_supported', 'This cloud shows no screen of a node', { driver: dialect.driver, capability: 'nodes.console.url' })
    }
    const { Output: output } = await client.read((sdk) => new sdk.GetConsoleOutputCommand({ InstanceId: id }), call)
    return { kind: 'text', text: output === undefined ? null : Buffer.from(output, 'base64').toString(), url: null, expires_at: null }
  }
})
