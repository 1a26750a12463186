import type { AvailabilityZone } from '@aws-sdk/client-ec2'
import { ProblemError } from '../../../openapi/model/index.ts'
import type { Call } from '../../call.ts'
import type { Client } from '../client/client.ts'
import { malformed } from '../client/errors.ts'

/** The zones of the region, for those who need one and were not told which. */
export function createZones (client: Client) {
  let chosen: string | undefined

  const read = async (call: Call): Promise<AvailabilityZone[]> => {
    const { AvailabilityZones: zones } = await client.read((sdk) => new sdk.DescribeAvailabilityZonesCommand({}), call)
    if (zones === undefined) throw malformed('The cloud answered without a list of zones')
    return zones
  }

  return {
    read,
    /** The first zone that is available, which is kept. */
    async first (call: Call): Promise<string> {
      if (chosen !== undefined) return chosen
      const names = (await read(call)).flatMap(({ State: state, ZoneName: name }) => state === 'available' && name !== undefined ? [name] : [])
      const [name] = names.sort()
      if (name === undefined) throw new ProblemError('provider_capacity', 'None of the zones of this cloud is available')
      chosen = name
      return name
    },
    forget () { chosen = undefined }
  }
}

export type Zones = ReturnType<typeof createZones>
