import { Type, type Static, type TNumber, type TOptional } from 'typebox'
import { nodeVerbs, nullable } from '../../openapi/model/index.ts'
import { services } from '../services.ts'

const seconds = (description: string, options: { default?: number } = {}) => Type.Number({ minimum: 0, description, ...options })

const changes = ['create', ...nodeVerbs, 'destroy'] as const
/** Resources whose changes, of each kind, take another time. */
const slow = ['volume', 'snapshot', 'image'] as const
export type ChangeName = typeof changes[number]

const delays = Object.fromEntries(changes.map((change) => [change, Type.Optional(seconds(`Seconds that \`${change}\` takes.`))])) as
  Record<ChangeName, TOptional<TNumber>>
const slowDelays = Object.fromEntries(slow.map((what) => [what, Type.Optional(seconds(`Seconds that each change of a ${what} takes.`))])) as
  Record<typeof slow[number], TOptional<TNumber>>

export const faultKinds = ['error', 'rate_limited', 'unavailable', 'auth_failed', 'permission_denied', 'hang', 'reset'] as const
export type FaultKind = typeof faultKinds[number]

const Fault = Type.Object({
  on: Type.String({
    pattern: `^(\\*|check|(${services.join('|')})\\.(\\*|[a-z_]+))$`,
    description: 'The calls it strikes: `nodes.create`, `nodes.*`, `*`, `check`; `nodes.find_created` is the search for a lost create.'
  }),
  when: Type.Enum(['before', 'after'], {
    type: 'string', default: 'before', description: 'before: nothing is done; after: it is done and only the answer is lost.'
  }),
  kind: Type.Enum([...faultKinds], { type: 'string', description: 'hang answers never; reset breaks the connection.' }),
  retry_after: Type.Optional(seconds('Seconds after which the caller is told to come again.')),
  times: Type.Optional(Type.Integer({ minimum: 0, description: 'How often it strikes; for ever where not given.' })),
  skip: Type.Integer({ minimum: 0, default: 0, description: 'How many calls pass before it strikes.' }),
  probability: Type.Number({ minimum: 0, maximum: 1, default: 1, description: 'How likely it strikes each time.' })
}, { additionalProperties: false })
export type FaultRule = Static<typeof Fault>

export type Settings = Static<typeof settings>
export const settings = Type.Object({
  location: Type.String({
    default: 'local', pattern: '^[a-z0-9][a-z0-9-]{0,60}$', description: 'Id of its one region; the zones are `-a` and `-b` of it.'
  }),
  state_file: Type.Optional(nullable(Type.String({
    minLength: 1, description: 'File that keeps everything over restarts; null keeps them in memory only. `dummy-<cloud>.json` beside the store where not given.'
  }))),
  delay: seconds('Seconds that each change takes; 0 is at once.', { default: 1 }),
  delays: Type.Object({
    ...delays,
    ...slowDelays,
    seeded: Type.Optional(seconds('Seconds after which nodes seeded in a passing `provider_states` arrive; never where not given.'))
  }, { additionalProperties: false, default: {}, description: 'Changes that take another time than `delay`.' }),
  soft_delete_seconds: seconds('Seconds for which a destroyed node can be restored; 0 destroys for good.', { default: 0 }),
  page_size: Type.Integer({ minimum: 1, maximum: 1000, default: 100, description: 'Items on a page at most.' }),
  quotas: Type.Object({
    nodes: Type.Optional(Type.Integer({ minimum: 0 })),
    vcpus: Type.Optional(Type.Integer({ minimum: 0 })),
    ram: Type.Optional(Type.Integer({ minimum: 0, description: 'MiB.' })),
    networks: Type.Optional(Type.Integer({ minimum: 0, description: 'Beside those that lead outside.' })),
    floating_ips: Type.Optional(Type.Integer({ minimum: 0 })),
    volumes: Type.Optional(Type.Integer({ minimum: 0 })),
    volume_storage: Type.Optional(Type.Integer({ minimum: 0, description: 'GiB of all volumes.' })),
    snapshots: Type.Optional(Type.Integer({ minimum: 0 }))
  }, { additionalProperties: false, default: {}, description: 'What the account may have in all; unlimited where not given.' }),
  nodes: Type.Integer({
    minimum: 0, maximum: 50_000, default: 0, description: 'Nodes that are there from the start, unless `state_file` holds some already.'
  }),
  provider_states: Type.Array(Type.String({ pattern: '^[A-Z_]+(/[a-z_-]+)?$' }), {
    minItems: 1,
    default: ['ACTIVE'],
    description: 'What those nodes are, by turns: statuses of Nova, with `/` and a task where one is under way (`ACTIVE/deleting`).'
  }),
  seed: Type.Integer({ default: 1, description: 'Decides the nodes that are there from the start, and when faults with a probability strike.' }),
  latency: seconds('Seconds until a call is answered. The cloud makes a change at once; only the answer takes its time.', { default: 0 }),
  faults: Type.Array(Fault, { default: [], description: 'Failures to try clients with. Of several that match, the first that strikes counts.' })
}, { additionalProperties: false })

/** `provider_options.dummy` of a create. */
export const createOptions = Type.Object({
  admin_password: Type.Optional(Type.Boolean({ description: 'Whether to make a password; it is shown once, under `secrets`.' })),
  fail: Type.Optional(Type.Boolean({ description: 'Whether the node shall end in error.' }))
}, { additionalProperties: false, description: 'What the dummy cloud alone can do.' })
export type CreateOptions = Static<typeof createOptions>
