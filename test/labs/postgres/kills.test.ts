import t from 'tap'
import { runKills } from './kills.ts'

t.setTimeout(600_000)

const whole = process.env['ORCHESTRATOR_WHOLE'] === 'true'

t.test('servers that are killed lose no operation, double none and leave none open', async (t) => {
  t.setTimeout(600_000)
  await runKills(t, whole ? { creates: 200, kills: 20 } : { creates: 60, kills: 6 })
})

t.test('servers whose clocks are 30 s apart do so too', async (t) => {
  t.setTimeout(600_000)
  const many = whole ? { creates: 100, kills: 10 } : { creates: 20, kills: 4 }
  await runKills(t, { ...many, clocks: [0, 30_000, -30_000] })
})
