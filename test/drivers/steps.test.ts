import t from 'tap'
import { runSteps, step } from '../../drivers/common/steps.ts'
import { ProblemError } from '../../openapi/model/index.ts'

const succeeds = async () => {}
const fails = () => Promise.reject(new ProblemError('in_use', 'The port is in use'))

t.test('an error of a step says what was changed before it', async (t) => {
  const nics = [{ name: 'NIC a', run: succeeds }, { name: 'NIC b', run: succeeds }, { name: 'NIC c', run: fails }]
  await t.rejects(runSteps(nics), { code: 'in_use', message: 'The port is in use (already applied: NIC a, NIC b)' })
  await t.rejects(runSteps([...step('name', 'web', succeeds), ...step('tags', {}, succeeds)], fails), {
    message: 'The port is in use (already applied: name)'
  })
})

t.test('an error of the first step is not changed', async (t) => {
  await t.rejects(runSteps([{ name: 'NIC a', run: fails }, { name: 'NIC b', run: succeeds }]), {
    message: 'The port is in use'
  })
})
