import { once } from 'node:events'
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import t from 'tap'
import { findPort } from '../labs/postgres/process.ts'
import { start } from '../fixtures/process.ts'
import { build, dummy, root } from '../helper/app.ts'

t.test('the receiver of docs/webhooks.md verifies what the server sends', async (t) => {
  const guide = readFileSync(path.join(root, 'docs/webhooks.md'), 'utf8')
  const [, code] = /```js\n([^]*?)```/.exec(guide)!
  // Beside the packages that it imports.
  const program = path.join(root, 'dist', `receiver-${process.pid}.mjs`)
  writeFileSync(program, code!)
  t.teardown(() => rmSync(program))

  const webhooks = { allow_http: true, allow_addresses: ['127.0.0.1'] }
  const { api } = await build(t, { clouds: { default: dummy() }, settings: { webhooks } })
  const port = await findPort()
  const [, body] = /-d '(\{"url".*?\})'/.exec(guide)!
  const { body: webhook } = await api.post('/api/v2/webhooks', body!.replace(':8080', `:${port}`))
  const env = { PORT: String(port), WEBHOOK_SECRET: webhook.secrets.secret }
  const { child, out } = start(t, [], { cwd: root, program, env })
  const says = async (text: string) => {
    while (!out.stdout.includes(text)) await once(child.stdout!, 'data')
  }
  await says('receiving')
  await api.post(`${webhook.self}/actions/test`)
  await says(`webhook.test null ${webhook.self}`)
  const input = { name: 'web', image_id: 'img-debian-12', size_id: 'dummy.small' }
  const { body: operation } = await api.post('/api/v2/clouds/default/nodes', input, { prefer: 'wait=20' })
  await says(`operation.ended default ${operation.self}`)
  t.pass('the test event and the end of the operation')
})
