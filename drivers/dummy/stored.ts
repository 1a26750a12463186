import { Type, type Static } from 'typebox'
import { nullable, nullableRef } from '../../openapi/model/index.ts'

const Fault = Type.Object({ code: Type.String(), message: Type.String() })

export type Stage = Static<typeof Stage>
/** What a node takes on at one moment of a change; what is not named stays. */
export const Stage = Type.Object({
  status: Type.Optional(Type.String()),
  task: Type.Optional(nullable(Type.String())),
  progress: Type.Optional(nullable(Type.Integer())),
  size_id: Type.Optional(Type.String()),
  image_id: Type.Optional(Type.String()),
  fault: Type.Optional(nullableRef(Fault)),
  /** Of a resize that is neither confirmed nor reverted: what the node was. */
  before: Type.Optional(nullableRef(Type.Object({ status: Type.String(), size_id: Type.String() }))),
  /** Set where the node is started at this moment. */
  launched: Type.Optional(Type.Boolean()),
  /** Set where the node ceases to be at this moment. */
  gone: Type.Optional(Type.Boolean())
})

export type Step = Static<typeof Step>
/** `at`: milliseconds since 1970, as all times here. */
const Step = Type.Object({ at: Type.Number(), then: Stage })

export type Nic = Static<typeof Nic>
const Nic = Type.Object({ id: Type.String(), network_id: Type.String(), address: Type.String() })

export type StoredNode = Static<typeof StoredNode>
/** A node as this cloud keeps it, in Nova's words: what it is, and the steps that lie before it. */
export const StoredNode = Type.Object({
  /** Its place in the order of creation, never used twice. */
  seq: Type.Integer(),
  id: Type.String(),
  name: Type.String(),
  status: Type.String(),
  task: nullable(Type.String()),
  progress: nullable(Type.Integer()),
  steps: Type.Array(Step),
  size_id: Type.String(),
  image_id: Type.String(),
  before: nullableRef(Type.Object({ status: Type.String(), size_id: Type.String() })),
  key_pair_name: nullable(Type.String()),
  availability_zone: Type.String(),
  nics: Type.Array(Nic),
  tags: Type.Unsafe<Record<string, string>>({ type: 'object', additionalProperties: { type: 'string' } }),
  protected: Type.Boolean(),
  fault: nullableRef(Fault),
  user_data_bytes: nullable(Type.Integer()),
  created_at: Type.Number(),
  updated_at: Type.Number(),
  launched_at: nullable(Type.Number()),
  /** Id of the operation that created it, by which a lost create is found. */
  operation: nullable(Type.String())
})

export type StoredState = Static<typeof StoredState>
/** The content of the state file. */
export const StoredState = Type.Object({
  version: Type.Literal(1),
  next_seq: Type.Integer(),
  nodes: Type.Array(StoredNode),
  /** Operation and node of creates whose node is gone, so that none is taken for a create that never happened. */
  departed: Type.Array(Type.Object({ operation: Type.String(), id: Type.String() }))
})
