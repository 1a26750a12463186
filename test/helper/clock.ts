import type { Test } from 'tap'

/** Replaces the clocks of this process by ones that the returned function moves forward, until the test ends. */
export function moveClock (t: Test): (ms: number) => void {
  const { Date: RealDate, performance: { now } } = globalThis
  let ahead = 0
  class MovedDate extends RealDate {
    static override now = () => RealDate.now() + ahead

    constructor (...values: [] | [value: number | string]) {
      super(...(values.length === 0 ? [RealDate.now() + ahead] : values) as [number])
    }
  }
  globalThis.Date = MovedDate as DateConstructor
  globalThis.performance.now = () => now.call(performance) + ahead
  t.teardown(() => {
    globalThis.Date = RealDate
    globalThis.performance.now = now
  })
  return (ms) => { ahead += ms }
}
