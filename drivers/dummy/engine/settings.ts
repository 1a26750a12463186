import { Type, type Static, type TNumber, type TOptional } from '#typebox'
import { nodeVerbs, nullable } from '../../../openapi/model/index.ts'
import { services } from '../../services.ts'

const seconds = (description: string, options: { default?: number } = {}) =>
  Type.Number({ minimum: 0, description, ...options })

const optionalCount = (description?: string) =>
  Type.Optional(Type.Integer({ minimum: 0, ...(description && { description }) }))

/** The changes of nodes that have a delay of their own. */
const nodeChanges = ['create', ...nodeVerbs, 'destroy'] as const
/** The resources whose changes share a delay of their own. */
const slowResources = ['volume', 'snapshot', 'image'] as const

function delaysOf<Name extends string> (names: readonly Name[], describe: (name: Name) => string) {
  const delays = names.map((name) => [name, Type.Optional(seconds(describe(name)))])
  return Object.fromEntries(delays) as Record<Name, TOptional<TNumber>>
}

export const faultKinds = [
  'error',
  'rate_limited',
  'unavailable',
  'auth_failed',
  'permission_denied',
  'hang',
  'reset'
] as const
export type FaultKind = typeof faultKinds[number]

const Fault = Type.Object({
  on: Type.String({
    pattern: `^(\\*|check|(${services.join('|')})\\.(\\*|[a-z_]+))$`,
    description:
      'The calls that fail: `nodes.create`, `nodes.*`, `*`, `check`. `nodes.find_created` is the search ' +
      'for a lost create.'
  }),
  when: Type.Enum(['before', 'after'], {
    type: 'string',
    default: 'before',
    description:
      'before: the cloud does nothing; after: the cloud makes the change and only the answer is lost.'
  }),
  kind: Type.Enum([...faultKinds], {
    type: 'string',
    description: 'The error. hang: the cloud never answers; reset: the connection breaks.'
  }),
  retry_after: Type.Optional(seconds('Seconds after which the error tells the caller to retry.')),
  times: Type.Optional(
    Type.Integer({ minimum: 0, description: 'How many calls fail; all if absent.' })
  ),
  skip: Type.Integer({
    minimum: 0,
    default: 0,
    description: 'How many calls succeed before the first one fails.'
  }),
  probability: Type.Number({
    minimum: 0,
    maximum: 1,
    default: 1,
    description: 'The probability that a call fails.'
  })
}, { additionalProperties: false })
export type FaultRule = Static<typeof Fault>

export type Settings = Static<typeof settings>
export const settings = Type.Object({
  location: Type.String({
    default: 'local',
    pattern: '^[a-z0-9][a-z0-9-]{0,60}$',
    description: 'Id of the one region. Its zones have the suffixes `-a` and `-b`.'
  }),
  state_file: Type.Optional(nullable(Type.String({
    minLength: 1,
    description:
      'File that keeps everything over restarts; null keeps everything in memory only. The default is ' +
      '`dummy-<cloud>.json` beside the store.'
  }))),
  delay: seconds('Seconds that each change takes.', { default: 1 }),
  delays: Type.Object({
    ...delaysOf(nodeChanges, (change) => `Seconds that \`${change}\` takes.`),
    ...delaysOf(slowResources, (resource) => `Seconds that each change of a ${resource} takes.`),
    seeded: Type.Optional(seconds(
      'Seconds after which seeded nodes leave a transitional status of `provider_states`; never if absent.'
    ))
  }, {
    additionalProperties: false,
    default: {},
    description: 'Changes that do not take `delay` seconds.'
  }),
  soft_delete_seconds: seconds(
    'Seconds during which a destroyed node can be restored; with 0, never.',
    { default: 0 }
  ),
  page_size: Type.Integer({
    minimum: 1,
    maximum: 1000,
    default: 100,
    description: 'The maximum size of a page.'
  }),
  quotas: Type.Object({
    nodes: optionalCount(),
    vcpus: optionalCount(),
    ram: optionalCount('MiB.'),
    networks: optionalCount('External networks do not count.'),
    floating_ips: optionalCount(),
    volumes: optionalCount(),
    volume_storage: optionalCount('GiB of all volumes.'),
    snapshots: optionalCount()
  }, {
    additionalProperties: false,
    default: {},
    description: 'The quotas of the account; unlimited if absent.'
  }),
  nodes: Type.Integer({
    minimum: 0,
    maximum: 50_000,
    default: 0,
    description: 'How many nodes a new cloud has. An existing `state_file` overrides this.'
  }),
  sample: Type.Boolean({
    default: false,
    description:
      'Whether a new cloud has a sample in place of `nodes`: five nodes in different states, a network, a ' +
      'volume and a floating IP. An existing `state_file` overrides this.'
  }),
  provider_states: Type.Array(Type.String({ pattern: '^[A-Z_]+(/[a-z_-]+)?$' }), {
    minItems: 1,
    default: ['ACTIVE'],
    description:
      'The statuses of these nodes, in turn: a Nova status, or a status and a task (`ACTIVE/deleting`).'
  }),
  seed: Type.Integer({
    default: 1,
    description: 'Seed of the random numbers for seeded nodes and for faults with a probability.'
  }),
  latency: seconds('Seconds until a call is answered. A change is made before that.', {
    default: 0
  }),
  faults: Type.Array(Fault, {
    default: [],
    description: 'Failures for testing clients. The first rule that applies to a call is used.'
  })
}, { additionalProperties: false })

/** `provider_options.dummy` of a create. openapi.json contains these texts. */
export const createOptions = Type.Object({
  admin_password: Type.Optional(Type.Boolean({
    description: 'Whether to make a password; it is shown once, under `secrets`.'
  })),
  fail: Type.Optional(Type.Boolean({ description: 'Whether the node shall end in error.' }))
}, { additionalProperties: false, description: 'What the dummy cloud alone can do.' })
export type CreateOptions = Static<typeof createOptions>
