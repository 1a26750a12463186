import type { Volume as EbsVolume, VolumeModification } from '@aws-sdk/client-ec2'
import { ProblemError, type Volume, type VolumeUpdate } from '../../../openapi/model/index.ts'
import type { Call } from '../../call.ts'
import type { Change, ListQuery, ListResult, ReadOptions, VolumeService } from '../../driver.ts'
import { runSteps, step } from '../../steps.ts'
import { checkTags } from '../../tags.ts'
import type { Cloud } from '../client/cloud.ts'
import { malformed } from '../client/errors.ts'
import { createFresh } from '../client/consistency.ts'
import { byName, nextOf, pageOf, pushDown, type Pushed } from '../client/lists.ts'
import { ec2Tags, patchTags, rename } from '../client/tags.ts'
import { createExtend, createVolumeActions } from './volume-actions.ts'
import { createVolumeCreate } from './volume-create.ts'
import { statusesOf, toVolume } from './volume-mapping.ts'
import type { Zones } from '../compute/zones.ts'

/** Our filters of volumes, as Amazon has them. */
const filterNames: Readonly<Record<string, Pushed>> = {
  name: byName,
  state: { name: 'status', values: statusesOf },
  type: { name: 'volume-type' },
  availability_zone: { name: 'availability-zone' }
}
export const volumeFilters = [...Object.keys(filterNames), 'tag']

/** EBS volumes. */
export function createVolumes (cloud: Cloud, zones: Zones): VolumeService {
  const { client, dialect } = cloud
  const identify = cloud.identify('volumes')
  const fresh = createFresh()

  const read = (id: string, call: Call): Promise<EbsVolume> => fresh.read(id, call, async () => {
    const { Volumes: volumes = [] } = await client.read((sdk) => new sdk.DescribeVolumesCommand({ VolumeIds: [id] }), call)
    const found = volumes.find(({ VolumeId: own }) => own?.toLowerCase() === id.toLowerCase())
    if (found === undefined) throw new ProblemError('resource_not_found', `There is no volume ${id}`)
    return found
  })

  /** The volumes that are being changed, which their own state does not tell. All there are: hardly ever any. */
  const readModifying = async (call: Call, id?: string): Promise<ReadonlySet<string | undefined>> => {
    if (!dialect.volumeChanges) return new Set()
    const filters = [{ Name: 'modification-state', Values: ['modifying'] }, ...(id === undefined ? [] : [{ Name: 'volume-id', Values: [id] }])]
    const answer = client.read((sdk) => new sdk.DescribeVolumesModificationsCommand({ Filters: filters }), call)
    const { VolumesModifications: found = [] } = await answer.catch(withoutRight)
    return new Set(found.flatMap(({ VolumeId: own, ModificationState: state }) => state === 'modifying' ? [own] : []))
  }

  const get = async (id: string, { extra }: ReadOptions, call: Call): Promise<Volume> => {
    const [volume, modifying] = await Promise.all([read(id, call), readModifying(call, id)])
    return toVolume(volume, identify(volume.VolumeId ?? id), { modifying: modifying.has(volume.VolumeId), extra })
  }

  return {
    async list ({ limit, token, filters, extra }: ListQuery, call: Call): Promise<ListResult<Volume>> {
      const { applied, ...query } = pushDown(filters, filterNames)
      const input = { ...query, ...pageOf(cloud, { limit, token }, [5, 200]) }
      const [{ Volumes: volumes, NextToken: next }, modifying] = await Promise.all([
        client.read((sdk) => new sdk.DescribeVolumesCommand(input), call), readModifying(call)
      ])
      if (volumes === undefined) throw malformed('The cloud answered without a list of volumes')
      const items = volumes.map((volume) =>
        toVolume(volume, identify(volume.VolumeId ?? ''), { modifying: modifying.has(volume.VolumeId), extra }))
      return { items, next: nextOf(next), applied }
    },

    get,

    ...createVolumeCreate(cloud, zones, fresh),

    async update (id: string, { name, tags }: VolumeUpdate, call: Call): Promise<Volume> {
      checkTags(tags ?? {}, ec2Tags)
      const steps = [
        ...step('name', name, (value) => rename(cloud, id, value, call)), ...step('tags', tags, (value) => patchTags(cloud, id, value, call))
      ]
      return runSteps(steps, () => get(id, { extra: false }, call), async (error) => error)
    },

    async destroy (id: string, call: Call): Promise<Change> {
      await client.change((sdk) => new sdk.DeleteVolumeCommand({ VolumeId: id }), call)
      return { resources: [{ kind: 'volume', id }], until: { states: [], gone: true } }
    },

    ...createVolumeActions(cloud, read),
    ...(dialect.volumeChanges ? createExtend(cloud, read) : {})
  }
}

/** Who may not see modifications sees the volumes all the same. */
function withoutRight (error: unknown): { VolumesModifications?: VolumeModification[] } {
  if (error instanceof ProblemError && (error.code === 'provider_permission_denied' || error.code === 'not_supported')) return {}
  throw error
}
