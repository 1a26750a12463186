import type { Call } from '../../call.ts'
import { encodeId, type Client } from '../client/client.ts'
import { microversions } from '../client/microversions.ts'
import type { Server } from './node-mapping.ts'
import { readFrom } from '../client/paging.ts'
import { resources } from '../client/resources.ts'

const upstream = { service: 'compute', version: microversions.readServers } as const

/** A page of servers with all their fields, at a token of `readFrom`. */
export const readServers = (client: Client, query: Record<string, unknown>, token: string | null, call: Call) =>
  readFrom(token, (marker) => client.list<Server>(upstream, call, (access, region, headers) =>
    resources.serverDetail.list(access, region, { ...query, ...marker }, headers)))

/** One server. Throws resource_not_found. */
export const readServer = (client: Client, id: string, call: Call) =>
  client.show<Server>(upstream, call, (token, region, headers) => resources.server.show(token, region, encodeId(id), {}, headers))
