import t, { type Test } from 'tap'
import { startEucalyptus } from '../eucalyptus/index.ts'
import { runKills, type KillTarget } from './kills.ts'

t.setTimeout(600_000)

const whole = process.env['ORCHESTRATOR_WHOLE'] === 'true'

async function startTarget (t: Test): Promise<KillTarget> {
  const fake = await startEucalyptus({ behaviour: { delay: 200, quotas: { instances: 10_000 } } })
  t.teardown(fake.close)
  const { host, port, path, region, accessKeyId, secretAccessKey } = fake
  const cloud = { driver: 'eucalyptus', host, port, path, secure: false, location: region }
  return {
    settings: { ...cloud, access_key_id: accessKeyId, secret_access_key: secretAccessKey },
    image_id: fake.images.ebs,
    size_id: 'm1.small',
    nodes: async () =>
      [...fake.cloud.instances.values()].map(({ id, state }) => ({ id, isDestroyed: state === 'terminated' }))
  }
}

t.test('servers that are killed lose no operation, double none and leave none open', async (t) => {
  t.setTimeout(600_000)
  await runKills(t, await startTarget(t), whole ? { creates: 200, kills: 20 } : { creates: 60, kills: 6 })
})

t.test('servers whose clocks are 30 s apart do so too', async (t) => {
  t.setTimeout(600_000)
  const many = whole ? { creates: 100, kills: 10 } : { creates: 20, kills: 4 }
  await runKills(t, await startTarget(t), { ...many, clocks: [0, 30_000, -30_000] })
})
