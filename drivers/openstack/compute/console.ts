import { defres, type Write } from 'openstack-client'
import { ProblemError, type Console } from '../../../openapi/model/index.ts'
import type { Call } from '../../call.ts'
import { encodeId, malformed, type Client } from '../client/client.ts'
import { microversions } from '../client/microversions.ts'
import type { Refusals } from './refusals.ts'
import { resources } from '../client/resources.ts'

const remoteConsoles = defres<{ create: Write<[id: string]> }>('compute', '/servers/:id/remote-consoles', 'remote_console', { only: ['create'] })

/** The console of a node: what it has written, or where its screen can be seen (noVNC). Nova does not tell for how long. */
export function createConsole (client: Client, refusals: Refusals) {
  const read: Record<Console['kind'], (id: string, call: Call) => Promise<string | undefined>> = {
    text: async (id, call) => {
      const { output } = await client.show<{ output?: string | null }>({ service: 'compute' }, call, (token, region, headers) =>
        resources.serverAction.create(token, region, encodeId(id), { 'os-getConsoleOutput': {} }, {}, headers))
      return output === null ? '' : output
    },
    url: async (id, call) => {
      const upstream = { service: 'compute', version: microversions.remoteConsole } as const
      const { url } = await client.show<{ url?: string }>(upstream, call, (token, region, headers) =>
        remoteConsoles.create(token, region, encodeId(id), { protocol: 'vnc', type: 'novnc' }, {}, headers))
      return url
    }
  }

  return {
    async console (id: string, kind: Console['kind'], call: Call): Promise<Console> {
      try {
        const found = await read[kind](id, call)
        if (found === undefined) throw malformed('compute', true)
        return { kind, text: null, url: null, expires_at: null, [kind]: found }
      } catch (error) {
        throw withoutConsole(await refusals.explain(error, [], call, id))
      }
    }
  }
}

/** Nova refuses a kind of console that the cloud has not set up. */
function withoutConsole (error: unknown) {
  if (!(error instanceof ProblemError) || !/console type|unavailable/i.test(error.details.provider_error?.message ?? '')) return error
  return new ProblemError('not_supported', error.message, { ...error.details, capability: 'nodes.console', cause: error })
}
