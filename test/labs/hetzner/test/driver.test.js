import assert from 'node:assert/strict'
import { test } from 'node:test'
import Fastify from 'fastify'
import driver from '../index.js'
import { startStandIn } from '../stand-in/index.js'

/**
 * The driver in a bare Fastify app, without operations. It ends with the test.
 * @param {import('node:test').TestContext} t
 * @param {object} [limits]
 * @param {object} [settings]
 */
async function connect (t, limits, settings) {
  const cloud = await startStandIn({ token: 'secret', ...limits })
  const app = Fastify()
  app.register(driver, { name: 'default', endpoint: cloud.url, token: 'secret', ...settings })
  await app.ready()
  t.after(async () => {
    await app.close()
    cloud.close()
  })
  const { default: connection } = app.clouds
  assert.ok(connection?.nodes?.create && connection.sizes && connection.volumes?.create)
  return /** @type {any} */ (connection)
}

const node = { name: 'web-1', image_id: '114690387', size_id: 'cx23' }

test('over the limit of requests, the error says when the next one is accepted', async (t) => {
  const { images } = await connect(t, { maxRequests: 1 })
  await images.list()
  await assert.rejects(images.list(), (/** @type {any} */ error) => {
    assert.equal(error.code, 'provider_rate_limited')
    // One request of an hour.
    assert.equal(error.details.retry_after, 3600)
    return true
  })
})

test('a cloud with a location has the nodes and the prices of that location only', async (t) => {
  const cloud = await startStandIn({ token: 'secret' })
  const app = Fastify()
  const settings = { endpoint: cloud.url, token: 'secret' }
  app.register(driver, { name: 'project', ...settings })
  app.register(driver, { name: 'ash', ...settings, location: 'ash' })
  app.register(driver, { name: 'fsn1', ...settings, location: 'fsn1' })
  await app.ready()
  t.after(async () => {
    await app.close()
    cloud.close()
  })
  const { project, ash, fsn1 } = /** @type {any} */ (app.clouds)
  const { resources: [{ id }], secrets } = await ash.nodes.create(node)
  assert.equal(typeof secrets.root_password, 'string', 'the password of a node without a key')
  const namesIn = async (/** @type {any} */ one) =>
    (await one.nodes.list()).items.map((/** @type {any} */ { name, location }) => [name, location])
  assert.deepEqual(await namesIn(project), [['web-1', 'ash']])
  assert.deepEqual(await namesIn(ash), [['web-1', 'ash']])
  assert.deepEqual(await namesIn(fsn1), [])
  await assert.rejects(fsn1.nodes.get(id), { code: 'resource_not_found' })
  await assert.rejects(fsn1.nodes.create({ ...node, availability_zone: 'ash' }), { code: 'validation_failed' })

  assert.equal((await project.sizes.get('cx23')).price, null, 'its price is not the same in all locations')
  const { amount, currency, per } = (await ash.sizes.get('cx23')).price
  assert.deepEqual({ amount, currency, per }, { amount: '0.0090000000', currency: 'EUR', per: 'hour' })
})

test('tags that are no labels of the cloud are refused at their field', async (t) => {
  const { nodes } = await connect(t)
  const refused = async (/** @type {Record<string, string>} */ tags) => {
    try {
      await nodes.create({ ...node, tags })
    } catch (error) {
      return /** @type {any} */ (error).details.errors.map((/** @type {any} */ { pointer }) => pointer)
    }
    return []
  }
  assert.deepEqual(await refused({ 'a:b': 'c' }), ['/tags/a:b'])
  assert.deepEqual(await refused({ text: 'two words' }), ['/tags/text'])
  assert.deepEqual(await refused({ 'hetzner.cloud/x': 'y' }), ['/tags/hetzner.cloud~1x'])
  assert.deepEqual(await refused({ 'orchestrator-operation': 'y' }), ['/tags/orchestrator-operation'])
  assert.deepEqual(await refused({ 'example.com/my': 'label', empty: '' }), [])
})

test('lists are read through pages of the cloud, which has at most 50 items in a page', async (t) => {
  const { key_pairs: keys } = await connect(t)
  for (let i = 0; i < 60; i++) {
    const text = Buffer.from(`the public key ${i}`).toString('base64')
    await keys.create({ name: `key-${i}`, public_key: `ssh-ed25519 ${text}` })
  }
  const first = await keys.list({ limit: 1000 })
  assert.equal(first.items.length, 50)
  const second = await keys.list({ limit: 1000, token: first.next })
  assert.equal(second.items.length, 10)
  assert.equal(second.next, null)
})
