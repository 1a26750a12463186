import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import http from 'node:http'
import path from 'node:path'
import { buffer } from 'node:stream/consumers'
import t from 'tap'
import { serve } from '../../fixtures/process.ts'
import { dummy, makeDirectory } from '../../helper/app.ts'
import { startCluster } from './cluster.ts'

t.setTimeout(120_000)

t.test('a server that stops answers its open connections once more, for a server that has just started', async (t) => {
  const cluster = await startCluster(t)
  const url = await cluster.createDatabase()
  const directory = makeDirectory(t)
  const settings = { log_level: 'warn', clouds: { default: dummy() } }
  writeFileSync(path.join(directory, 'orchestrator.json'), JSON.stringify(settings))
  const start = () => serve(t, [], { cwd: directory, env: { DATABASE_URL: url, PORT: '0' } })
  const first = await start()
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 })
  t.teardown(() => agent.destroy())
  const { hostname, port } = new URL(first.url)
  const read = async () => {
    const request = http.get({ hostname, port, path: '/api/v2/clouds', agent })
    const [response] = await once(request, 'response') as [http.IncomingMessage]
    await buffer(response)
    return { status: response.statusCode, connection: response.headers.connection }
  }
  t.same(await read(), { status: 200, connection: 'keep-alive' })
  // The first server has had no heartbeat since: it does not know of this one yet.
  await start()
  first.child.kill('SIGTERM')
  const answers = [await read()]
  while (answers.at(-1)!.connection !== 'close') answers.push(await read())
  t.same(new Set(answers.map(({ status }) => status)), new Set([200]), 'as usual, also the last one')
  t.equal(await first.ended, 0)
})
