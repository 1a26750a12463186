import { Type } from '#typebox'

/** The settings of every cloud whose driver is a process. */
export const processSettings = {
  idle_minutes: Type.Number({
    minimum: 0.001,
    maximum: 10_000,
    default: 15,
    description: 'Minutes without a request after which the process ends.'
  }),
  start_seconds: Type.Number({
    minimum: 0.1,
    maximum: 600,
    default: 20,
    description: 'Seconds that the process has to answer its first message.'
  }),
  grace_seconds: Type.Number({
    minimum: 0.1,
    maximum: 600,
    default: 10,
    description:
      'Seconds after the deadline of a call that the process has to answer. Then it is ended, as it hangs.'
  })
}

export interface ProcessLimits {
  idle_minutes: number
  start_seconds: number
  grace_seconds: number
}
