import { readFileSync } from 'node:fs'
import path from 'node:path'
import t from 'tap'
import { build } from '../helper/app.ts'
import { folder, installed, python, sources } from './libcloud/installed.ts'

const recorded = JSON.parse(readFileSync(path.join(sources, 'recorded.json'), 'utf8')) as Record<string, {
  test: [module: string, name: string]
  /** Id → the status in the file of the recorded answer, and the state that it means. */
  nodes: Record<string, [status: string, state: string]>
}>

const collections = ['nodes', 'sizes', 'images', 'locations', 'volumes', 'key-pairs'] as const

t.test('the drivers of Libcloud answer from its recorded answers', async (t) => {
  const clouds = Object.fromEntries(Object.entries(recorded).map(([name, { test }]) => [
    name.toLowerCase().replaceAll('_', '-'),
    { driver: 'process', command: [python, path.join(sources, 'recorded.py'), ...test], start_seconds: 120, timeout: 60 }
  ]))
  const { api } = await build(t, { clouds })
  const table: string[] = []
  let right = 0

  const readOne = async (name: string) => {
    const base = `/api/v2/clouds/${name.toLowerCase().replaceAll('_', '-')}`
    const cells: string[] = []
    for (const collection of collections) {
      const { status, body } = await api.get(`${base}/${collection}?limit=1000`)
      if (status !== 200) {
        const { code, provider_error: own } = body
        cells.push(code === 'not_supported' ? '–' : own?.code ?? code)
        continue
      }
      cells.push(String(body.items.length))
      if (collection !== 'nodes') continue
      const states = new Map(body.items.map(({ id, state }: { id: string, state: string }) => [id, state]))
      const { nodes } = recorded[name]!
      const wrong = Object.entries(nodes).filter(([id, [, state]]) => states.get(id) !== state)
      t.same(wrong.map(([id, [status, state]]) => `${id}: ${status} is ${state}, not ${states.get(id)}`), [], name)
      if (Object.keys(nodes).length > 0 && wrong.length === 0) right++
    }
    table.push(`| ${name} | ${cells.join(' | ')} |`)
  }

  const names = Object.keys(recorded)
  const next = async (): Promise<void> => {
    const name = names.shift()
    if (name === undefined) return
    await readOne(name)
    return next()
  }
  await Promise.all([next(), next(), next()])
  t.ok(right >= 45, 'the nodes of 45 classes or more are listed with the right states', { right })
  t.comment(['class | nodes | sizes | images | locations | volumes | key pairs', ...table.sort()].join('\n'))
})

t.test("Libcloud's LIBVIRT lists, stops, starts and reboots a domain of libvirt", async (t) => {
  const { api } = await build(t, {
    clouds: {
      default: {
        ...installed,
        python: path.join(folder, 'debian/bin/python'),
        provider: 'libvirt',
        arguments: { uri: 'test:///default' }
      }
    }
  })
  const { body: { items: [node] } } = await api.get('/api/v2/clouds/default/nodes')
  t.match(node, { name: 'test', state: 'running', provider_state: '1' })
  t.notOk(node.allowed_actions.includes('destroy'), 'its destroy_node only powers off')
  t.match((await api.delete(node.self)).body, { status: 501, capability: 'nodes.destroy' })
  for (const [verb, state] of [['stop', 'stopped'], ['start', 'running'], ['reboot', 'running']] as const) {
    t.match(await api.ended((await api.post(`${node.self}/actions/${verb}`)).body), { status: 'succeeded' }, verb)
    t.match((await api.get(node.self)).body, { state })
  }
})

t.test('providers are listed with their arguments and capabilities', async (t) => {
  const { api } = await build(t, {
    clouds: { default: { driver: 'dummy' } }, settings: { store: { file: path.join(folder, 'data/lab.db') } }
  })
  const { body } = await api.get('/api/v2/drivers/libcloud')
  t.equal(body.providers.length, 49)
  t.match((await api.get('/api/v2/drivers/libcloud/providers/digitalocean')).body, {
    name: 'digitalocean',
    native: null,
    arguments: [{ name: 'key', required: true }],
    capabilities: { 'nodes.create': { parameters: Array }, 'nodes.stop': {} }
  })
  t.match((await api.get('/api/v2/drivers/libcloud/providers/ec2')).body, { native: 'ec2' })
  t.match((await api.get('/api/v2/drivers/libcloud/providers/none')).body, {
    code: 'resource_not_found', hint: /lists its providers/
  })
})
