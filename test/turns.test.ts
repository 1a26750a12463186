import { setImmediate as nextTurn } from 'node:timers/promises'
import t from 'tap'
import { mapInTurns, sortInTurns } from '../drivers/common/turns.ts'

/** Keeps the processor busy. */
function work (ms: number) {
  const end = performance.now() + ms
  while (performance.now() < end);
}

/** Counts the turns of the event loop until the returned function is called. */
function countTurns (onTurn = () => {}) {
  let turns = 0
  let isOn = true
  const turn = () => {
    if (!isOn) return
    turns++
    onTurn()
    setImmediate(turn)
  }
  setImmediate(turn)
  return () => {
    isOn = false
    return turns
  }
}

t.test('short work is done in one turn', async (t) => {
  await nextTurn()
  const turns = countTurns()
  const doubled = await mapInTurns([1, 2, 3], (i) => 2 * i)
  t.equal(turns(), 0)
  t.same(doubled, [2, 4, 6])
})

t.test('long work leaves the event loop to others in between, and its result is whole', async (t) => {
  const items = Array.from({ length: 500 }, (_, i) => i)
  const slowly = (i: number) => {
    work(0.2)
    return 2 * i
  }
  const turns = countTurns()
  t.same(await mapInTurns(items, slowly), items.map((i) => 2 * i))
  t.ok(turns() >= 5, '100 ms of work have pauses')
})

t.test('works that run at once share each turn', async (t) => {
  const items = Array.from({ length: 100 }, (_, i) => i)
  let longest = 0
  let began = performance.now()
  const stop = countTurns(() => {
    longest = Math.max(longest, performance.now() - began)
    began = performance.now()
  })
  let worked = 0
  const slowly = () => {
    const start = performance.now()
    work(0.1)
    worked += performance.now() - start
  }
  await Promise.all(Array.from({ length: 20 }, () => mapInTurns(items, slowly)))
  stop()
  t.ok(longest < worked / 2, 'no turn has half of the work')
})

t.test('a long sort has the order of a short one, and keeps the order of equal items', async (t) => {
  for (const length of [0, 1, 499, 500, 501, 3333]) {
    const items = Array.from({ length }, (_, i) => ({ key: (i * 7919) % 97, i }))
    const compare = (a: { key: number }, b: { key: number }) => a.key - b.key
    t.same(await sortInTurns(items, compare), [...items].sort(compare), `${length} items`)
  }
})

t.test('a long sort leaves the event loop to others in between', async (t) => {
  const items = Array.from({ length: 3000 }, (_, i) => (i * 7919) % 3001)
  const turns = countTurns()
  await sortInTurns(items, (a, b) => {
    work(0.005)
    return a - b
  })
  t.ok(turns() >= 5)
})
