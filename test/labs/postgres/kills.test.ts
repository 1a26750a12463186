import t from 'tap'
import { runKills } from './kills.ts'

t.setTimeout(600_000)

const whole = process.env['ORCHESTRATOR_WHOLE'] === 'true'

t.test('servers that are killed lose no operation, double none and leave none open', async (t) => {
  t.setTimeout(600_000)
  await runKills(t, whole ? { creates: 200, kills: 20 } : { creates: 60, kills: 6 })
})
