import t from 'tap'
import { runLoad } from './event-load/load.ts'

t.test('100 clients get each of 1,000 events once, although 10 others read nothing for a while', async (t) => {
  const { wrong, dropped, memory } = await runLoad({ clients: 90, slow: 10, events: 1000, bytes: 10_000 })
  t.same(wrong, [])
  t.equal(dropped, 10, 'a slow client loses its stream, and continues with its last id')
  t.ok(memory.highest - memory.before < 100, 'the memory in use is bounded', memory)
})
