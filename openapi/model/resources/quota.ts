import { Type, type Static } from 'typebox'
import { nullableInteger } from '../common.ts'
import { model } from '../model.ts'

export type Quota = Static<typeof Quota>
export const Quota = model('Quota', Type.Object({
  resource: Type.String({
    examples: ['nodes', 'vcpus', 'ram', 'networks', 'floating_ips', 'volumes', 'volume_storage']
  }),
  limit: nullableInteger('null means unlimited.'),
  used: nullableInteger(),
  unit: Type.Enum(['count', 'MiB', 'GiB'], { type: 'string' })
}, { description: 'How much of a resource the account may use, and how much it uses.' }))

export const QuotaList = model('QuotaList', Type.Object({ items: Type.Array(Quota) }))
