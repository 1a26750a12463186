import http from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import t, { type Test } from 'tap'
import { isAction, startEc2Proxy } from './labs/ec2/proxy.ts'
import type { Ec2MannersOptions } from './labs/ec2/behaviour.ts'

const instance = (id: string) => [
  `<item><instanceId>${id}</instanceId><imageId>ami-1</imageId>`,
  '<instanceState><code>16</code><name>running</name></instanceState></item>'
].join('')

/** A cloud that makes an instance of each RunInstances and lists those that are asked for by id, or all. */
async function startCloud (t: Test) {
  const made: string[] = []
  const got: { host: string; account: string | undefined; asked: URLSearchParams }[] = []
  const server = http
    .createServer(async (req, res) => {
      let content = ''
      for await (const chunk of req) content += String(chunk)
      const asked = new URLSearchParams(content)
      got.push({ host: req.headers.host!, account: req.headers['x-moto-account-id'] as string | undefined, asked })
      if (asked.get('Action') === 'RunInstances') made.push(`i-${String(made.length + 1).padStart(17, '0')}`)
      const wanted = [...asked]
        .filter(([name]) => name.startsWith('Filter.1.Value'))
        .map(([, value]) => value)
        .filter((value) => value.startsWith('i-'))
      const told =
        asked.get('Action') === 'RunInstances'
          ? made.slice(-1)
          : made.filter((id) => wanted.length === 0 || wanted.includes(id))
      res.setHeader('content-type', 'text/xml').end(`<Answer>${told.map(instance).join('')}</Answer>`)
    })
    .listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.close()
    server.closeAllConnections()
  })
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, made, got }
}

async function setUp (t: Test, options?: Ec2MannersOptions) {
  const cloud = await startCloud(t)
  const proxy = await startEc2Proxy(cloud.url, options)
  t.teardown(() => proxy.close())
  const ask = async (
    action: string,
    parameters: Record<string, string> = {},
    { key = 'AKIA', region = 'here' } = {}
  ) => {
    const scope = `${key}/20260131/${region}/ec2/aws4_request`
    const answer = await fetch(proxy.url, {
      method: 'POST',
      headers: {
        authorization: `AWS4-HMAC-SHA256 Credential=${scope}, SignedHeaders=host, Signature=0`
      },
      body: new URLSearchParams({ Action: action, ...parameters })
    })
    const text = await answer.text()
    return {
      status: answer.status,
      code: /<Code>(.*?)</.exec(text)?.[1],
      requestId: /<RequestID>(.*?)</.exec(text)?.[1],
      ids: [...text.matchAll(/<instanceId>(.*?)</g)].map(([, id]) => id),
      states: [...text.matchAll(/<name>(.*?)</g)].map(([, name]) => name)
    }
  }
  return { ...cloud, proxy, ask }
}

t.test('what is asked passes with the Host that was signed', async (t) => {
  const { ask, got, proxy } = await setUp(t)
  t.match(await ask('DescribeInstances'), { status: 200, ids: [] })
  t.equal(got[0]!.host, new URL(proxy.url).host)
  t.same(proxy.actions(), ['DescribeInstances'])
})

t.test('an action is refused with its code, status and request id; others pass', async (t) => {
  const { ask, proxy, got } = await setUp(t)
  const statuses: Record<string, number> = {
    RequestLimitExceeded: 503,
    InsufficientInstanceCapacity: 500,
    InstanceLimitExceeded: 400,
    AuthFailure: 401,
    UnauthorizedOperation: 403
  }
  for (const [code, status] of Object.entries(statuses)) {
    const { requestId } = proxy.refuse('RunInstances', code, { times: 1 })
    t.match(await ask('RunInstances'), { status, code, requestId })
  }
  t.equal(got.length, 0)
  t.equal((await ask('RunInstances')).status, 200, 'once each')
  const rule = proxy.addRule({ ...isAction('Run'), status: 500 })
  t.equal((await ask('RunInstances')).status, 200, 'an action is its whole name')
  t.equal(rule.hits, 0)
})

t.test('calls of an account above its limit are refused', async (t) => {
  const { ask, proxy } = await setUp(t)
  proxy.limit(3)
  const answers = await Promise.all(Array.from({ length: 12 }, () => ask('DescribeInstances')))
  t.ok(answers.filter(({ status }) => status === 200).length >= 3, 'those within it pass')
  t.match(
    answers.find(({ status }) => status !== 200),
    { status: 503, code: 'RequestLimitExceeded' }
  )
  t.equal((await ask('DescribeInstances', {}, { key: 'OTHER' })).status, 200, 'another has its own')
  proxy.limit(null)
  t.equal((await ask('DescribeInstances')).status, 200)
})

t.test('a token makes one instance, in its account and region', async (t) => {
  const { ask, made, proxy } = await setUp(t)
  const create = (token: string, more = {}, who = {}) =>
    ask('RunInstances', { ImageId: 'ami-1', ClientToken: token, ...more }, who)
  const [first, second] = await Promise.all([create('a'), create('a')])
  t.same(first.ids, second.ids)
  t.same((await create('a')).ids, first.ids)
  t.equal(made.length, 1)
  t.match(await create('a', { ImageId: 'ami-2' }), { status: 400, code: 'IdempotentParameterMismatch' })
  await create('a', {}, { region: 'there' })
  await create('a', {}, { key: 'OTHER' })
  await create('b')
  t.equal(made.length, 4)
  t.same(
    (await ask('DescribeInstances', { 'Filter.1.Name': 'client-token', 'Filter.1.Value.1': 'a' })).ids,
    first.ids,
    'it finds it again'
  )
  t.same((await ask('DescribeInstances', { 'Filter.1.Name': 'client-token', 'Filter.1.Value.1': 'none' })).ids, [])

  proxy.addRule({ ...isAction('RunInstances'), times: 1, swallow: true })
  await t.rejects(create('lost'))
  t.equal(made.length, 5)
  t.same((await create('lost')).ids, [made[4]], 'also where the answer was lost')
})

t.test('states that take their time are shown for as many reads', async (t) => {
  const { ask, proxy } = await setUp(t)
  proxy.slow({ pending: 2 })
  await ask('RunInstances')
  t.same((await ask('DescribeInstances')).states, ['pending'])
  t.same((await ask('DescribeInstances')).states, ['pending'])
  t.same((await ask('DescribeInstances')).states, ['running'])
})

t.test('an account has a quota, and types may be sold out', async (t) => {
  const { ask, got } = await setUp(t, { accounts: { TIGHT: { id: '222222222222', nodes: 1 } }, exhausted: ['huge'] })
  const key = 'TIGHT'
  t.equal((await ask('RunInstances', {}, { key })).status, 200)
  t.match(await ask('RunInstances', {}, { key }), { status: 400, code: 'InstanceLimitExceeded' })
  t.equal((await ask('RunInstances')).status, 200, 'another has none')
  t.same([...new Set(got.map(({ account }) => account))], ['222222222222', undefined])
  t.match(await ask('RunInstances', { InstanceType: 'huge' }), { status: 500, code: 'InsufficientInstanceCapacity' })
})
