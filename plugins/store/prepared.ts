import type { Compilable } from '#kysely'
import type { Statement } from './database.ts'

/** Values that are their own names, for `prepare`. */
export const namesOf = <Row extends object>(names: readonly (keyof Row & string)[]) =>
  Object.fromEntries(names.map((name) => [name, name])) as Row

/**
 * Compiles a query once, since that takes longer than all else that a small change costs this thread. Each parameter
 * of the query is a name; the returned function puts the values in place of the names.
 */
export function prepare<Name extends string> (
  query: Compilable
): (values: Record<Name, unknown>) => Statement {
  const { sql, parameters } = query.compile()
  const names = parameters as Name[]
  return (values) => ({ sql, parameters: names.map((name) => values[name]) })
}
