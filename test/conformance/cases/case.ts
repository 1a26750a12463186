import type { Context } from '../context.ts'

export interface Case {
  /** A sentence that is true for every cloud with the capability. */
  title: string
  run (context: Context): Promise<void>
}

export const ids = (items: readonly { id: string }[]) => items.map(({ id }) => id).sort()
