import { ProblemError, type VolumeType } from '../../../openapi/model/index.ts'
import type { Identity, ListQuery, ListResult, ReadOptions, ReadService } from '../../driver.ts'
import type { Cloud } from '../client/cloud.ts'

/**
 * Amazon's types of volumes: its API has no list of them. From "Amazon EBS volume types" of the EBS User Guide; the default
 * is CreateVolume's (`VolumeType`, EC2 API Reference).
 */
export const volumeTypes: ReadonlyMap<string, string> = new Map([
  ['gp3', 'General purpose SSD, whose IOPS and throughput do not depend on its size'],
  ['gp2', 'General purpose SSD of the generation before'],
  ['io1', 'Provisioned IOPS SSD'],
  ['io2', 'Provisioned IOPS SSD of high durability'],
  ['st1', 'Throughput optimized HDD'],
  ['sc1', 'Cold HDD'],
  ['standard', 'Magnetic, of the previous generation']
])

const standard = 'gp2'

const toVolumeType = (name: string, description: string, identity: Identity, extra: boolean): VolumeType => ({
  ...identity,
  name,
  state: 'available',
  provider_state: null,
  created_at: null,
  updated_at: null,
  tags: {},
  description,
  is_default: name === standard,
  ...(extra ? { extra: {} } : {})
})

/** Types of volumes, without a call. */
export function createVolumeTypes ({ identify: identifyIn }: Cloud): ReadService<VolumeType> {
  const identify = identifyIn('volume_types')
  return {
    async list ({ extra }: ListQuery): Promise<ListResult<VolumeType>> {
      const items = [...volumeTypes].map(([name, description]) => toVolumeType(name, description, identify(name), extra))
      return { items, next: null, applied: [], total: items.length }
    },
    async get (id: string, { extra }: ReadOptions) {
      const description = volumeTypes.get(id)
      if (description === undefined) throw new ProblemError('resource_not_found', `There is no volume type ${id}`)
      return toVolumeType(id, description, identify(id), extra)
    }
  }
}
