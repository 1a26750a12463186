import { ProblemError } from '../../openapi/model/index.ts'
import type { Call } from '../call.ts'
import type { Context } from '../driver.ts'
import type { Client } from '../ec2/public.ts'
import { createSingleFlight } from '../common/single-flight.ts'

/** The attribute of an account that names the modes of networks: `VPC` in VPCMIDO, `EC2` in EDGE and older ones. */
const attributeName = 'supported-platforms'

/** Returns whether a cloud has VPCs. A cloud or an account that does not show its modes is assumed to have them. */
async function hasVpcs (client: Client, call: Call): Promise<boolean> {
  try {
    const input = { AttributeNames: [attributeName as 'supported-platforms'] }
    const { AccountAttributes: attributes = [] } = await client.read(
      'DescribeAccountAttributes',
      input,
      call
    )
    const values = attributes.find(({ AttributeName: name }) =>
      name === attributeName
    )?.AttributeValues ?? []
    const modes = values.flatMap(({ AttributeValue: value }) => value ?? [])
    return modes.length === 0 || modes.includes('VPC')
  } catch (error) {
    const isHidden = error instanceof ProblemError &&
      ['provider_permission_denied', 'not_supported', 'provider_rejected'].includes(error.code)
    if (isHidden) return true
    throw error
  }
}

/**
 * Wraps a client so that its first call reads the network mode of the cloud. In a mode without VPCs, floating IPs and
 * NICs have no ids, so that this driver would create what it cannot show or delete: it refuses all calls.
 */
export function requireVpcs (
  client: Client,
  host: string,
  { timeout }: Pick<Context, 'timeout'>
): Client {
  let isChecked = false

  const readMode = createSingleFlight(timeout, async (call) => {
    if (!await hasVpcs(client, call)) throw edgeRefused(host)
    isChecked = true
  })
  const check = async (call: Call) => {
    if (!isChecked) await readMode(call)
  }

  return {
    async read (action, input, call) {
      await check(call)
      return client.read(action, input, call)
    },
    async readText (action, input, call) {
      await check(call)
      return client.readText(action, input, call)
    },
    async change (action, input, call, options) {
      await check(call)
      return client.change(action, input, call, options)
    },
    refresh () {
      isChecked = false
      client.refresh()
    },
    close: () => client.close()
  }
}

const edgeRefused = (host: string) =>
  new ProblemError(
    'not_supported',
    `The Eucalyptus at ${host} has no VPCs (its network mode is EDGE or older), and this driver needs them`,
    { hint: 'Only clouds with the network mode VPCMIDO are supported.', driver: 'eucalyptus' }
  )
