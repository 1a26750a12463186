import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { ProblemError } from '../../openapi/model/index.ts'
import { action, id, plain, query, refused, start } from './openstack-fake.ts'

const images = '/image/v2/images'
const one = `${images}/${id}`
const bad = (message: string) => ({ status: 400, body: { code: '400 Bad Request', title: 'Bad Request', message } })
const info = 'GET /image/v2/info/import'
const offers = (...value: string[]) => ({ body: { 'import-methods': { value } } })
const made = { resources: [{ kind: 'image', id }], until: { states: ['available'] } }
const input = { name: 'i', node_id: id }

t.test('an image of a node has its id from Location, and its tags from a second call', async (t) => {
  const { cloud, call, routes, of } = await start(t, {
    [action]: { status: 202, headers: { location: `http://glance.internal/images/${id}` } },
    [`PATCH ${one}`]: { body: { id } },
    [`DELETE ${one}`]: { status: 204 }
  })
  t.strictSame(
    await cloud.images.create({ ...input, tags: { env: 'prod', empty: '' } }, call({ operation: 'op' })),
    made
  )
  t.strictSame(of(action)[0]!.body, { createImage: { name: 'i', metadata: { 'orchestrator:operation': 'op' } } })
  t.match(of(`PATCH ${one}`), [{ headers: { 'content-type': 'application/openstack-images-v2.1-json-patch' } }])
  t.strictSame(of(`PATCH ${one}`)[0]!.body, [{ op: 'replace', path: '/tags', value: ['env=prod', 'empty='] }])

  routes[`PATCH ${one}`] = bad('Too many tags')
  t.match(await refused(cloud.images.create({ ...input, tags: { a: 'b' } }, call())), {
    code: 'validation_failed',
    outcomeUnknown: false
  })
  t.equal(of(`DELETE ${one}`).length, 1, 'nothing is left of it')
  routes[`DELETE ${one}`] = { status: 500 }
  t.match(await refused(cloud.images.create({ ...input, tags: { a: 'b' } }, call())), { outcomeUnknown: true })
  t.match(await refused(cloud.images.create({ ...input, tags: { 'a=b': 'c' } }, call())), {
    details: { errors: [{ pointer: '/tags/a=b' }] }
  })

  routes[action] = { status: 404, body: { itemNotFound: { message: `Instance ${id} could not be found.` } } }
  t.match(await refused(cloud.images.create(input, call())), { details: { errors: [{ pointer: '/node_id' }] } })
  routes[action] = { status: 202 }
  t.match(await refused(cloud.images.create(input, call())), { code: 'provider_error', outcomeUnknown: true })
})

t.test('an image whose creation was lost is found by its property and then tagged', async (t) => {
  const { cloud, call, of } = await start(t, {
    [`GET ${images}`]: {
      body: {
        images: [
          { id, name: 'i', status: 'queued', 'orchestrator:operation': 'op' },
          { id: 'heir', name: 'of the same property', status: 'active', 'orchestrator:operation': 'op' }
        ]
      }
    },
    [`PATCH ${one}`]: { body: { id } }
  })
  t.strictSame(
    await cloud.images.findCreated({ id: 'op', input: { ...input, tags: { a: 'b' } } }, new Date(), call()),
    made.resources
  )
  t.equal(of(`GET ${images}`)[0]!.query.get('orchestrator:operation'), 'op')
  t.equal(of(`PATCH ${one}`).length, 1)
})

t.test('an update is one patch and keeps the tags of other clients', async (t) => {
  const { cloud, call, routes, of } = await start(t, {
    [`GET ${one}`]: { body: { id, status: 'active', tags: ['env=dev', 'drop=1', 'foreign'] } },
    [`PATCH ${one}`]: { body: { id } }
  })
  await cloud.images.update(id, { name: 'n', visibility: 'shared', tags: { env: 'prod', drop: null } }, call())
  t.strictSame(of(`PATCH ${one}`)[0]!.body, [
    { op: 'replace', path: '/name', value: 'n' },
    { op: 'replace', path: '/tags', value: ['foreign', 'env=prod'] },
    { op: 'replace', path: '/visibility', value: 'shared' }
  ])
  routes[`PATCH ${one}`] = {
    status: 403,
    body: { message: 'You are not authorized to complete publicize_image action.' }
  }
  t.match(await refused(cloud.images.update(id, { visibility: 'public' }, call())), {
    code: 'provider_permission_denied'
  })
  routes[`DELETE ${one}`] = { status: 403, body: { message: `Image ${id} is protected and cannot be deleted.` } }
  t.match(await refused(cloud.images.destroy(id, call())), { code: 'protected' })
  routes[`DELETE ${one}`] = { status: 204 }
  t.match(await cloud.images.destroy(id, call()), { until: { gone: true } })
})

async function * file (parts: number, ms = 0) {
  for (let i = 0; i < parts; i++) {
    if (ms > 0) await sleep(ms)
    yield Buffer.from('x'.repeat(10))
  }
}

const upload = { name: 'u', disk_format: 'raw' as const, min_ram: 64, architecture: 'x86_64' }

t.test('a file is streamed into a private image', async (t) => {
  const { cloud, call, of } = await start(t, {
    [`POST ${images}`]: { status: 201, body: { id } },
    [`PUT ${one}/file`]: { status: 204 }
  })
  t.strictSame(await cloud.images.upload(upload, file(5), call({ operation: 'op' })), made)
  t.strictSame(of(`POST ${images}`)[0]!.body, {
    ...upload,
    container_format: 'bare',
    visibility: 'private',
    'orchestrator:operation': 'op'
  })
  const [put] = of(`PUT ${one}/file`)
  t.equal(put!.body, 'x'.repeat(50))
  t.match(put!.headers, { 'content-type': 'application/octet-stream', 'transfer-encoding': 'chunked' })
})

t.test('an upload has no deadline while data flows', async (t) => {
  const routes = {
    [`POST ${images}`]: { status: 201, body: { id } },
    [`PUT ${one}/file`]: { status: 204 },
    [`DELETE ${one}`]: { status: 204 }
  }
  const { cloud, call, of } = await start(t, routes, { timeout: 0.3 })
  t.strictSame(
    await cloud.images.upload(upload, file(8, 100), call({ timeout: Infinity })),
    made,
    'longer than a call may take'
  )
  const still = await refused(cloud.images.upload(upload, file(2, 1000), call({ timeout: Infinity })))
  t.match(still, { code: 'invalid_request', outcomeUnknown: false })
  t.equal(of(`DELETE ${one}`).length, 1, 'what stands still is deleted again')
})

t.test('an upload that fails leaves no image', async (t) => {
  const { cloud, call, routes, of } = await start(t, {
    [`POST ${images}`]: { status: 201, body: { id } },
    [`DELETE ${one}`]: { status: 204 }
  })
  async function * broken () {
    yield Buffer.from('x')
    throw new Error('aborted')
  }
  routes[`PUT ${one}/file`] = { status: 204 }
  t.match(await refused(cloud.images.upload(upload, broken(), call())), {
    code: 'invalid_request',
    outcomeUnknown: false
  })
  routes[`PUT ${one}/file`] = { status: 413, body: { message: 'Request denied: the quota is exceeded' } }
  t.match(await refused(cloud.images.upload(upload, file(3), call())), {
    code: 'provider_quota_exceeded',
    outcomeUnknown: false
  })
  t.equal(of(`DELETE ${one}`).length, 2)

  const ending = call()
  setTimeout(() => ending.abort(new ProblemError('shutting_down', 'The server is shutting down')), 100)
  t.match(await refused(cloud.images.upload(upload, file(100, 50), ending)), {
    code: 'shutting_down',
    outcomeUnknown: false
  })
  routes[`DELETE ${one}`] = { status: 500 }
  t.match(await refused(cloud.images.upload(upload, broken(), call())), { outcomeUnknown: true })
  routes[`POST ${images}`] = bad("Invalid value '-1' for parameter 'min_ram'")
  t.match(await refused(cloud.images.upload(upload, file(1), call())), {
    details: { errors: [{ pointer: '/min_ram' }] }
  })
})

t.test('Glance fetches a file if it supports that', async (t) => {
  const { cloud, call, routes, of, asked } = await start(t, {
    'GET /compute/v2.1/servers': { body: { servers: [] } },
    [info]: offers('glance-direct', 'web-download'),
    [`POST ${images}`]: { status: 201, body: { id } },
    [`POST ${one}/import`]: { status: 202 },
    [`DELETE ${one}`]: { status: 204 }
  })
  const input = { name: 'f', disk_format: 'qcow2' as const, url: 'http://files.example/f', tags: { a: 'b' } }
  t.strictSame(await cloud.images.import(input, call()), made)
  t.match(of(`POST ${images}`)[0]!.body, { name: 'f', disk_format: 'qcow2', tags: ['a=b'], visibility: 'private' })
  t.strictSame(of(`POST ${one}/import`)[0]!.body, { method: { name: 'web-download', uri: input.url } })
  routes[`POST ${one}/import`] = bad('URI for web-download does not pass filtering: http://files.example/f')
  t.match(await refused(cloud.images.import(input, call())), {
    code: 'validation_failed',
    details: { errors: [{ pointer: '/url' }] }
  })
  t.equal(of(`DELETE ${one}`).length, 1)
  t.equal(of(info).length, 1, 'asked once')

  cloud.refresh()
  asked.length = 0
  routes[info] = offers('glance-direct')
  t.match(await refused(cloud.images.import(input, call())), {
    code: 'not_supported',
    details: { capability: 'images.import' }
  })
  t.equal(of(`POST ${images}`).length, 0)
  t.notOk('import' in cloud.images, 'and is no capability then')
  cloud.refresh()
  routes[info] = { status: 404 }
  await cloud.check(call())
  t.notOk('import' in cloud.images)
})

t.test('the error of a failed import comes from its task', async (t) => {
  const { cloud, call, routes } = await start(t, { [`GET ${one}`]: { body: { id, status: 'queued' } } })
  const state = async () => (await cloud.images.get(id, plain, call())).state
  t.equal(await state(), 'pending', 'without tasks')
  for (const [status, wanted] of [
    ['processing', 'pending'],
    ['failure', 'error']
  ] as const) {
    routes[`GET ${one}/tasks`] = { body: { tasks: [{ status }] } }
    t.equal(await state(), wanted)
  }
  routes[`GET ${images}`] = { body: { images: [{ id, status: 'queued' }] } }
  t.match((await cloud.images.list(query, call())).items, [{ state: 'pending' }])
})
