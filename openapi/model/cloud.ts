import { Type, type Static } from '#typebox'
import {
  decimal,
  map,
  nullable,
  nullableRef,
  nullableString,
  openEnum,
  strings,
  Timestamp
} from './common.ts'
import { model } from './model.ts'
import { Problem } from './problem.ts'

export type Capability = Static<typeof Capability>
export const Capability = model(
  'Capability',
  Type.Object({
    parameters: strings('Fields of the request that this cloud supports.'),
    required: strings('Fields that this cloud requires beyond those that the schema requires.'),
    filters: strings('Filters that the cloud applies. The server applies all others.'),
    limits: map(decimal(), {
      description: 'Limits of the cloud.',
      examples: [{ user_data_bytes: 65535 }]
    })
  }, { description: 'The details of one operation that a cloud supports.' })
)

export type Health = Static<typeof Health>
export const Health = model(
  'Health',
  Type.Object({
    status: openEnum(
      ['up', 'degraded', 'down', 'unknown', 'disabled'],
      'Whether the cloud answers and accepts the credentials of this server. degraded: it does, but one of its ' +
        'services that were used fails; `problem` names the service.'
    ),
    checked_at: Timestamp('When the server last checked the cloud.'),
    elapsed_ms: nullable(decimal({ description: 'Duration of the check in milliseconds.' })),
    problem: nullableRef(Problem)
  }, { description: 'The health of a cloud.' })
)

const summary = {
  name: Type.String({ examples: ['default'] }),
  driver: Type.String({ examples: ['openstack'] }),
  host: nullableString('Host of the API of the cloud.'),
  location: nullableString('Region of the cloud.'),
  enabled: Type.Boolean(),
  health: Health,
  self: Type.String()
}

export const CloudSummary = model(
  'CloudSummary',
  Type.Object(summary, { description: 'A cloud of this server.' })
)
export type CloudSummary = Static<typeof CloudSummary>

export type Cloud = Static<typeof Cloud>
export const Cloud = model(
  'Cloud',
  Type.Object({
    ...summary,
    capabilities: map(Capability, {
      description:
        'The operations that the cloud supports, such as `nodes.create`. Any other operation answers 501.'
    })
  }, { description: 'A cloud of this server, with its health and capabilities.' })
)

export const CloudList = model('CloudList', Type.Object({ items: Type.Array(CloudSummary) }))

const driver = {
  name: Type.String(),
  title: Type.String({ description: 'The clouds that the driver connects to.' }),
  aliases: strings('Other names of the driver in the settings.'),
  clouds: strings('Clouds of this server that use the driver.'),
  self: Type.String()
}
export const DriverSummary = model('DriverSummary', Type.Object(driver))
const provider = {
  name: Type.String({ examples: ['digitalocean'] }),
  title: Type.String(),
  website: nullableString(),
  native: nullableString('The driver of this server that serves the provider better.'),
  note: nullableString('What to know about the provider: that its service has ended, for example.'),
  self: Type.String()
}
export const DriverProvider = model(
  'DriverProvider',
  Type.Object({
    ...provider,
    arguments: Type.Array(
      Type.Object({
        name: Type.String(),
        required: Type.Boolean(),
        default: nullableString('The default as text, if it is a plain value.')
      }),
      {
        description:
          'The arguments of the constructor of the provider, for the settings of a cloud.'
      }
    ),
    capabilities: map(Capability, {
      description: 'The operations that the driver supports for the provider.'
    })
  }, { description: 'A provider that a driver reaches.' })
)
export type DriverProvider = Static<typeof DriverProvider>

export const DriverDetails = model(
  'Driver',
  Type.Object({
    ...driver,
    settings: map(Type.Unknown(), {
      description:
        'JSON Schema of a cloud with this driver, one entry under `clouds` of the settings. Settings with a ' +
        'default are not required.'
    }),
    create_options: Type.Unsafe<Record<string, unknown> | null>({
      type: ['object', 'null'],
      additionalProperties: true,
      description:
        'JSON Schema of `provider_options` for the creation of a node, or null if the driver has none.'
    }),
    providers: Type.Optional(Type.Unsafe<DriverProvider[] | null>({
      type: ['array', 'null'],
      items: DriverProvider,
      description:
        'The providers that the driver reaches, if they are many. null: what the driver needs is not ' +
        'installed; `orchestrator install DRIVER` installs it.'
    }))
  }, { description: 'A driver connects this server to one kind of cloud.' })
)
export const DriverList = model('DriverList', Type.Object({ items: Type.Array(DriverSummary) }))
