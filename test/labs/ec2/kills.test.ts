import { paginateDescribeInstances } from '@aws-sdk/client-ec2'
import t from 'tap'
import { runKills } from '../postgres/kills.ts'
import { motoCloud, motoLab } from './app.ts'
import { isAction } from './proxy.ts'

t.setTimeout(600_000)

const whole = process.env['ORCHESTRATOR_WHOLE'] === 'true'

t.test('servers that are killed while answers of the cloud are lost make each node once', async (t) => {
  t.setTimeout(600_000)
  const lab = await motoLab(t)
  // moto acts, and its answer never comes.
  for (const skip of [3, 9, 15]) lab.proxy.addRule({ ...isAction('RunInstances'), swallow: true, skip, times: 1 })
  const target = {
    settings: motoCloud(lab),
    image_id: lab.image_id,
    size_id: 't3.micro',
    async nodes () {
      const found: { id: string, isDestroyed: boolean }[] = []
      for await (const { Reservations: reservations = [] } of paginateDescribeInstances({ client: lab.client }, {})) {
        const instances = reservations.flatMap(({ Instances: own = [] }) => own)
        found.push(...instances.map(({ InstanceId: id, State: state }) =>
          ({ id: id!, isDestroyed: state?.Name === 'terminated' })))
      }
      return found
    }
  }
  await runKills(t, target, whole ? { creates: 200, kills: 20 } : { creates: 30, kills: 4 })
})
