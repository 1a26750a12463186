import { writeFileSync } from 'node:fs'
import path from 'node:path'
import t, { type Test } from 'tap'
import { serve, type Serving } from './fixtures/process.ts'

const program = path.join(import.meta.dirname, 'fixtures/dying-server.js')
const nodes = '/api/v2/clouds/default/nodes'
const input = { name: 'web', image_id: 'img-debian-12', size_id: 'dummy.small', tags: { made: 'once' } }
const key = { 'idempotency-key': 'the-one-create' }

/** Writes the settings of a dummy cloud whose nodes are in a file, as those of a real cloud are elsewhere. */
function settle (directory: string, cloud: object) {
  writeFileSync(path.join(directory, 'orchestrator.json'), JSON.stringify({
    log_level: 'silent',
    operations: { reconcile_seconds: 0 },
    clouds: { default: { driver: 'dummy', state_file: 'cloud.json', timeout: 0.5, delay: 0.05, ...cloud } }
  }))
}

async function ask (url: string, options: RequestInit = {}) {
  const response = await fetch(url, options)
  return { status: response.status, headers: response.headers, body: await response.json() as any }
}

const create = ({ url }: Serving) =>
  ask(`${url}${nodes}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...key },
    body: JSON.stringify(input)
  })

/**
 * Starts anew where a server was killed: its one operation must end well, with one node, and stay the answer to its
 * key.
 */
async function mustRecover (t: Test, directory: string) {
  const again = await serve(t, [], { program, cwd: directory })
  const { body: { items } } = await ask(`${again.url}/api/v2/operations`)
  t.equal(items.length, 1, 'there is one operation')
  const { body: operation } = await ask(`${again.url}${items[0].self}?wait=30`)
  t.match(operation, { kind: 'nodes.create', status: 'succeeded', error: null }, 'it has ended well', { operation })
  const { status, body: node } = await ask(`${again.url}${operation.resource.self}`)
  t.match([status, node.name, node.state, node.tags], [200, 'web', 'running', { made: 'once' }], 'its node is there')

  const replay = await create(again)
  t.equal(replay.headers.get('idempotency-replayed'), 'true', 'the same request is the same create')
  t.equal(replay.body.id, operation.id)
  t.equal((await ask(`${again.url}${nodes}`)).body.total, 1, 'there is exactly one node')
  t.equal((await ask(`${again.url}/api/v2/operations`)).body.items.length, 1)
}

/** Kills a server from outside. */
async function kill ({ child, ended }: Serving) {
  child.kill('SIGKILL')
  await ended
}

const points: [string, string, object][] = [
  [
    'written',
    'a server killed when the operation is written, before the cloud is asked, asks it at its next start',
    {}
  ],
  [
    'sent',
    'a server killed while the answer of the cloud is on its way finds what it made at its next start',
    { latency: 0.3 }
  ],
  [
    'accepted',
    'a server killed before it has recorded the answer of the cloud finds what it made at its next start',
    {}
  ]
]

for (const [point, title, cloud] of points) {
  t.test(title, async (t) => {
    const directory = t.testdir()
    settle(directory, cloud)
    const server = await serve(t, [point], { program, cwd: directory })
    await t.rejects(create(server), 'the client gets no answer')
    t.equal(await server.ended, 'SIGKILL')
    await mustRecover(t, directory)
  })
}

t.test('a server killed while it looks for a create whose answer was lost finds it at its next start', async (t) => {
  const directory = t.testdir()
  const faults = [
    { on: 'nodes.create', kind: 'reset', when: 'after' },
    { on: 'nodes.find_created', kind: 'unavailable' }
  ]
  settle(directory, { faults })
  const server = await serve(t, [], { program, cwd: directory })
  const { status, body } = await create(server)
  t.match([status, body.status, body.phase], [202, 'pending', 'reconciling'])
  await kill(server)
  settle(directory, {})
  await mustRecover(t, directory)
})

t.test('a server killed while a create runs follows it to its end at its next start', async (t) => {
  const directory = t.testdir()
  settle(directory, { delay: 1.5 })
  const server = await serve(t, [], { program, cwd: directory })
  const { status, body } = await create(server)
  t.match([status, body.status, body.phase], [202, 'running', 'waiting'])
  await kill(server)
  await mustRecover(t, directory)
})
