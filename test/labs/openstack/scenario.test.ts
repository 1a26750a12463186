import t from 'tap'
import { scenario } from '../../helper/scenario.ts'
import { buildOnLab } from './app.ts'

t.setTimeout(300_000)

const kinds = [
  ['server'],
  ['volume'],
  ['volume', 'snapshot'],
  ['image'],
  ['network'],
  ['subnet'],
  ['router'],
  ['security', 'group'],
  ['keypair'],
  ['floating', 'ip']
]

t.test('a whole scenario on a real OpenStack creates and removes everything', async (t) => {
  const { api, lab, image_id, external_network_id } = await buildOnLab(t)
  const prefix = `scenario-${process.pid}-`
  /** The resources of this test as OpenStack's client lists them. */
  const theirs = async () => Object.fromEntries(await Promise.all(kinds.map(async (words) => {
    const found: Record<string, unknown>[] = await lab.openstack('demo', [...words, 'list'])
    return [words.join(' '), found.filter((item) => String(item['Name'] ?? '').startsWith(prefix)).length] as const
  })))
  const none = await theirs()
  await scenario(t, { api, cloud: 'default', image_id, size_id: '1', external_network_id, prefix }, async () => {
    t.match(
      await theirs(),
      {
        server: 1,
        volume: 1,
        'volume snapshot': 1,
        image: 1,
        network: 2,
        subnet: 2,
        router: 1,
        'security group': 1,
        keypair: 1
      },
      'their client sees what was made'
    )
  })
  t.same(await theirs(), none, 'their client finds nothing of it left')
})
