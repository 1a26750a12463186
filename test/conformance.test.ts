import t from 'tap'
import { conformance } from './conformance/suite.ts'
import { build, dummy } from './helper/app.ts'

t.test('the dummy cloud conforms', async (t) => {
  const { api } = await build(t, { clouds: { default: dummy({ delay: 0.02 }), tight: dummy({ quotas: { nodes: 1 } }) } })
  await conformance(t, {
    driver: 'dummy',
    api,
    cloud: 'default',
    tightCloud: 'tight',
    image_id: 'img-debian-12',
    size_id: 'dummy.small',
    other_size_id: 'dummy.medium',
    impossible_size_id: 'dummy.impossible',
    external_network_id: 'net-public',
    absent: {
      node: 'node-00000000',
      image: 'img-none',
      size: 'dummy.none',
      location: 'nowhere',
      keyPair: 'none',
      network: 'net-00000000',
      subnet: 'subnet-00000000',
      router: 'router-00000000',
      group: 'sg-00000000',
      floatingIp: 'fip-00000000',
      pool: 'net-00000000',
      volume: 'vol-00000000',
      volumeType: 'none',
      snapshot: 'snap-00000000'
    }
  })
})
