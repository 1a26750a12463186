import type { Query } from './query.ts'
import type { Cloud } from './state.ts'
import type { Tree } from './xml.ts'

/** The answer of an action; without one, the answer is `<return>true</return>`. */
export type Action = (cloud: Cloud, query: Query) => { [name: string]: Tree } | undefined | void
export type Actions = Record<string, Action>
