import { defres } from 'openstack-client'
import { ProblemError, type Console } from '../../../openapi/model/index.ts'
import type { Call } from '../../call.ts'
import type { NodeService } from '../../driver.ts'
import { explaining } from '../../common/refusals.ts'
import { bind } from '../client/bind.ts'
import { malformed, type Client } from '../client/client.ts'
import { microversions } from '../client/microversions.ts'
import type { Servers } from './servers.ts'

const consoleCalls = defres('compute', '/servers/:id/remote-consoles', 'remote_console', {
  only: ['create']
})

/**
 * The console of a node: its text output, or the URL of its screen (noVNC). Nova does not publish
 * when the URL expires.
 */
export function createConsole (client: Client, servers: Servers) {
  const consoles = bind(client, consoleCalls, {
    service: 'compute',
    version: microversions.remoteConsole,
    explain: servers.explain
  })

  const readText = async (id: string, call: Call) => {
    const answer = await servers.actions.post(id, { 'os-getConsoleOutput': {} }, call, {
      isRead: true
    })
    const { output } = answer as { output?: string | null }
    return output === null ? '' : output
  }

  const readUrl = async (id: string, call: Call) => {
    const answer = await consoles.post(id, { protocol: 'vnc', type: 'novnc' }, call, {
      isRead: true
    })
    return (answer as { url?: string }).url
  }

  const read: Record<Console['kind'], typeof readText> = { text: readText, url: readUrl }

  return {
    async console (id, kind, call) {
      const content = await explaining(explainMissing, () => read[kind](id, call))
      if (content === undefined) throw malformed('compute', true)
      return { kind, text: null, url: null, expires_at: null, [kind]: content }
    }
  } satisfies Pick<NodeService, 'console'>
}

/** Nova refuses a kind of console that the cloud has not set up. */
function explainMissing (error: unknown) {
  if (!(error instanceof ProblemError)) return error
  const isMissing = /console type|unavailable/i.test(error.details.provider_error?.message ?? '')
  return isMissing ? error.with({ code: 'not_supported', capability: 'nodes.console' }) : error
}
