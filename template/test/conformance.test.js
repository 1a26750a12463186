import { test } from 'node:test'
import { conformance } from 'cloud-orchestrator/conformance'
import driver from '../index.js'
import { startStandIn } from '../stand-in.js'

test('the driver acme conforms', async (t) => {
  const cloud = await startStandIn({ token: 'secret' })
  const tight = await startStandIn({ token: 'secret', maxMachines: 1 })
  t.after(() => {
    cloud.close()
    tight.close()
  })
  await conformance(t, {
    driver,
    settings: { endpoint: cloud.url, token: 'secret' },
    tight: { settings: { endpoint: tight.url, token: 'secret' } },
    image_id: 'debian-12',
    size_id: 's1',
    other_size_id: 's2'
  })
})
