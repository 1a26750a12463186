import { createHash } from 'node:crypto'
import { deflateRawSync } from 'node:zlib'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import t from 'tap'
import { build, dummy } from './helper/app.ts'
import type { Api } from './helper/api.ts'

const unique = (items: { self: string }[]) => new Set(items.map(({ self }) => self)).size
const of = (items: { cloud: string }[], cloud: string) => items.filter((item) => item.cloud === cloud).length
const places = (cursor: string) =>
  (JSON.parse(Buffer.from(cursor, 'base64url').toString()) as { places: { cloud: string }[] }).places

/** Creates a node and waits until it runs. */
async function create (api: Api, cloud: string, fields: object = {}) {
  const { body } = await api.post(`/api/v2/clouds/${cloud}/nodes`, {
    name: 'web', image_id: 'img-debian-12', size_id: 'dummy.small', ...fields
  }, { prefer: 'wait=10' })
  return body.resource.id as string
}

t.test('one cloud is told whole, each item once, whatever the limit and the pages of the cloud', async (t) => {
  const { api } = await build(t, {
    clouds: { default: dummy({ nodes: 23, page_size: 5 }), whole: dummy({ nodes: 23 }), none: dummy() }
  })
  for (const cloud of ['default', 'whole']) {
    for (const limit of [1, 5, 6, 22, 23, 1000]) {
      const { items, pages } = await api.walk(`/api/v2/clouds/${cloud}/nodes?limit=${limit}`)
      t.equal(items.length, 23, `${cloud}, limit ${limit}`)
      t.equal(unique(items), 23)
      t.same(items.map(({ name }) => name), [...items.map(({ name }) => name)].sort(), 'in the order of the cloud')
      t.ok(
        pages.every((page) => page.items.length <= limit && page.total === 23),
        'no page is over the limit, each tells the total'
      )
      t.match(pages.at(-1).sources, [{ cloud, status: 'ok', count: pages.at(-1).items.length, problem: null }])
    }
  }
  const { items, pages } = await api.walk('/api/v2/clouds/none/nodes')
  t.equal(items.length, 0)
  t.match(pages, [{ total: 0, next_cursor: null }])
})

t.test('many clouds are told whole, each item once, in the order of the clouds', async (t) => {
  const { api } = await build(t, {
    clouds: {
      zeta: dummy({ nodes: 7, page_size: 2 }),
      default: dummy({ nodes: 11, page_size: 3 }),
      empty: dummy(),
      alpha: dummy({ nodes: 30 }),
      off: dummy({ enabled: false })
    }
  })
  for (const limit of [1, 3, 5, 40, 1000]) {
    const { items, pages } = await api.walk(`/api/v2/nodes?limit=${limit}`)
    t.equal(items.length, 48, `limit ${limit}`)
    t.equal(unique(items), 48)
    t.same(['default', 'zeta', 'alpha'].map((cloud) => of(items, cloud)), [11, 7, 30])
    for (const page of pages) {
      t.ok(page.items.length <= limit, 'no page is over the limit')
      const clouds = [...new Set(page.items.map(({ cloud }: { cloud: string }) => cloud))]
      t.same(
        clouds,
        ['default', 'zeta', 'alpha'].filter((cloud) => clouds.includes(cloud)),
        'clouds in their order: default first, then as written'
      )
      t.equal(page.total, null, 'the total of many clouds is not known')
      for (const { cloud, count } of page.sources) {
        t.equal(count, of(page.items, cloud), `${cloud} counts its items of this page`)
      }
    }
  }
  const [first] = (await api.walk('/api/v2/nodes?limit=1000')).pages
  t.same(
    first.sources.map(({ cloud }: { cloud: string }) => cloud),
    ['default', 'zeta', 'empty', 'alpha'],
    'those switched off are not asked'
  )
})

t.test('a choice of clouds is a list of those alone', async (t) => {
  const three = dummy({ nodes: 3 })
  const { api } = await build(t, { clouds: { a: three, b: three, c: three, off: dummy({ enabled: false }) } })
  const two = await api.walk('/api/v2/nodes?cloud=c,a&limit=2')
  t.same([of(two.items, 'a'), of(two.items, 'b'), of(two.items, 'c')], [3, 0, 3])
  const repeated = await api.walk('/api/v2/nodes?cloud=c&cloud=a&limit=2')
  t.same(repeated.items, two.items, 'commas and repetition say the same')
  const one = await api.get('/api/v2/nodes?cloud=b')
  t.equal(one.body.total, 3, 'the total of a single cloud is known')
  const withOff = await api.get('/api/v2/nodes?cloud=b,off')
  t.equal(withOff.body.items.length, 3)
  t.match(withOff.body.sources, [
    { cloud: 'b', status: 'ok' },
    { cloud: 'off', status: 'error', problem: { code: 'cloud_disabled' } }
  ])
})

t.test('the next page is linked as RFC 8288 has it, with the query that asked', async (t) => {
  const { api } = await build(t, { clouds: { default: dummy({ nodes: 5 }) } })
  t.equal((await api.get('/api/v2/nodes?limit=5')).headers['link'], undefined, 'no link where nothing follows')
  const page = await api.get('/api/v2/nodes?limit=2&state=running&sort=-name')
  const [, path] = /^<([^>]+)>; rel="next"$/.exec(page.headers['link']!) ?? []
  const { searchParams } = new URL(path!, 'http://host')
  t.equal(searchParams.get('cursor'), page.body.next_cursor)
  t.equal(searchParams.get('sort'), '-name')
  const second = await api.get(path!)
  t.equal(second.status, 200)
  t.equal(second.body.items.length, 2)
  t.not(second.body.items[0].id, page.body.items[0].id)
  const third = await api.get(/^<([^>]+)>/.exec(second.headers['link']!)![1]!)
  t.equal(third.body.items.length, 1)
  t.equal(third.headers['link'], undefined)
  t.equal(unique([...page.body.items, ...second.body.items, ...third.body.items]), 5)
})

t.test('filters hold for every item, over the pages of every cloud', async (t) => {
  const states = ['ACTIVE', 'SHUTOFF', 'PAUSED', 'ACTIVE/powering-off', 'NEWLY_INVENTED']
  const { api } = await build(t, {
    clouds: {
      a: dummy({ nodes: 50, page_size: 7, provider_states: states }),
      b: dummy({ nodes: 20, seed: 2, provider_states: states })
    }
  })
  const all = (await api.walk('/api/v2/nodes')).items
  const same = async (query: string, fits: (node: any) => boolean) => {
    for (const limit of [9, 100]) {
      const { items } = await api.walk(`/api/v2/nodes?limit=${limit}&${query}`)
      t.same(
        items.map(({ self }) => self).sort(),
        all
          .filter(fits)
          .map(({ self }) => self)
          .sort(),
        `${query}, limit ${limit}`
      )
    }
  }
  await same('state=stopped', ({ state }) => state === 'stopped')
  await same('state=stopped,paused', ({ state }) => state === 'stopped' || state === 'paused')
  await same('state=stopped&state=paused,unknown', ({ state }) => ['stopped', 'paused', 'unknown'].includes(state))
  await same('state=stopping', ({ state }) => state === 'stopping')
  await same('name=node-0007', ({ name }) => name === 'node-0007')
  await same('name=node', () => false)
  await same('name=*', () => true)
  await same('name=*1', ({ name }) => name.endsWith('1'))
  await same('name=node-00*', ({ name }) => name.startsWith('node-00'))
  await same('name=*00*2*', ({ name }) => /00.*2/.test(name))
  await same('name=node-0001*0001', () => false)
  await same('name=NODE*', () => false)
  await same('name=node-....', () => false)
  await same('tag=env=prod', ({ tags }) => tags.env === 'prod')
  await same('tag=env', () => true)
  await same('tag=none', () => false)
  await same('tag=toString', () => false)
  await same('tag=env=prod&tag=role=web', ({ tags }) => tags.env === 'prod' && tags.role === 'web')
  await same('tag=env=prod&tag=env=dev', () => false)
  await same('tag.env=prod', ({ tags }) => tags.env === 'prod')
  await same('tag.env=prod&tag.role=db', ({ tags }) => tags.env === 'prod' && tags.role === 'db')
  await same('tag.env=prod&tag.env=dev', () => false)
  await same('tag.env=', () => false)
  await same(
    'state=running&name=*3*&tag=role=web',
    ({ state, name, tags }) => state === 'running' && name.includes('3') && tags.role === 'web'
  )
  await same('size_id=dummy.tiny,dummy.large', ({ size_id: size }) => size === 'dummy.tiny' || size === 'dummy.large')
  await same(
    'image_id=img-debian-12&availability_zone=local-a',
    (node) => node.image_id === 'img-debian-12' && node.availability_zone === 'local-a'
  )
  await same('image_id=null', () => false)
})

t.test('all nodes of one name are told, and a tag may hold anything', async (t) => {
  const { api } = await build(t, { clouds: { a: dummy(), b: dummy() } })
  const odd = { 'a=b': 'c=d', comma: 'x,y', empty: '', blank: ' a ' }
  await Promise.all([
    create(api, 'a', { tags: odd }),
    create(api, 'a'),
    create(api, 'b', { name: 'we*b', tags: { empty: 'full' } }),
    create(api, 'b')
  ])
  const count = async (query: string) => (await api.walk(`/api/v2/nodes?${query}`)).items.length
  t.equal(await count('name=web'), 3, 'none is guessed')
  t.equal(await count('name=we*b'), 4)
  t.equal(await count('tag=comma=x,y'), 1, 'a comma does not part a tag')
  t.equal(await count('tag.comma=x,y'), 1)
  t.equal(await count('tag=empty='), 1)
  t.equal(await count('tag=empty'), 2)
  t.equal(await count('tag=blank=%20a%20'), 1)
  t.equal(await count(`tag.${encodeURIComponent('a=b')}=c`), 0)
  t.equal(await count(`tag.${encodeURIComponent('a=b')}=c=d`), 1, 'a key may contain the sign before its value')
  t.equal(await count('tag=a=b=c=d'), 1)
})

t.test('the list of all images, sizes and locations is filtered as that of nodes is', async (t) => {
  const { api } = await build(t, { clouds: { a: dummy({ page_size: 1 }), b: dummy({ location: 'north' }) } })
  t.equal((await api.walk('/api/v2/images?name=Debian*')).items.length, 2)
  t.equal((await api.walk('/api/v2/images?visibility=private')).items.length, 0)
  t.equal((await api.walk('/api/v2/images?architecture=aarch64,x86_64&state=available')).items.length, 6)
  t.equal((await api.walk('/api/v2/sizes?name=*.small&limit=1')).items.length, 2)
  t.equal((await api.walk('/api/v2/locations?kind=zone')).items.length, 4)
  t.same((await api.walk('/api/v2/locations?kind=region')).items.map(({ id }) => id), ['local', 'north'])
})

t.test('sorting is one order over all clouds, null last, and the same through every page', async (t) => {
  const { api } = await build(t, { clouds: { a: dummy({ nodes: 12, page_size: 5 }), b: dummy({ nodes: 9 }) } })
  const sorted = async (sort: string, limit: number, collection = 'nodes') =>
    (await api.walk(`/api/v2/${collection}?sort=${sort}&limit=${limit}`)).items
  const names = (await sorted('name', 1000)).map(({ name, cloud }) => `${name} ${cloud}`)
  t.same(names, [...names].sort(), 'equal names are ordered by cloud')
  t.same((await sorted('-name', 1000)).map(({ name }) => name), names.map((one) => one.split(' ')[0]).reverse())
  for (const sort of [
    'name',
    '-name',
    'size_id,-created_at',
    '-availability_zone,image_id',
    'protected',
    'state',
    'progress,-name'
  ]) {
    const whole = await sorted(sort, 1000)
    t.equal(whole.length, 21)
    for (const limit of [1, 4, 20]) t.same(await sorted(sort, limit), whole, `${sort}, limit ${limit}`)
  }
  const parents = (items: { parent: string | null }[]) => items.map(({ parent }) => parent)
  t.same(
    parents(await sorted('parent', 2, 'locations')),
    ['local', 'local', 'local', 'local', null, null],
    'null is last'
  )
  t.same(
    parents(await sorted('-parent', 1, 'locations')),
    ['local', 'local', 'local', 'local', null, null],
    'null is last downwards too'
  )
  t.same(
    (await sorted('-ram', 3, 'sizes')).map(({ ram }) => ram),
    [1048576, 1048576, 8192, 8192, 4096, 4096, 2048, 2048, 512, 512],
    'numbers as numbers'
  )

  const { body } = await api.get('/api/v2/nodes?sort=name&limit=5')
  t.equal(body.total, 21, 'what is read whole can be counted')
  t.same(body.sources.map(({ count }: { count: number }) => count), [3, 2])
  const filtered = await api.walk('/api/v2/nodes?sort=-name&limit=2&name=*1*')
  t.same(
    filtered.items.map(({ name }) => name),
    names
      .map((one) => one.split(' ')[0]!)
      .filter((name) => name.includes('1'))
      .reverse()
  )
  t.equal(
    (await api.get('/api/v2/clouds/a/nodes?sort=-name&limit=1')).body.items[0].name,
    'node-0012',
    'one cloud is sorted likewise'
  )
})

t.test('a cloud with more than ten thousand items is not sorted, and the problem asks for a filter', async (t) => {
  const { api } = await build(t, { clouds: { default: dummy({ nodes: 10_001, page_size: 1000 }) } })
  const answer = await api.get('/api/v2/nodes?sort=name')
  t.equal(answer.status, 422)
  t.match(answer.body, { code: 'validation_failed', errors: [{ in: 'query', pointer: '/sort' }], hint: /filter/ })
})

t.test('a sorted list goes on after the last item told, though others come and go', async (t) => {
  const { api } = await build(t)
  for (const name of ['b', 'd', 'f', 'h']) await create(api, 'default', { name })
  const { body } = await api.get('/api/v2/nodes?sort=name&limit=2')
  t.same(body.items.map(({ name }: { name: string }) => name), ['b', 'd'])
  await create(api, 'default', { name: 'a' })
  await create(api, 'default', { name: 'e' })
  await api.delete(body.items[1].self, { prefer: 'wait=10' })
  const rest = await api.get(`/api/v2/nodes?sort=name&limit=9&cursor=${body.next_cursor}`)
  t.same(rest.body.items.map(({ name }: { name: string }) => name), ['e', 'f', 'h'])
})

t.test('a walk goes on over nodes that are destroyed meanwhile, and drops no other', async (t) => {
  const { api } = await build(t, { clouds: { a: dummy({ nodes: 9, page_size: 3 }), b: dummy({ nodes: 9 }) } })
  const first = (await api.get('/api/v2/nodes?limit=4')).body
  for (const { self } of first.items) await api.delete(self, { prefer: 'wait=10' })
  const rest = await walkFrom(api, '/api/v2/nodes?limit=4', first.next_cursor)
  t.equal(unique([...first.items, ...rest.items]), 18)
})

t.test('fields reduce every item, and include=extra adds what the cloud itself says', async (t) => {
  const { api } = await build(t, { clouds: { default: dummy({ nodes: 2 }) } })
  const few = await api.get('/api/v2/nodes?fields=id,state,extra')
  t.ok(few.body.items.every((item: object) => Object.keys(item).join() === 'id,state'))
  const more = await api.get('/api/v2/nodes?fields=id&fields=extra&include=extra')
  t.same(Object.keys(more.body.items[0]), ['id', 'extra'])
  const extra = (await api.get('/api/v2/nodes?include=extra')).body.items[0].extra
  t.equal(extra.status, 'ACTIVE', "the cloud's own word")
  const [{ self }] = (await api.get('/api/v2/nodes')).body.items
  t.equal((await api.get(`${self}?include=extra`)).body.extra.status, 'ACTIVE')
  t.notOk('extra' in (await api.get(self)).body)
  const sorted = await api.walk('/api/v2/nodes?fields=id&sort=-name&limit=1')
  t.same(sorted.items.map((item) => Object.keys(item)), [['id'], ['id']], 'what is not told can be sorted by')
})

const broken = (fault: object, settings: object = {}) =>
  dummy({ nodes: 6, faults: [{ on: 'nodes.list', kind: 'error', ...fault }], ...settings })

t.test('a cloud that fails from its first page is told in sources, and the others are listed whole', async (t) => {
  const { api } = await build(t, {
    clouds: { a: dummy({ nodes: 6 }), bad: broken({ kind: 'unavailable' }), c: dummy({ nodes: 6 }) }
  })
  const { items, pages } = await api.walk('/api/v2/nodes?limit=6')
  t.same([of(items, 'a'), of(items, 'bad'), of(items, 'c'), unique(items)], [6, 0, 6, 12])
  const source = pages[0].sources[1]
  t.match(source, {
    cloud: 'bad',
    status: 'error',
    count: 0,
    as_of: null,
    problem: { code: 'provider_unavailable', cloud: 'bad', driver: 'dummy' }
  })
  t.ok(pages.slice(1).every(({ sources }) => sources.length === 2), 'it has left the walk')
})

t.test('a cloud that fails from its second page has told its first, and leaves the walk', async (t) => {
  const { api } = await build(t, {
    clouds: { a: dummy({ nodes: 6 }), bad: broken({ skip: 1 }), c: dummy({ nodes: 6 }) }
  })
  const { items, pages } = await api.walk('/api/v2/nodes?limit=6')
  t.same([of(items, 'a'), of(items, 'bad'), of(items, 'c'), unique(items)], [6, 2, 6, 14])
  t.match(pages[1].sources, [
    { status: 'ok' },
    { cloud: 'bad', status: 'error', problem: { code: 'provider_error' } },
    { status: 'ok' }
  ])
  t.ok(pages.slice(2).every(({ sources }) => sources.length === 2), 'it has left the walk')
})

t.test(
  'of three clouds one hangs from its second page on: the walk tells all items of the others once, ends, and says so',
  async (t) => {
    const { api } = await build(t, {
      clouds: {
        a: dummy({ nodes: 7, page_size: 2 }),
        hung: broken({ kind: 'hang', skip: 1 }, { timeout: 0.2, page_size: 2 }),
        c: dummy({ nodes: 5, page_size: 2 })
      }
    })
    for (const limit of [3, 6]) {
      const { items, pages } = await api.walk(`/api/v2/nodes?limit=${limit}`)
      t.same([of(items, 'a'), of(items, 'c')], [7, 5], 'all of the others')
      t.equal(unique(items), items.length, 'each once')
      const late = pages.filter(({ sources }) => sources.some(({ status }: { status: string }) => status === 'timeout'))
      t.equal(late.length, 1, 'it is told on the page where it hung')
      t.match(
        late[0].sources.find(({ cloud }: { cloud: string }) => cloud === 'hung'),
        { count: 0, problem: { code: 'provider_timeout' } }
      )
      t.equal(pages.at(-1).next_cursor, null)
    }
  }
)

t.test('a sorted walk goes on without a cloud that failed, and tells no half of it later', async (t) => {
  // The one call that fails is the first of the first page.
  const { api } = await build(t, { clouds: { a: dummy({ nodes: 6 }), bad: broken({ times: 1 }) } })
  const { items, pages } = await api.walk('/api/v2/nodes?sort=name&limit=2')
  t.same([of(items, 'a'), of(items, 'bad'), pages.length], [6, 0, 3])
  t.match(pages[0].sources, [{ cloud: 'a', status: 'ok' }, { cloud: 'bad', status: 'error', count: 0 }])
  t.equal(pages[0].total, null, 'what could not be read is not counted')

  const { api: other } = await build(t, {
    clouds: { a: dummy({ nodes: 6 }), bad: broken({ skip: 1 }) },
    directory: t.testdir()
  })
  const kept = await other.walk('/api/v2/nodes?sort=name&limit=2')
  t.same([of(kept.items, 'a'), of(kept.items, 'bad'), unique(kept.items)], [6, 6, 12], 'the list is kept for its walk')
})

t.test('a sorted walk keeps its list also when no answers are kept', async (t) => {
  const settings = { cache_seconds: 0 }
  const clouds = { a: dummy({ nodes: 6, ...settings }), bad: broken({ skip: 1 }, settings) }
  const { api } = await build(t, { clouds })
  const { items, pages } = await api.walk('/api/v2/nodes?sort=name&limit=2')
  t.same([of(items, 'a'), of(items, 'bad'), unique(items), pages.length], [6, 6, 12, 6])
})

t.test('a sorted walk reads its clouds again after a change, and leaves out one that fails then', async (t) => {
  const { api } = await build(t, { clouds: { a: dummy({ nodes: 6 }), bad: broken({ skip: 1 }) } })
  const first = (await api.get('/api/v2/nodes?sort=name&limit=2')).body
  await api.patch(first.items[0].self, { tags: { changed: 'yes' } })
  await api.patch(first.items[1].self, { tags: { changed: 'yes' } })
  const rest = await walkFrom(api, '/api/v2/nodes?sort=name&limit=2', first.next_cursor)
  const items = [...first.items, ...rest.items]
  t.same([of(items, 'a'), of(items, 'bad'), unique(items)], [6, 1, 7], 'the cloud that fails has told its first')
  t.equal(rest.pages[0].sources[1].status, 'error')
})

t.test('where no cloud answers the list fails: 502, or 504 where all are late', async (t) => {
  const clouds = {
    late: broken({ kind: 'hang' }, { timeout: 0.1 }),
    later: broken({ kind: 'hang' }, { timeout: 0.1 }),
    bad: broken({ kind: 'auth_failed' })
  }
  const { api } = await build(t, { clouds })
  for (const sort of ['', '&sort=name']) {
    const mixed = await api.get(`/api/v2/nodes?limit=10${sort}`)
    t.match([mixed.status, mixed.body.code], [502, 'provider_error'])
    t.match(mixed.body.detail, /late: provider_timeout, later: provider_timeout, bad: provider_auth_failed/)
    const late = await api.get(`/api/v2/nodes?cloud=late,later${sort}`)
    t.match([late.status, late.body.code], [504, 'provider_timeout'])
    const one = await api.get(`/api/v2/clouds/bad/nodes?limit=10${sort}`)
    t.match(
      [one.status, one.body.code, one.body.cloud],
      [502, 'provider_auth_failed', 'bad'],
      'one cloud tells its own problem'
    )
  }
})

t.test('clouds that come later in the walk are asked, although the first do not answer', async (t) => {
  const { api } = await build(t, {
    clouds: { bad: broken({}), worse: broken({ kind: 'hang' }, { timeout: 0.1 }), c: dummy({ nodes: 3 }) }
  })
  for (const limit of [1, 2]) {
    const { items, pages } = await api.walk(`/api/v2/nodes?limit=${limit}`)
    t.equal(items.length, 3, `limit ${limit}`)
    const told = pages.flatMap(({ sources }) => sources).filter(({ status }) => status !== 'ok')
    t.same(
      told.map(({ cloud, status }) => `${cloud} ${status}`),
      ['bad error', 'worse timeout'],
      'each that failed is told once'
    )
  }
})

t.test('with partial=false the failure of any cloud is that of the list', async (t) => {
  const { api } = await build(t, {
    clouds: { a: dummy({ nodes: 6 }), bad: broken({ kind: 'rate_limited', retry_after: 7, skip: 1 }) }
  })
  for (const sort of ['', '&sort=name']) {
    const first = await api.get(`/api/v2/nodes?limit=4&partial=false${sort}`)
    if (sort === '') t.equal(first.status, 200)
    const answer =
      sort === '' ? await api.get(`/api/v2/nodes?limit=4&partial=false&cursor=${first.body.next_cursor}`) : first
    t.match([answer.status, answer.body.code, answer.body.cloud], [503, 'provider_rate_limited', 'bad'])
    t.equal(answer.headers['retry-after'], '7')
  }
})

const many = (count: number, settings: object) =>
  Object.fromEntries(Array.from({ length: count }, (_, i) => [`a-cloud-with-a-rather-long-name-${i}`, dummy(settings)]))

/** Names that cannot be compressed. */
const unlike = (count: number, settings: object) => Object.fromEntries(Array.from({ length: count }, (_, i) =>
  [createHash('sha512').update(String(i)).digest('hex').slice(0, 60), dummy(settings)]))

t.test('the cursor of a walk through many clouds is compressed and needs no place in the store', async (t) => {
  const { api, app } = await build(t, { clouds: many(100, { nodes: 3 }) })
  const { body: { next_cursor: cursor } } = await api.get('/api/v2/nodes?limit=100')
  t.ok(cursor.length <= 2048)
  t.equal(unique((await api.walk('/api/v2/nodes?limit=100')).items), 300)
  t.same(await app.store.selectFrom('cursors').selectAll().execute(), [])

  const bomb = deflateRawSync(Buffer.from(JSON.stringify({ query: 'a'.repeat(2 * 1024 * 1024) })))
  const damaged = [`${cursor.slice(0, -20)}`, 'z.', 'z.AAAA', `z.${bomb.toString('base64url')}`]
  for (const one of damaged) {
    const { status, body } = await api.get(`/api/v2/nodes?limit=100&cursor=${one}`)
    t.match([status, body.code], [400, 'invalid_request'], one.slice(0, 20))
  }
})

t.test('a cursor too long for a URL is kept by the server, over a restart, and for a while', async (t) => {
  const directory = t.testdir()
  const first = await build(t, { clouds: unlike(60, { nodes: 3 }), directory })
  const { body } = await first.api.get('/api/v2/nodes?limit=60')
  t.ok(body.next_cursor.length < 100, 'it is short')
  const { items } = await first.api.walk('/api/v2/nodes?limit=60')
  t.equal(unique(items), 180)
  await first.app.close()

  const second = await build(t, { clouds: unlike(60, { nodes: 3 }), directory })
  const next = await second.api.get(`/api/v2/nodes?limit=60&cursor=${body.next_cursor}`)
  t.equal(unique([...body.items, ...next.body.items]), 120)
  t.equal(
    (await second.api.get(`/api/v2/nodes?limit=60&cursor=${body.next_cursor}`)).status,
    200,
    'it may be used again'
  )
  await second.app.close()

  const now = Date.now()
  t.intercept(Date, 'now', { value: () => now + 16 * 60_000 })
  const third = await build(t, { clouds: unlike(60, { nodes: 3 }), directory })
  const old = await third.api.get(`/api/v2/nodes?limit=60&cursor=${body.next_cursor}`)
  t.match([old.status, old.body.code], [400, 'invalid_request'])
  t.match(old.body.hint, /without a cursor/)
})

t.test('a walk goes on when one of its clouds is served no more, and says so', async (t) => {
  const directory = t.testdir()
  const first = await build(t, {
    clouds: { a: dummy({ nodes: 3 }), b: dummy({ nodes: 3 }), c: dummy({ nodes: 3 }) },
    directory
  })
  const { body } = await first.api.get('/api/v2/nodes?limit=3')
  t.same(places(body.next_cursor).map(({ cloud }) => cloud), ['a', 'b', 'c'])
  await first.app.close()
  const clouds = { a: dummy({ nodes: 3 }), c: dummy({ nodes: 3, enabled: false }), d: dummy({ nodes: 3 }) }
  const second = await build(t, { clouds, directory })
  const { items, pages } = await walkFrom(second.api, '/api/v2/nodes?limit=3', body.next_cursor)
  t.equal(items.length, 2, 'the rest of the cloud that is there')
  t.match(pages[0].sources, [
    { cloud: 'a', status: 'ok' },
    { cloud: 'b', status: 'error', problem: { code: 'cloud_not_found' } },
    { cloud: 'c', status: 'error', problem: { code: 'cloud_disabled' } }
  ])
})

async function walkFrom (api: Api, url: string, cursor: string) {
  const pages: any[] = []
  for (let next: string | null = cursor; next !== null;) {
    const { body } = await api.get(`${url}&cursor=${encodeURIComponent(next)}`)
    pages.push(body)
    next = body.next_cursor
  }
  return { pages, items: pages.flatMap(({ items }) => items) }
}

t.test('the total is that of the whole list, on its last page too', async (t) => {
  const { api } = await build(t, { clouds: { a: dummy({ nodes: 2 }), b: dummy({ nodes: 9 }) } })
  const { pages } = await api.walk('/api/v2/nodes?limit=4')
  t.same(pages.map(({ total }) => total), pages.map(() => null), 'never that of the one cloud that is left')
  const filtered = await api.get('/api/v2/clouds/b/nodes?name=*1')
  t.equal(filtered.body.total, null, 'what a filter leaves is not counted ahead')
})

t.test('a client that leaves ends the call that was made for it', async (t) => {
  // The one call that may be in flight hangs, so another is answered only when that has ended.
  const { app, api } = await build(t, {
    clouds: { default: broken({ kind: 'hang', times: 1 }, { timeout: 100, max_in_flight: 1 }) }
  })
  await app.listen({ host: '127.0.0.1', port: 0 })
  const { port } = app.server.address() as AddressInfo
  const leaving = new AbortController()
  const asked = fetch(`http://127.0.0.1:${port}/api/v2/nodes`, { signal: leaving.signal }).catch(
    (error: Error) => error.name
  )
  await once(app.server, 'request')
  // An equal request would share the call, and go on waiting for it.
  const other = api.get('/api/v2/nodes?limit=50')
  leaving.abort()
  t.equal(await asked, 'AbortError')
  t.match(await other, { status: 200, body: { total: 6 } })
})

t.test('a list reads on where a sparse filter leaves nothing of a page', async (t) => {
  const { api } = await build(t, {
    clouds: { default: dummy({ nodes: 60, page_size: 2 }), other: dummy({ nodes: 4, page_size: 2 }) }
  })
  const id = await create(api, 'default', { tags: { rare: 'yes' } })
  const { body } = await api.get('/api/v2/clouds/default/nodes?limit=2&tag=rare')
  t.match(body, { items: [{ id }], sources: [{ cloud: 'default', status: 'ok', count: 1 }] })
  const { pages } = await api.walk('/api/v2/nodes?limit=4&tag=none')
  t.equal(pages.length, 1)
  t.match(pages[0], {
    items: [], next_cursor: null, sources: [{ cloud: 'default', status: 'ok' }, { cloud: 'other', status: 'ok' }]
  })
})

t.test('a failure while a list reads on is the answer of the next page', async (t) => {
  const { api } = await build(t, { clouds: { default: broken({ skip: 2, times: 2 }, { page_size: 2 }) } })
  const path = '/api/v2/clouds/default/nodes?limit=2&tag=none'
  const { status, body } = await api.get(path)
  t.match({ status, body }, { status: 200, body: { items: [], next_cursor: /./ } })
  t.equal((await api.get(`${path}&cursor=${body.next_cursor}`)).status, 502)
})
