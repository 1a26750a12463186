import { Type } from '#typebox'
import { commonOptions } from '../ec2/public-settings.ts'

/** The options of a node's creation that Eucalyptus has. */
export const createOptions = Type.Object(commonOptions, { additionalProperties: false })
