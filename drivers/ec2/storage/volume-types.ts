import type { VolumeType } from '../../../openapi/model/index.ts'
import type { ReadService } from '../../driver.ts'
import { notFound, type Cloud } from '../client/index.ts'

/**
 * Amazon's volume types, which its API does not list. From "Amazon EBS volume types" of the EBS User Guide; the default
 * is that of CreateVolume (`VolumeType`, EC2 API Reference).
 */
export const volumeTypes: ReadonlyMap<string, string> = new Map([
  ['gp3', 'General purpose SSD, whose IOPS and throughput do not depend on its size'],
  ['gp2', 'General purpose SSD of the previous generation'],
  ['io1', 'Provisioned IOPS SSD'],
  ['io2', 'Provisioned IOPS SSD of high durability'],
  ['st1', 'Throughput optimized HDD'],
  ['sc1', 'Cold HDD'],
  ['standard', 'Magnetic, of the previous generation']
])

const defaultType = 'gp2'

/** Volume types, without a call to the cloud. */
export function createVolumeTypes (cloud: Cloud): ReadService<VolumeType> {
  const identify = cloud.identify('volume_types')

  const toVolumeType = (name: string, description: string, extra: boolean): VolumeType => ({
    ...identify(name),
    name,
    state: 'available',
    provider_state: null,
    created_at: null,
    updated_at: null,
    tags: {},
    description,
    is_default: name === defaultType,
    extra: extra ? {} : undefined
  })

  return {
    async list ({ extra }) {
      const items = [...volumeTypes].map(([name, description]) =>
        toVolumeType(name, description, extra)
      )
      return { items, next: null, total: items.length }
    },
    async get (id, { extra }) {
      const description = volumeTypes.get(id)
      if (description === undefined) throw notFound('volume type', id)
      return toVolumeType(id, description, extra)
    }
  }
}
