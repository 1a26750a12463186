import t from 'tap'
import { conformance } from '../../conformance/suite.ts'
import { buildOnLab } from './app.ts'

t.setTimeout(900_000)

t.test('a real OpenStack conforms', async (t) => {
  t.setTimeout(900_000)
  const { app, api, image_id, network_id, external_network_id } = await buildOnLab(t)
  await conformance(t, {
    app,
    api,
    cloud: 'default',
    tightCloud: 'tight',
    image_id,
    size_id: '1',
    other_size_id: '2',
    impossible_size_id: '99',
    external_network_id,
    create: { networks: [{ network_id }] }
  })
})
