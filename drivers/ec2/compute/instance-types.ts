import type { GpuDeviceInfo, InstanceTypeInfo } from '@aws-sdk/client-ec2'
import type { Size } from '../../../openapi/model/index.ts'
import type { Call } from '../../call.ts'
import type { Identity } from '../../driver.ts'
import { readAllPages, type Cloud } from '../client/index.ts'
import type { PriceOf } from './prices.ts'

/** Largest page of DescribeInstanceTypes. */
const pageSize = 100

const toGpu = ({ Manufacturer: maker, Name: name, Count: count, MemoryInfo: memory }: GpuDeviceInfo) => ({
  name: [maker, name].filter((word) => word !== undefined).join(' ') || null,
  count: count ?? 1,
  memory: memory?.SizeInMiB ?? null
})

/** Maps an instance type. A type without a local disk boots from a volume. */
export function toSize (type: InstanceTypeInfo, identity: Identity, price: Size['price']): Size {
  return {
    // Field by field, see toNode.
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
    gpus: (type.GpuInfo?.Gpus ?? []).map(toGpu),
    price,
    extra: { ...type }
  }
}

/** Reads all instance types of the region. */
export async function readInstanceTypes (
  { client, identify: identifyIn, location }: Cloud, priceOf: PriceOf, call: Call
): Promise<Size[]> {
  const identify = identifyIn('sizes')
  const input = { MaxResults: pageSize }
  const types = await readAllPages(client, 'DescribeInstanceTypes', 'InstanceTypes', input, call)
  return types.map((type) => {
    const name = type.InstanceType ?? ''
    return toSize(type, identify(name), priceOf(location, name))
  })
}
