import t from 'tap'
import { conformance } from './conformance/suite.ts'
import { build, dummy } from './helper/app.ts'

t.test('the dummy cloud conforms', async (t) => {
  const { app, api } = await build(t, {
    clouds: { default: dummy({ delay: 0.02 }), tight: dummy({ quotas: { nodes: 1 } }) }
  })
  await conformance(t, {
    app,
    api,
    cloud: 'default',
    tightCloud: 'tight',
    image_id: 'img-debian-12',
    size_id: 'dummy.small',
    other_size_id: 'dummy.medium',
    impossible_size_id: 'dummy.impossible',
    external_network_id: 'net-public'
  })
})
