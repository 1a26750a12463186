import type { GpuDeviceInfo, InstanceTypeInfo } from '@aws-sdk/client-ec2'
import type { Size } from '../../../openapi/model/index.ts'
import type { Call } from '../../call.ts'
import type { Identity } from '../../driver.ts'
import { readAllPages, type Cloud } from '../client/index.ts'
import type { PriceOf } from './prices.ts'

/** Largest page of DescribeInstanceTypes. */
const pageSize = 100

const toGpu = (
  { Manufacturer: maker, Name: name, Count: count, MemoryInfo: memory }: GpuDeviceInfo
) => ({
  name: [maker, name].filter((word) => word !== undefined).join(' ') || null,
  count: count ?? 1,
  memory: memory?.SizeInMiB ?? null
})

/** Amazon gives the size of local disks in GB. Rounds down, so that a node has at least what is shown. */
const toGib = (gigabytes: number) => Math.floor(gigabytes * 1e9 / 2 ** 30)

/** The root of a node is a volume. Only types of old have it on the local disk alone, whose part for it is unknown. */
const rootDiskOf = ({ SupportedRootDeviceTypes: types = ['ebs'] }: InstanceTypeInfo) =>
  types.includes('ebs') ? 0 : null

/** Maps an instance type. */
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
    disk: rootDiskOf(type),
    ephemeral_disk: toGib(type.InstanceStorageInfo?.TotalSizeInGB ?? 0),
    swap: null,
    architecture: [...type.ProcessorInfo?.SupportedArchitectures ?? []],
    gpus: (type.GpuInfo?.Gpus ?? []).map(toGpu),
    price,
    extra: { ...type }
  }
}

/** Reads all instance types of the region. */
export async function readInstanceTypes (
  { client, identify: identifyIn, location }: Cloud,
  priceOf: PriceOf,
  call: Call
): Promise<Size[]> {
  const identify = identifyIn('sizes')
  const input = { MaxResults: pageSize }
  const types = await readAllPages(client, 'DescribeInstanceTypes', 'InstanceTypes', input, call)
  return types.map((type) => {
    const name = type.InstanceType ?? ''
    return toSize(type, identify(name), priceOf(location, name))
  })
}
