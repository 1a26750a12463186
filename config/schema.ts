import { Type, type Static } from 'typebox'

/** Names of clouds: they stand in paths. */
export const cloudName = /^[a-z0-9][a-z0-9-]{0,62}$/

/** What every cloud has beside the settings of its driver. */
export const CloudEntry = Type.Object({
  driver: Type.String({ minLength: 1, description: 'Name of a driver; GET /api/v2/drivers lists them.' }),
  enabled: Type.Boolean({ default: true, description: 'Whether the cloud is served.' }),
  timeout: Type.Number({ minimum: 0.1, maximum: 600, default: 30, description: 'Seconds that one call may take.' }),
  max_in_flight: Type.Integer({ minimum: 1, maximum: 1000, default: 32, description: 'Calls to the cloud at once.' }),
  locations: Type.Optional(Type.Array(Type.String({ minLength: 1 }), {
    minItems: 1, description: 'Makes one cloud for each location, named NAME-LOCATION.'
  }))
})

/** The server's own settings. */
export const ServerSettings = Type.Object({
  host: Type.String({ default: '127.0.0.1', description: 'Address to listen on. Over it: HOST.' }),
  port: Type.Integer({ minimum: 0, maximum: 65535, default: 5070, description: 'Port to listen on; 0 takes a free one. Over it: PORT.' }),
  insecure: Type.Boolean({ default: false, description: 'Listen on other addresses than loopback although callers are not checked.' }),
  log_level: Type.Enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'], {
    type: 'string', default: 'info', description: 'Over it: LOG_LEVEL.'
  }),
  log_requests: Type.Boolean({ default: true, description: 'One log line for each request. Over it: LOG_REQUESTS.' }),
  store: Type.Object({
    file: Type.String({ minLength: 1, default: './data/orchestrator.db', description: 'SQLite file. Over it: STORE_FILE.' })
  }, { additionalProperties: false, default: {} }),
  operations: Type.Object({
    keep_days: Type.Number({ minimum: 0.01, default: 7, description: 'Days that ended operations are kept.' }),
    max_hours: Type.Number({ minimum: 0.001, default: 2, description: 'Hours after which an operation that has not ended is given up.' }),
    reconcile_seconds: Type.Number({
      minimum: 0, default: 30, description: "Seconds, beyond the cloud's timeout, in which a lost create is looked for before it is repeated."
    }),
    poll_ms: Type.Integer({
      minimum: 1,
      maximum: 10_000,
      default: 200,
      description: 'Milliseconds before a new operation is checked again. The interval grows with its age, to at most 10 seconds.'
    })
  }, { additionalProperties: false, default: {} }),
  health_seconds: Type.Number({ minimum: 1, default: 60, description: 'Seconds between two checks of each cloud.' })
}, { additionalProperties: false })

export type ServerSettings = Static<typeof ServerSettings>

/** One cloud of the farm, its settings checked. */
export interface CloudSettings {
  name: string
  driver: string
  enabled: boolean
  timeout: number
  max_in_flight: number
  /** What the driver connects with. */
  settings: Record<string, unknown>
}

export interface Settings extends ServerSettings {
  /** In the order of lists: `default` first, then as written. */
  clouds: CloudSettings[]
}
