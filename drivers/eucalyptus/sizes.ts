import { parseXML } from '@aws-sdk/xml-builder'
import type { Size } from '../../openapi/model/index.ts'
import type { Call } from '../call.ts'
import { malformed, type Cloud, type PriceOf } from '../ec2/public.ts'

interface Details {
  name?: string
  cpu?: string
  /** GB. */
  disk?: string
  /** MB. */
  memory?: string
}

/**
 * The sizes of a cloud, from its own DescribeInstanceTypes (`instanceTypeDetails` of name, cpu, disk, memory; message
 * DescribeInstanceTypesResponseType of Eucalyptus 4), in which the SDK finds nothing that it knows.
 */
export async function readSizes ({ client, identify, location }: Cloud, priceOf: PriceOf, call: Call): Promise<Size[]> {
  const body = await client.raw((sdk) => new sdk.DescribeInstanceTypesCommand({}), call)
  const origin = identify('sizes')
  return detailsOf(body).map(({ name, cpu, disk, memory }) => ({
    ...origin(name ?? ''),
    location,
    name: name ?? null,
    state: 'available',
    provider_state: null,
    created_at: null,
    updated_at: null,
    tags: {},
    vcpus: toNumber(cpu),
    ram: toNumber(memory),
    disk: toNumber(disk),
    ephemeral_disk: null,
    swap: null,
    architecture: [],
    gpus: [],
    price: priceOf(location, name ?? '')
  }))
}

const toNumber = (text: string | undefined) => text === undefined || text === '' || Number.isNaN(Number(text)) ? null : Number(text)

function detailsOf (body: string): Details[] {
  try {
    const [root] = Object.values(parseXML(body) as Record<string, { instanceTypeDetails?: { item?: Details | Details[] } | '' }>)
    const list = root?.instanceTypeDetails
    if (list === undefined) throw malformed('The cloud answered without instance types')
    // One item is not a list to the parser, none is an empty text.
    return list === '' || list.item === undefined ? [] : [list.item].flat()
  } catch (error) {
    throw error instanceof Error && error.name === 'ProblemError' ? error : malformed('The cloud answered with something that is not its XML')
  }
}
