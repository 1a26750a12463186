import { spawnSync } from 'node:child_process'
import path from 'node:path'
import t from 'tap'
import { root } from '../helper/app.ts'
import { startReceiver } from '../webhooks/receiver.ts'
import { create, open } from '../webhooks/setup.ts'
import { tool } from './python.ts'

const program = path.join(root, 'test/labs/verify_webhook.py')

/** Gives a delivery to a receiver in Python. */
const verify = (delivery: { secret: string, headers: object, body: string }) =>
  spawnSync(tool('python'), [program], { input: JSON.stringify(delivery), encoding: 'utf8' })

t.test('the package standardwebhooks of PyPI verifies a delivery, and refuses one of another secret', async (t) => {
  const receiver = await startReceiver(t)
  const { api } = await open(t)
  const { secrets: { secret } } = await create(api, { url: receiver.url, filter: { types: ['assignment.created'] } })
  const { body: { items: [node] } } = await api.get('/api/v2/clouds/prod/nodes')
  // Characters of more than one byte are signed as UTF-8.
  await api.post(`${node.self}/actions/assign`, { user: 'zo\u00eb', application: 'caf\u00e9 \u2615' })
  const { headers, text, body } = await receiver.until(() => true)
  t.equal(body.data.user, 'zo\u00eb')

  const accepted = verify({ secret, headers, body: text })
  t.equal(accepted.status, 0, accepted.stderr)
  t.same(JSON.parse(accepted.stdout), body)

  const other = `whsec_${Buffer.alloc(32, 7).toString('base64')}`
  for (const [name, delivery] of Object.entries({
    secret: { secret: other, headers, body: text },
    body: { secret, headers, body: `${text} ` },
    id: { secret, headers: { ...headers, 'webhook-id': 'another' }, body: text }
  })) {
    const refused = verify(delivery)
    t.equal(refused.status, 1, `another ${name} is refused`)
    t.match(refused.stderr, /^refused: No matching signature/)
  }
})
