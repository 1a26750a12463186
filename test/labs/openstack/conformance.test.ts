import t from 'tap'
import { conformance } from '../../conformance/suite.ts'
import { buildOnLab } from './app.ts'

t.setTimeout(900_000)

t.test('a real OpenStack conforms', async (t) => {
  t.setTimeout(900_000)
  const { api, image_id, network_id, external_network_id } = await buildOnLab(t)
  const none = '00000000-0000-4000-8000-000000000000'
  await conformance(t, {
    driver: 'openstack',
    api,
    cloud: 'default',
    tightCloud: 'tight',
    image_id,
    size_id: '1',
    other_size_id: '2',
    impossible_size_id: '99',
    external_network_id,
    create: { networks: [{ network_id }] },
    absent: {
      node: none,
      image: none,
      size: 'none',
      location: 'nowhere',
      keyPair: 'none',
      network: none,
      subnet: none,
      router: none,
      group: none,
      floatingIp: none,
      pool: none,
      volume: none,
      volumeType: none,
      snapshot: none
    }
  })
})
