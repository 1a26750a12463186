import { Type, type Static } from '#typebox'
import { Auth } from './auth.ts'

/** The pattern of cloud names, which are part of paths. */
export const cloudName = /^[a-z0-9][a-z0-9-]{0,62}$/

/** The settings of every cloud, beside those of its driver. */
export const CloudEntry = Type.Object({
  driver: Type.String({
    minLength: 1,
    description:
      'Name of a driver, path of its code (./my-driver.js), or its package. GET /api/v2/drivers lists the ' +
      'drivers.'
  }),
  enabled: Type.Boolean({ default: true, description: 'Whether the server serves the cloud.' }),
  timeout: Type.Number({
    minimum: 0.1,
    maximum: 600,
    default: 30,
    description: 'Maximum seconds of one call.'
  }),
  max_in_flight: Type.Integer({
    minimum: 1,
    maximum: 1000,
    default: 32,
    description: 'Maximum number of parallel calls to the cloud.'
  }),
  locations: Type.Optional(Type.Array(Type.String({ minLength: 1 }), {
    minItems: 1,
    description: 'Creates one cloud for each location, with the name NAME-LOCATION.'
  })),
  cache_seconds: Type.Number({
    minimum: 0,
    maximum: 3600,
    default: 1,
    description:
      'Seconds to keep lists and resources of the cloud, so that equal requests share one call. A change ' +
      'through this server drops them. 0 switches it off.'
  }),
  catalog_cache_seconds: Type.Number({
    minimum: 0,
    maximum: 86_400,
    default: 120,
    description:
      'The same for sizes, images, locations, volume types, pools of floating IPs, and quotas.'
  })
})

/** The server's own settings. */
export const ServerSettings = Type.Object({
  host: Type.String({
    default: '127.0.0.1',
    description: 'Address to listen on. HOST overrides it.'
  }),
  port: Type.Integer({
    minimum: 0,
    maximum: 65535,
    default: 5070,
    description: 'Port to listen on; 0 means any free port. PORT overrides it.'
  }),
  insecure: Type.Boolean({
    default: false,
    description: 'Listen on other addresses than loopback, although callers are not authenticated.'
  }),
  auth: Type.Optional(Auth),
  allowed_hosts: Type.Array(Type.String(), {
    default: [],
    description:
      'Names by which clients may address the server, without a port, beside `host`, loopback names and ' +
      'all IP addresses.'
  }),
  trust_proxy: Type.Array(Type.String(), {
    default: [],
    description:
      'Addresses, or networks such as 10.0.0.0/8, of proxies whose X-Forwarded-Host and X-Forwarded-Proto ' +
      'are true. With `auth` and without `tls`, other addresses than these and loopback are refused.'
  }),
  tls: Type.Optional(Type.Object({
    cert: Type.String({
      minLength: 1,
      description: 'File of the certificate and its chain, in PEM.'
    }),
    key: Type.String({ minLength: 1, description: 'File of the key of the certificate, in PEM.' })
  }, {
    additionalProperties: false,
    description: 'Serves HTTPS. The files are read again when they change.'
  })),
  limits: Type.Object({
    connections: Type.Integer({
      minimum: 1,
      default: 10_000,
      description: 'Maximum number of connections.'
    }),
    requests: Type.Integer({
      minimum: 1,
      default: 5000,
      description: 'Maximum number of requests under way.'
    }),
    header_bytes: Type.Integer({
      minimum: 4096,
      maximum: 1_048_576,
      default: 16_384,
      description: 'Maximum bytes of the headers of a request.'
    }),
    body_bytes: Type.Integer({
      minimum: 1024,
      maximum: 67_108_864,
      default: 1_048_576,
      description: 'Maximum bytes of a body that is no upload.'
    }),
    event_loop_delay: Type.Integer({
      minimum: 10,
      maximum: 60_000,
      default: 1000,
      description:
        'Milliseconds by which the event loop may be late before requests are refused with 503.'
    }),
    heap_percent: Type.Number({
      minimum: 1,
      maximum: 100,
      default: 90,
      description: 'Percentage of the heap that may be in use before requests are refused with 503.'
    }),
    failures_per_minute: Type.Integer({
      minimum: 1,
      default: 10,
      description:
        'Credentials that are not valid from one address in a minute before that address is slowed down.'
    }),
    per_caller: Type.Object({
      requests_per_minute: Type.Integer({
        minimum: 1,
        default: 6000,
        description: 'Requests of one caller.'
      }),
      cloud_requests_per_minute: Type.Integer({
        minimum: 1,
        default: 3000,
        description: 'Requests of one caller to one cloud.'
      }),
      changes_at_once: Type.Integer({
        minimum: 1,
        default: 50,
        description: 'Changes of one caller that run at once.'
      })
    }, {
      additionalProperties: false,
      default: {},
      description: 'Limits of each caller, if the settings have `auth`.'
    })
  }, { additionalProperties: false, default: {} }),
  cors: Type.Object({
    origins: Type.Array(Type.String(), {
      default: [],
      description: 'Origins whose web pages may use the API, such as https://portal.example.org.'
    })
  }, { additionalProperties: false, default: {} }),
  log_level: Type.Enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'], {
    type: 'string',
    default: 'info',
    description: 'LOG_LEVEL overrides it.'
  }),
  log_requests: Type.Boolean({
    default: true,
    description: 'Whether to log a line for each request. LOG_REQUESTS overrides it.'
  }),
  store: Type.Object({
    file: Type.Optional(Type.String({
      minLength: 1,
      description:
        'SQLite file. Default: ./data/orchestrator.db. STORE_FILE overrides it; beside `url`, that variable ' +
        'names only the folder for other data.'
    })),
    url: Type.Optional(Type.String({
      pattern: '^postgres(ql)?://',
      description:
        'PostgreSQL in place of the file, for one or several servers: postgres://user:password@host:5432/database, ' +
        'with sslmode=verify-full and sslrootcert=FILE for TLS. DATABASE_URL overrides it.'
    })),
    direct_url: Type.Optional(Type.String({
      pattern: '^postgres(ql)?://',
      description:
        'The same database without a pooler such as pgbouncer, for migrations and notifications. ' +
        'Set it if `url` leads to a pooler.'
    })),
    pool_size: Type.Integer({
      minimum: 1,
      maximum: 1000,
      default: 10,
      description: 'Connections to PostgreSQL that one server process opens at most.'
    }),
    statement_timeout: Type.Number({
      minimum: 0.1,
      maximum: 600,
      default: 10,
      description: 'Seconds after which a query or an idle transaction on PostgreSQL ends.'
    })
  }, { additionalProperties: false, default: {} }),
  operations: Type.Object({
    keep_days: Type.Number({
      minimum: 0.01,
      default: 7,
      description: 'Days to keep ended operations.'
    }),
    max_hours: Type.Number({
      minimum: 0.001,
      default: 2,
      description: 'Hours after which an operation that has not ended fails.'
    }),
    reconcile_seconds: Type.Number({
      minimum: 0,
      default: 30,
      description:
        "Seconds, beyond the cloud's timeout, to look for a lost create before it is repeated."
    }),
    poll_ms: Type.Integer({
      minimum: 1,
      maximum: 10_000,
      default: 200,
      description:
        'Milliseconds before a new operation is checked again. The interval grows with the age of the ' +
        'operation, to at most 10 seconds.'
    })
  }, { additionalProperties: false, default: {} }),
  events: Type.Object({
    keep_hours: Type.Number({
      minimum: 0.001,
      maximum: 8760,
      default: 24,
      description: 'Hours to keep events, so that a client can continue where its stream has ended.'
    }),
    heartbeat_seconds: Type.Number({
      minimum: 0.01,
      maximum: 50,
      default: 15,
      description: 'Seconds between two signs of life on a stream of events.'
    }),
    streams: Type.Integer({
      minimum: 0,
      maximum: 100_000,
      default: 2000,
      description: 'Maximum number of streams of events of one server process.'
    }),
    streams_per_caller: Type.Integer({
      minimum: 1,
      maximum: 100_000,
      default: 100,
      description: 'The same for each caller, if the settings have `auth`.'
    }),
    slow_seconds: Type.Number({
      minimum: 0.01,
      maximum: 600,
      default: 30,
      description: 'Seconds, at most twice as many, after which a stream ends whose client reads nothing.'
    }),
    watch_seconds: Type.Number({
      minimum: 0.01,
      maximum: 3600,
      default: 10,
      description:
        'Seconds between two looks for changes that were made outside of this server, at clouds whose events ' +
        'somebody reads.'
    })
  }, { additionalProperties: false, default: {} }),
  webhooks: Type.Object({
    allow_http: Type.Boolean({
      default: false,
      description: 'Whether webhooks may have http URLs, over which others can read the events.'
    }),
    allow_addresses: Type.Array(Type.String(), {
      default: [],
      description:
        'Addresses, or networks such as 10.20.0.0/16, to which webhooks may be sent although they are not public.'
    }),
    proxy: Type.Optional(Type.String({
      pattern: '^https?://',
      description: 'Proxy for webhooks, such as http://proxy.example.org:3128.'
    })),
    timeout_seconds: Type.Number({
      minimum: 0.1,
      maximum: 10,
      default: 10,
      description: 'Seconds for one request to a receiver.'
    }),
    at_once: Type.Integer({
      minimum: 1,
      maximum: 100,
      default: 4,
      description: 'Requests to one webhook at once.'
    }),
    retry_seconds: Type.Number({
      minimum: 0.01,
      maximum: 3600,
      default: 5,
      description:
        'Seconds before a failed delivery is sent again. The pause grows fourfold with each failure, up to 4 hours.'
    }),
    retry_hours: Type.Number({
      minimum: 0,
      maximum: 168,
      default: 24,
      description: 'Hours after which a delivery that still fails is given up.'
    }),
    keep_days: Type.Number({
      minimum: 0.01,
      maximum: 365,
      default: 7,
      description: 'Days to keep ended deliveries.'
    }),
    source: Type.String({
      minLength: 1,
      default: '/api/v2',
      description: 'The `source` of CloudEvents: the URL of this API.'
    }),
    subscriptions: Type.Array(Type.Object({
      name: Type.String({ pattern: '^[a-z0-9][a-z0-9-]{0,62}$' }),
      url: Type.String({ minLength: 1, maxLength: 2048 }),
      secret: Type.String({
        pattern: '^whsec_[A-Za-z0-9+/]{32,88}={0,2}$',
        format: 'password',
        description: '`whsec_` and 24 to 64 bytes in base64.'
      }),
      format: Type.Enum(['json', 'cloudevents'], { type: 'string', default: 'json' }),
      clouds: Type.Optional(Type.Array(Type.String(), { minItems: 1 })),
      types: Type.Optional(Type.Array(Type.String(), { minItems: 1 })),
      resource: Type.Optional(Type.String({ minLength: 1 }))
    }, { additionalProperties: false }), {
      default: [],
      description: 'Webhooks beside those of the API. They get all events that match.'
    })
  }, { additionalProperties: false, default: {} }),
  v1: Type.Object({
    enabled: Type.Boolean({
      default: true,
      description: "Whether to serve /api/v1, the original Orchestrator's API."
    }),
    query_token: Type.Boolean({
      default: false,
      description:
        'Whether `auth_token` is accepted in the query, where proxies and browsers may keep it.'
    }),
    token_minutes: Type.Number({
      minimum: 1,
      maximum: 10_080,
      default: 60,
      description: 'Minutes for which the token of a sign-in is valid.'
    }),
    sunset: Type.Optional(Type.String({
      format: 'date',
      description: 'The day on which /api/v1 ends, for the header Sunset, such as 2028-12-31.'
    }))
  }, { additionalProperties: false, default: {} }),
  metrics: Type.Optional(Type.Object({
    host: Type.String({
      default: '127.0.0.1',
      description: 'Address of the listener for Prometheus.'
    }),
    port: Type.Integer({
      minimum: 0,
      maximum: 65535,
      default: 9464,
      description: 'Port of that listener; 0 means any free port.'
    })
  }, {
    additionalProperties: false,
    description: 'Serves metrics for Prometheus. Without it there are none.'
  })),
  audit: Type.Optional(Type.Object({
    keep_days: Type.Number({
      minimum: 0.01,
      default: 90,
      description: 'Days to keep entries of the audit.'
    }),
    file: Type.Optional(Type.String({
      minLength: 1,
      description: 'File to which each entry is added as a line of JSON. SIGHUP opens it again.'
    }))
  }, {
    additionalProperties: false,
    description: 'Records changes. With `auth` they are recorded in any case.'
  })),
  cache_mb: Type.Integer({
    minimum: 1,
    maximum: 100_000,
    default: 32,
    description: 'Megabytes of answers of the clouds to keep, at most.'
  }),
  assignments: Type.Object({
    claims_days: Type.Number({
      minimum: 0,
      maximum: 365,
      default: 30,
      description:
        'Days for which the claims of an accepted token still give its caller the permission to stop or ' +
        'destroy an expired node.'
    }),
    retry_seconds: Type.Number({
      minimum: 0.01,
      default: 60,
      description:
        'Seconds before a failed expiry is tried again. The pause doubles with each failure, up to an hour.'
    }),
    check_seconds: Type.Number({
      minimum: 0.01,
      maximum: 86_400,
      default: 900,
      description: 'Seconds between two checks whether the assigned nodes still exist.'
    })
  }, { additionalProperties: false, default: {} }),
  health_seconds: Type.Number({
    minimum: 1,
    default: 60,
    description: 'Seconds between two checks of each cloud.'
  })
}, { additionalProperties: false })

export type ServerSettings = Static<typeof ServerSettings>

/** One cloud of the server, with valid settings. */
export interface CloudSettings {
  name: string
  driver: string
  enabled: boolean
  timeout: number
  max_in_flight: number
  cache_seconds: number
  catalog_cache_seconds: number
  /** The settings of the driver. */
  settings: Record<string, unknown>
  /** Why the code of the driver cannot be used. The cloud is then down, and its settings are not checked. */
  failure?: string
}

/** The settings of a store on PostgreSQL. Times are in seconds. */
export interface PostgresSettings {
  file?: undefined
  url: string
  direct_url?: string | undefined
  pool_size: number
  statement_timeout: number
}

/** Where the store is: in a file of SQLite, or on PostgreSQL. */
export type StoreSettings = { file: string, url?: undefined } | PostgresSettings

export interface Settings extends Omit<ServerSettings, 'store'> {
  store: StoreSettings
  /** The folder of the store, for all data that must survive a restart. */
  dataDirectory: string
  /** In the order of lists: `default` first, the others as in the file. */
  clouds: CloudSettings[]
}
