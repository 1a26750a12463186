import { Type, type Static } from 'typebox'
import { model } from './model.ts'
import { map, nullable, nullableRef, openEnum, Timestamp } from './common.ts'
import { Problem } from './problem.ts'

export type Capability = Static<typeof Capability>
export const Capability = model('Capability', Type.Object({
  parameters: Type.Array(Type.String(), { description: 'Fields of the request that this cloud honours.' }),
  required: Type.Array(Type.String(), { description: 'Fields that this cloud requires beyond those that the schema requires.' }),
  filters: Type.Array(Type.String(), { description: 'Filters that the cloud itself applies; all others are applied here.' }),
  limits: map(Type.Number(), { description: 'Limits of the cloud.', examples: [{ user_data_bytes: 65535 }] })
}, { description: 'What one operation of a cloud can do.' }))

export type Health = Static<typeof Health>
export const Health = model('Health', Type.Object({
  status: openEnum(['up', 'down', 'unknown', 'disabled'], 'Whether the cloud answers and takes our credentials.'),
  checked_at: Timestamp('When this was seen.'),
  elapsed_ms: nullable(Type.Number({ description: 'How long the check took.' })),
  problem: nullableRef(Problem)
}, { description: 'The health of a cloud.' }))

const summary = {
  name: Type.String({ examples: ['default'] }),
  driver: Type.String({ examples: ['openstack'] }),
  host: nullable(Type.String({ description: 'Host of the API of the cloud.' })),
  location: nullable(Type.String({ description: 'Region that this cloud stands for.' })),
  enabled: Type.Boolean(),
  health: Health,
  self: Type.String()
}

export const CloudSummary = model('CloudSummary', Type.Object(summary, { description: 'A cloud of this server.' }))
export type CloudSummary = Static<typeof CloudSummary>

export type Cloud = Static<typeof Cloud>
export const Cloud = model('Cloud', Type.Object({
  ...summary,
  capabilities: map(Capability, { description: 'What the cloud can do, by name, as `nodes.create`. What is not here is refused with 501.' })
}, { description: 'A cloud of this server, with its health and all it can do.' }))

export const CloudList = model('CloudList', Type.Object({ items: Type.Array(CloudSummary) }))

const driver = {
  name: Type.String(),
  title: Type.String({ description: 'What it connects to.' }),
  aliases: Type.Array(Type.String(), { description: 'Other names that settings may call it by.' }),
  clouds: Type.Array(Type.String(), { description: 'Clouds of this server that use it.' }),
  self: Type.String()
}
export const DriverSummary = model('DriverSummary', Type.Object(driver))
export const DriverDetails = model('Driver', Type.Object({
  ...driver,
  settings: map(Type.Unknown(), { description: 'JSON Schema of the settings of a cloud of this driver.' }),
  create_options: Type.Unsafe<Record<string, unknown> | null>({
    type: ['object', 'null'],
    additionalProperties: true,
    description: 'JSON Schema of `provider_options` at the creation of a node, or null where it has none.'
  })
}, { description: 'A driver: what connects this server to one kind of cloud.' }))
export const DriverList = model('DriverList', Type.Object({ items: Type.Array(DriverSummary) }))
