import { setImmediate as nextTurn } from 'node:timers/promises'

/** Milliseconds that long work may take of one turn of the event loop. */
const slice = 8

/** When the work of the present turn began, by the monotonic clock; undefined if there was none yet. */
let began: number | undefined

const reset = () => {
  began = undefined
}

/** Returns a promise of a later turn if the work of this turn has taken its time; undefined if it may go on. */
export function turnOver (): Promise<void> | undefined {
  const now = performance.now()
  if (began === undefined) {
    began = now
    setImmediate(reset)
    return undefined
  }
  return now - began < slice ? undefined : waitForTurn()
}

/** Others that waited too may have taken the time of the next turn. */
async function waitForTurn () {
  for (;;) {
    await nextTurn()
    if (began === undefined || performance.now() - began < slice) return
  }
}

/** Items that are handled between two looks at the clock. */
const atOnce = 50

/** Maps items as `Array.map` does, a few in each turn of the event loop if there are many. */
export async function mapInTurns<T, R> (items: readonly T[], map: (item: T) => R): Promise<R[]> {
  const mapped: R[] = []
  for (let i = 0; i < items.length; i += atOnce) {
    const over = turnOver()
    if (over !== undefined) await over
    for (const item of items.slice(i, i + atOnce)) mapped.push(map(item))
  }
  return mapped
}

/** Sorts items into a new array, as `Array.sort` does, in several turns of the event loop if there are many. */
export async function sortInTurns<T> (
  items: readonly T[],
  compare: (a: T, b: T) => number
): Promise<T[]> {
  let runs: T[][] = []
  for (let i = 0; i < items.length; i += 10 * atOnce) {
    const over = turnOver()
    if (over !== undefined) await over
    runs.push(items.slice(i, i + 10 * atOnce).sort(compare))
  }
  while (runs.length > 1) {
    const longer: T[][] = []
    for (let i = 0; i < runs.length; i += 2) {
      longer.push(i + 1 < runs.length ? await merge(runs[i]!, runs[i + 1]!, compare) : runs[i]!)
    }
    runs = longer
  }
  return runs[0] ?? []
}

/** Merges two sorted arrays. Of equal items, those of the first come first. */
async function merge<T> (
  a: readonly T[],
  b: readonly T[],
  compare: (a: T, b: T) => number
): Promise<T[]> {
  const merged: T[] = []
  let [i, j] = [0, 0]
  while (i < a.length && j < b.length) {
    merged.push(compare(a[i]!, b[j]!) <= 0 ? a[i++]! : b[j++]!)
    const over = merged.length % (10 * atOnce) === 0 ? turnOver() : undefined
    if (over !== undefined) await over
  }
  return [...merged, ...a.slice(i), ...b.slice(j)]
}
