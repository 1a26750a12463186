import { execFile } from 'node:child_process'
import { access } from 'node:fs/promises'
import path from 'node:path'
import { isDeepStrictEqual, promisify } from 'node:util'
import t, { type Test } from 'tap'
import { root } from '../helper/app.ts'
import { startRackspace } from './rackspace/index.ts'
import { publicNet, serviceNet } from './rackspace/state.ts'

/** A client that others wrote uses the cloud of the tests: Libcloud's own driver for Rackspace. */
const run = promisify(execFile)
const python = path.join(root, '.venv/bin/python')
const check = path.join(root, 'test/labs/rackspace/libcloud_check.py')

t.before(async () => {
  await access(python).catch(() => { throw new Error(`${python} is missing: run bash test/labs/python-tools`) })
})

/** A cloud whose lists have one page, as Libcloud reads no more, and what Libcloud sees there. */
async function start (t: Test) {
  const cloud = await startRackspace({ behaviour: { delay: 50, pageSize: 100 } })
  t.teardown(cloud.close)
  const libcloud = async (key: string, version: string, region = 'iad') => {
    const { stdout } = await run(python, [check, cloud.url.replace('/v2.0', ''), cloud.username, key, version, region])
    return JSON.parse(stdout) as Record<string, unknown>
  }
  return { cloud, libcloud }
}

for (const [version, secret, shape] of [
  ['2.0_apikey', 'apiKey', 'RAX-KSKEY:apiKeyCredentials'], ['2.0_password', 'password', 'passwordCredentials']
] as const) {
  t.test(`Libcloud with ${shape}: a node from its creation to its end`, async (t) => {
    const { cloud, libcloud } = await start(t)
    const base = cloud.state('IAD').images.map(({ name }) => [name, 'ACTIVE'])
    const seen = await libcloud(cloud[secret], version)
    t.same(seen['images'], Object.fromEntries(base))
    t.match(seen, {
      sizes: { 'performance1-1': [1, 20, 1024], 'compute1-4': [2, 0, 3840] },
      networks: { [publicNet]: 'public', [serviceNet]: 'private' },
      private_key: /^-----BEGIN RSA PRIVATE KEY-----/,
      key_pairs: ['libcloud'],
      isolated: ['isolated', '192.168.9.0/24'],
      password: true,
      created: 'running',
      node: {
        name: 'by-libcloud',
        public: 2,
        private: 1,
        metadata: { env: 'test' },
        key: 'libcloud',
        size: 'performance1-1',
        image: true
      },
      reboot: true,
      rebooted: 'running',
      metadata: { env: 'production' },
      image: 'ACTIVE',
      image_deleted: true,
      destroyed: true,
      left: [],
      network_deleted: true,
      key_deleted: true
    })
    const [entry] = cloud.asked('POST /tokens')
    t.ok(shape in (entry!.body as { auth: object }).auth, 'signed in that way')
    t.ok(
      cloud.requests.some(({ body }) => isDeepStrictEqual(body, { reboot: { type: 'HARD' } })),
      'the node was rebooted'
    )
    t.equal(cloud.state('DFW').servers.length, 0, 'and in the region that was asked for')
  })
}

t.test('Libcloud with a wrong key is refused', async (t) => {
  const { libcloud } = await start(t)
  t.match(await libcloud('another key', '2.0_apikey'), { refused: 'InvalidCredsError' })
})
