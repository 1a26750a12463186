import type { InstanceTypeInfo } from '@aws-sdk/client-ec2'
import type { Size } from '../../../openapi/model/index.ts'
import type { Call } from '../../call.ts'
import type { Identity } from '../../driver.ts'
import type { Cloud } from '../client/cloud.ts'
import { malformed } from '../client/errors.ts'
import { nextOf } from '../client/lists.ts'
import type { PriceOf } from './prices.ts'

/** The most that one page of DescribeInstanceTypes has. */
const pageSize = 100

/** An instance type of EC2 as a size. One without a disk of its own boots from a volume. */
export function toSize (type: InstanceTypeInfo, identity: Identity, price: Size['price']): Size {
  return {
    // Not spread, see toNode.
    id: identity.id,
    cloud: identity.cloud,
    driver: identity.driver,
    location: identity.location,
    self: identity.self,
    name: type.InstanceType ?? null,
    state: 'available',
    provider_state: null,
    created_at: null,
    updated_at: null,
    tags: {},
    vcpus: type.VCpuInfo?.DefaultVCpus ?? null,
    ram: type.MemoryInfo?.SizeInMiB ?? null,
    disk: type.InstanceStorageInfo?.TotalSizeInGB ?? 0,
    ephemeral_disk: null,
    swap: null,
    architecture: [...type.ProcessorInfo?.SupportedArchitectures ?? []],
    gpus: (type.GpuInfo?.Gpus ?? []).map(({ Manufacturer: maker, Name: name, Count: count, MemoryInfo: memory }) => ({
      name: [maker, name].filter((word) => word !== undefined).join(' ') || null, count: count ?? 1, memory: memory?.SizeInMiB ?? null
    })),
    price,
    extra: type as Record<string, unknown>
  }
}

/** All instance types that the region offers, page by page. */
export async function readInstanceTypes ({ client, identify, location }: Cloud, priceOf: PriceOf, call: Call): Promise<Size[]> {
  const origin = identify('sizes')
  const sizes: Size[] = []
  let token: string | null = null
  do {
    const input = { MaxResults: pageSize, ...(token === null ? {} : { NextToken: token }) }
    const page = await client.read((sdk) => new sdk.DescribeInstanceTypesCommand(input), call)
    if (page.InstanceTypes === undefined) throw malformed('The cloud answered without instance types')
    sizes.push(...page.InstanceTypes.map((type) => toSize(type, origin(type.InstanceType ?? ''), priceOf(location, type.InstanceType ?? ''))))
    token = nextOf(page.NextToken)
  } while (token !== null)
  return sizes
}
