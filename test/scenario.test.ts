import t from 'tap'
import { build, dummy } from './helper/app.ts'
import { scenario } from './helper/scenario.ts'

t.test('a whole afternoon on the dummy cloud: everything made, and everything removed', async (t) => {
  const { api } = await build(t, { clouds: { default: dummy({ delay: 0.01 }) }, listen: true })
  await scenario(t, {
    api,
    cloud: 'default',
    image_id: 'img-debian-12',
    size_id: 'dummy.small',
    external_network_id: 'net-public',
    prefix: 'scenario-'
  })
})
