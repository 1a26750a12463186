import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import t, { type Test } from 'tap'
import { build, dummy } from './helper/app.ts'

const id = '00000000-0000-4000-8000-000000000001'
const node = { name: 'n', image_id: id, size_id: '1' }
const ec2Node = { ...node, image_id: 'ami-12345678', size_id: 't3.micro' }

/** Starts a server whose clouds answer each request that reaches them with 503. */
async function start (t: Test) {
  const cloud = createServer((_, response) => response.writeHead(503).end())
  await new Promise<void>((resolve) => { cloud.listen(0, '127.0.0.1', resolve) })
  t.teardown(() => {
    cloud.closeAllConnections()
    cloud.close()
  })
  const url = `http://127.0.0.1:${(cloud.address() as AddressInfo).port}`
  const { api } = await build(t, {
    clouds: {
      dummy: dummy(),
      ec2: { driver: 'ec2', location: 'us-east-1', endpoint: url, access_key_id: 'a', secret_access_key: 's' },
      openstack: { driver: 'openstack', auth: { auth_url: url, username: 'u', password: 'p', project_name: 'p' } },
      rackspace: { driver: 'rackspace', auth_url: url, username: 'u', api_key: 'k', region: 'DFW' }
    }
  })
  return api
}

t.test('the server itself refuses what lacks a field that the cloud requires', async (t) => {
  const api = await start(t)
  const requests: ReadonlyArray<readonly [path: string, body: object, pointer: string]> = [
    ['ec2/networks', { name: 'n' }, '/cidr'],
    ['ec2/routers', { name: 'r' }, '/network_id'],
    ['rackspace/networks', { name: 'n' }, '/cidr']
  ]
  for (const [path, body, pointer] of requests) {
    const answer = await api.post(`/api/v2/clouds/${path}`, body)
    t.equal(answer.status, 422, path, { answer })
    t.match(answer.body, {
      code: 'validation_failed', errors: [{ in: 'body', pointer, message: 'is required by this cloud' }]
    }, path)
  }
})

t.test('the server itself refuses what exceeds a limit of the cloud', async (t) => {
  const api = await start(t)
  const limits: ReadonlyArray<readonly [cloud: string, body: object, userData: number, tag?: number]> = [
    ['dummy', node, 16_384],
    ['ec2', ec2Node, 16_384, 256],
    ['openstack', node, 49_149, 255],
    ['rackspace', node, 49_149, 255]
  ]
  for (const [cloud, body, userData, tag = Infinity] of limits) {
    const nodes = `/api/v2/clouds/${cloud}/nodes`
    const long = await api.post(nodes, { ...body, user_data: 'x'.repeat(userData + 1) })
    const message = `has ${userData + 1} bytes; this cloud accepts at most ${userData}`
    t.match(long.body, { code: 'validation_failed', errors: [{ pointer: '/user_data', message }] }, cloud)
    const wide = await api.post(nodes, { ...body, user_data: 'ä'.repeat(Math.ceil((userData + 1) / 2)) })
    t.match(wide.body, { errors: [{ pointer: '/user_data' }] }, `${cloud}: bytes are counted`)
    if (tag === Infinity) continue
    const tags = { fits: '\u{1f600}'.repeat(tag), 'a/b~': 'x'.repeat(tag + 1), c: 'ü'.repeat(tag + 1) }
    const created = await api.post(nodes, { ...body, tags })
    const patched = await api.patch(`${nodes}/${idOf(cloud)}`, { tags })
    for (const answer of [created, patched]) {
      t.same(answer.body.errors?.map(({ pointer }: { pointer: string }) => pointer), ['/tags/a~1b~0', '/tags/c'], cloud)
    }
  }
})

const idOf = (cloud: string) => cloud === 'ec2' ? 'i-12345678' : id

t.test('each change that has tags has the limit of their values', async (t) => {
  const api = await start(t)
  for (const cloud of ['ec2', 'openstack', 'rackspace']) {
    const { body } = await api.get(`/api/v2/clouds/${cloud}`)
    type Details = { parameters: string[], limits: Record<string, number> }
    for (const [name, { parameters, limits }] of Object.entries<Details>(body.capabilities)) {
      if (parameters.includes('tags')) t.equal(typeof limits['tag_characters'], 'number', `${cloud}: ${name}`)
    }
  }
})
