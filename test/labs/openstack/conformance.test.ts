import t from 'tap'
import { conformance } from '../../conformance/suite.ts'
import { buildOnLab, toTarget } from './app.ts'

t.setTimeout(900_000)

t.test('a real OpenStack conforms', async (t) => {
  t.setTimeout(900_000)
  await conformance(t, toTarget(await buildOnLab(t)))
})
