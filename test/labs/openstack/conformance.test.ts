import t from 'tap'
import { conformance } from '../../conformance/suite.ts'
import { buildOnLab } from './app.ts'

t.setTimeout(900_000)

t.test('a real OpenStack conforms', async (t) => {
  t.setTimeout(900_000)
  const { api, image_id } = await buildOnLab(t)
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
    absent: { node: none, image: none, size: 'none', location: 'nowhere' }
  })
})
