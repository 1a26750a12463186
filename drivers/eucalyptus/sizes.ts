import { parseXML } from '@aws-sdk/xml-builder'
import { ProblemError, type Size } from '../../openapi/model/index.ts'
import type { Call } from '../call.ts'
import { malformed, type Cloud, type PriceOf } from '../ec2/public.ts'

interface InstanceType {
  name?: string
  cpu?: string
  /** GB. */
  disk?: string
  /** MB. */
  memory?: string
}

interface ResponseBody {
  instanceTypeDetails?: { item?: InstanceType | InstanceType[] } | ''
}

/**
 * Reads the sizes of a cloud from its own form of DescribeInstanceTypes, which the SDK cannot parse:
 * `instanceTypeDetails` with name, cpu, disk and memory (DescribeInstanceTypesResponseType of Eucalyptus 4).
 */
export async function readSizes (
  { client, identify: identifyIn, location }: Cloud,
  priceOf: PriceOf,
  call: Call
): Promise<Size[]> {
  const body = await client.readText('DescribeInstanceTypes', {}, call)
  const identify = identifyIn('sizes')
  return parseInstanceTypes(body).map(({ name, cpu, disk, memory }) => ({
    ...identify(name ?? ''),
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

const toNumber = (text = '') => text === '' || Number.isNaN(Number(text)) ? null : Number(text)

function parseInstanceTypes (body: string): InstanceType[] {
  try {
    const [root] = Object.values(parseXML(body) as Record<string, ResponseBody>)
    const list = root?.instanceTypeDetails
    if (list === undefined) throw malformed('The response of the cloud has no instance types')
    // The parser returns a list of one item as an object, and an empty list as an empty text.
    return list === '' || list.item === undefined ? [] : [list.item].flat()
  } catch (error) {
    throw error instanceof ProblemError
      ? error
      : malformed('The response of the cloud is not valid XML')
  }
}
