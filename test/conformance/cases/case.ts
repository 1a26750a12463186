import type { Context } from '../context.ts'

export interface Case {
  /** What holds of every cloud that has the capability, as a sentence. */
  title: string
  run (context: Context): Promise<void>
}

export const ids = (items: readonly { id: string }[]) => items.map(({ id }) => id).sort()
