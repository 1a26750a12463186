import t from 'tap'
import { build, dummy } from './helper/app.ts'

const failing = (kind: string, more: object = {}) => dummy({ nodes: 3, faults: [{ on: 'nodes.list', kind, ...more }] })

t.test('the nodes are counted by cloud and state, over all their pages', async (t) => {
  const { api } = await build(t, {
    clouds: {
      default: dummy({ nodes: 2503, page_size: 1000, provider_states: ['ACTIVE', 'SHUTOFF', 'ERROR'] }),
      other: dummy({ nodes: 4, provider_states: ['ACTIVE', 'PAUSED'] }),
      empty: dummy(),
      off: dummy({ enabled: false })
    }
  })
  const { status, body } = await api.get('/api/v2/summary')
  t.equal(status, 200)
  t.same(body.nodes, { total: 2507, by_state: { running: 837, stopped: 834, error: 834, paused: 2 } })
  t.same(body.clouds, [
    { cloud: 'default', nodes: { total: 2503, by_state: { running: 835, stopped: 834, error: 834 } } },
    { cloud: 'other', nodes: { total: 4, by_state: { running: 2, paused: 2 } } },
    { cloud: 'empty', nodes: { total: 0, by_state: {} } }
  ])
  t.match(body.sources, [
    { cloud: 'default', status: 'ok', count: 2503, problem: null },
    { cloud: 'other', status: 'ok', count: 4 },
    { cloud: 'empty', status: 'ok', count: 0 }
  ])
  const one = (await api.get('/api/v2/summary?cloud=other')).body
  t.same([one.nodes.total, one.clouds.length], [4, 1])
  t.match((await api.get('/api/v2/summary?cloud=nowhere')).body, { status: 404, code: 'cloud_not_found' })
  t.match((await api.get('/api/v2/summary?state=running')).body, { status: 422, errors: [{ pointer: '/state' }] })
})

t.test('a cloud that fails is unknown, not empty, and sources says why', async (t) => {
  const { api } = await build(t, {
    clouds: {
      default: dummy({ nodes: 2 }),
      broken: failing('unavailable'),
      half: { ...failing('error', { skip: 1 }), page_size: 2 },
      slow: { ...failing('hang'), timeout: 20 }
    }
  })
  const { status, body } = await api.get('/api/v2/summary?timeout=0.3')
  t.equal(status, 200)
  t.same(body.nodes, { total: 2, by_state: { running: 2 } })
  t.same(body.clouds.map(({ cloud, nodes }: any) => [cloud, nodes?.total ?? null]),
    [['default', 2], ['broken', null], ['half', null], ['slow', null]])
  t.match(body.sources, [
    { status: 'ok', count: 2 },
    { status: 'error', count: 0, problem: { code: 'provider_unavailable' } },
    { status: 'error', count: 0, problem: { code: 'provider_error' } },
    { status: 'timeout', count: 0, problem: { code: 'provider_timeout' } }
  ])
  t.match(await api.get('/api/v2/summary?timeout=0.3&partial=false'), { status: 503 })
  t.match(await api.get('/api/v2/summary?cloud=broken,half&timeout=1'), {
    status: 502, body: { code: 'provider_error' }
  })
})
