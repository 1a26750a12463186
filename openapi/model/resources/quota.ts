import { Type, type Static } from '#typebox'
import { nullableLong, nullableRef, openEnum } from '../common.ts'
import { model } from '../model.ts'
import { Problem } from '../problem.ts'

export type Quota = Static<typeof Quota>
export const Quota = model(
  'Quota',
  Type.Object({
    resource: Type.String({
      examples: ['nodes', 'vcpus', 'ram', 'networks', 'floating_ips', 'volumes', 'volume_storage']
    }),
    limit: nullableLong('null means unlimited.'),
    used: nullableLong(),
    unit: Type.Enum(['count', 'MiB', 'GiB'], { type: 'string' })
  }, { description: 'How much of a resource the account may use, and how much it uses.' })
)

export type QuotaSource = Static<typeof QuotaSource>
export const QuotaSource = model(
  'QuotaSource',
  Type.Object({
    service: Type.String({ examples: ['compute', 'network', 'volume'] }),
    status: openEnum(
      ['ok', 'error'],
      'How the service answered. error: its quotas are missing; `problem` says why.'
    ),
    problem: nullableRef(Problem)
  }, { description: 'How one service of the cloud answered.' })
)

export type QuotaList = Static<typeof QuotaList>
export const QuotaList = model(
  'QuotaList',
  Type.Object({
    items: Type.Array(Quota),
    sources: Type.Optional(Type.Array(QuotaSource, {
      description: 'How the services of the cloud answered, if the cloud has several.'
    }))
  })
)
