import type { VolumeType } from '../../../openapi/model/index.ts'
import type { Context } from '../../driver.ts'

export const defaultType = 'standard'

const types = [
  { id: defaultType, description: 'Disks for everything', is_default: true },
  { id: 'fast', description: 'Disks for what cannot wait', is_default: false }
] as const

/** Names of the volume types, which are their ids. */
export const typeNames: ReadonlySet<string> = new Set(types.map(({ id }) => id))

/** The volume types as model objects. */
export const createTypes = ({ identify }: Context, region: string) => types.map(({ id, ...rest }): VolumeType => ({
  ...identify('volume_types', id, region),
  name: id,
  state: 'available',
  provider_state: null,
  created_at: null,
  updated_at: null,
  tags: {},
  ...rest
}))
