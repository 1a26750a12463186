import type { CommitStatement } from './tables.ts'

/** One statement that makes the changes of several, with all their parameters. */
export interface MergedStatement {
  text: string
  values: unknown[]
}

/** The table that a statement changes. Undefined for a statement that cannot be merged. */
const tableOf = (sql: string) => /^(?:insert into|update|delete from) "(\w+)"/.exec(sql)?.[1]

/**
 * Whether statements may run as one: each sees the tables as they were before all, and they run in any order, so no two
 * may change the same table.
 */
function areIndependent (statements: readonly CommitStatement[]) {
  const tables = statements.map(({ sql }) => tableOf(sql))
  return !tables.includes(undefined) && new Set(tables).size === tables.length
}

/** Fails the statement if the part with this name did not change as many rows as it must. */
const check = (name: string, expected: number) =>
  `1 / (case when (select count(*) from ${name}) = ${expected} then 1 else 0 end)`

function toText (statements: readonly CommitStatement[]) {
  let before = 0
  const parts: string[] = []
  const checks: string[] = []
  for (const [i, { sql, parameters, expects }] of statements.entries()) {
    const shifted = sql.replace(/\$(\d+)/g, (_, number: string) => `$${Number(number) + before}`)
    parts.push(`c${i} as (${shifted} returning 1)`)
    if (expects !== undefined) checks.push(check(`c${i}`, expects))
    before += parameters.length
  }
  return `with ${parts.join(', ')} select ${checks.length === 0 ? '1' : checks.join(', ')}`
}

/** The code of PostgreSQL for a part that changed other rows than it expects: division_by_zero. */
export const unexpectedCode = '22012'

const maxTexts = 500

/**
 * Creates the function that merges the statements of a commit into one, which is a transaction by itself: this server
 * and PostgreSQL then exchange two messages in place of two for each statement, for `begin` and for `commit`. Returns
 * undefined if the statements have to run one after the other. The texts are kept, since they are few.
 */
export function createMerge () {
  const texts = new Map<string, string | null>()
  return (statements: readonly CommitStatement[]): MergedStatement | undefined => {
    const key = statements.map(({ sql, expects = '' }) => `${expects} ${sql}`).join('\n')
    let text = texts.get(key)
    if (text === undefined) {
      text = areIndependent(statements) ? toText(statements) : null
      if (texts.size >= maxTexts) texts.clear()
      texts.set(key, text)
    }
    return text === null
      ? undefined
      : { text, values: statements.flatMap(({ parameters }) => parameters) }
  }
}
