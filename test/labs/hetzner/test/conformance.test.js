import { test } from 'node:test'
import { conformance } from 'cloud-orchestrator/conformance'
import driver from '../index.js'
import { startStandIn } from '../stand-in/index.js'

test('the driver hetzner conforms', async (t) => {
  const cloud = await startStandIn({ token: 'secret' })
  const tight = await startStandIn({ token: 'secret', maxServers: 1 })
  t.after(() => {
    cloud.close()
    tight.close()
  })
  await conformance(t, {
    driver,
    settings: { endpoint: cloud.url, token: 'secret' },
    tight: { settings: { endpoint: tight.url, token: 'secret' } },
    image_id: '114690387',
    size_id: 'cx23',
    other_size_id: 'cx33',
    impossible_size_id: 'ccx63',
    capacity: 'at once',
    smallestVolume: 10,
    // The home location of floating IPs.
    external_network_id: 'fsn1',
    needs: { networks: { cidr: '10.100.0.0/16' }, volumes: { availability_zone: 'fsn1' } }
  })
})
