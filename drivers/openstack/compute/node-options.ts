import { Type, type Static } from '#typebox'

/** Create options that only Nova has, under Nova's names. */
export const createOptions = Type.Object({
  config_drive: Type.Optional(
    Type.Boolean({ description: 'Provide the metadata on a drive of the node.' })
  ),
  scheduler_hints: Type.Optional(Type.Unsafe<Record<string, unknown>>({
    type: 'object',
    additionalProperties: true,
    description: 'Where to place the node: `group`, `same_host`, `different_host` and others.'
  })),
  disk_config: Type.Optional(Type.Enum(['AUTO', 'MANUAL'], {
    type: 'string',
    description: 'AUTO: the root partition takes the whole disk. MANUAL: as in the image.'
  })),
  description: Type.Optional(Type.String({ maxLength: 255, description: 'Needs Nova 2.19.' }))
}, { additionalProperties: false })

export type CreateOptions = Static<typeof createOptions>
