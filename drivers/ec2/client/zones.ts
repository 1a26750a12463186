import type { AvailabilityZone } from '@aws-sdk/client-ec2'
import { ProblemError } from '../../../openapi/model/index.ts'
import type { Call } from '../../call.ts'
import type { Client } from './client.ts'
import { readPage } from './lists.ts'

/** Reads the availability zones of the region. */
export async function readZones (client: Client, call: Call): Promise<AvailabilityZone[]> {
  const { items } = await readPage(
    client,
    'DescribeAvailabilityZones',
    'AvailabilityZones',
    {},
    call
  )
  return items
}

/** The zone of resources that need one, for requests that name none. */
export function createDefaultZone (client: Client) {
  let zone: string | undefined

  return {
    /** Returns the first available zone. Later calls return the same zone. */
    async read (call: Call): Promise<string> {
      if (zone !== undefined) return zone
      const zones = await readZones(client, call)
      const names = zones.flatMap(({ State: state, ZoneName: name }) =>
        state === 'available' && name ? [name] : []
      )
      zone = names.sort()[0]
      if (zone === undefined) {
        throw new ProblemError('provider_capacity', 'This cloud has no available zone')
      }
      return zone
    },
    refresh () {
      zone = undefined
    }
  }
}

export type DefaultZone = ReturnType<typeof createDefaultZone>
