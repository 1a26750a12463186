import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import http from 'node:http'
import net from 'node:net'
import path from 'node:path'
import { json } from 'node:stream/consumers'
import t from 'tap'
import { serve } from '../../fixtures/process.ts'
import { dummy, makeDirectory } from '../../helper/app.ts'
import { startCluster } from './cluster.ts'
import { until } from './pair.ts'

t.setTimeout(120_000)

const listens = async (port: number) => {
  const socket = net.connect(port, '127.0.0.1')
  try {
    await once(socket, 'connect')
    return true
  } catch {
    return false
  } finally {
    socket.destroy()
  }
}

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
  const send = async (method: string, path: string, body?: object) => {
    const headers = body === undefined ? {} : { 'content-type': 'application/json' }
    const request = http.request({ hostname, port, method, path, headers, agent })
    request.end(body && JSON.stringify(body))
    const [response] = await once(request, 'response') as [http.IncomingMessage]
    return { status: response.statusCode, connection: response.headers.connection, body: await json(response) }
  }
  t.match(await send('GET', '/api/v2/clouds'), { status: 200, connection: 'keep-alive' })
  // The first server has had no heartbeat since: it does not know of this one yet.
  await start()
  first.child.kill('SIGTERM')
  await until(() => listens(Number(port)), (value) => !value)
  t.match(
    await send('POST', '/api/v2/clouds/default/networks', { name: 'late' }),
    { status: 201, connection: 'close', body: { name: 'late' } }
  )
  t.equal(await first.ended, 0)
})
