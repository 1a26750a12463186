import t from 'tap'
import { conformance } from '../../conformance/suite.ts'
import { buildOnLab, toTarget } from '../openstack/app.ts'
import { holdBuilds } from '../openstack/lab.ts'
import { until } from '../openstack/servers.ts'

t.setTimeout(5_000_000)

/** The number of servers in BUILD. The lab builds them one after the other, each in one to five seconds. */
const building = 150

const sharedName = 'busy-shared'

interface InBuild { 'OS-EXT-STS:task_state': string | null }

t.test('a project that sees several networks, with many servers in BUILD, conforms', async (t) => {
  t.setTimeout(5_000_000)
  const served = await buildOnLab(t)
  const { lab, image_id } = served

  /** Also removes what a run that was ended has left. */
  const removeShared = async () => {
    const { networks } = await lab.api('admin', 'network', 'GET', `/v2.0/networks?name=${sharedName}`)
    for (const { id } of networks) await lab.api('admin', 'network', 'DELETE', `/v2.0/networks/${id}`)
  }
  await removeShared()
  t.teardown(removeShared)
  const { network: { id: shared } } = await lab.api('admin', 'network', 'POST', '/v2.0/networks', {
    network: { name: sharedName, shared: true }
  })
  await lab.api('admin', 'network', 'POST', '/v2.0/subnets', {
    subnet: { network_id: shared, cidr: '10.77.0.0/24', ip_version: 4 }
  })

  const release = holdBuilds()
  t.teardown(async () => {
    release()
    await lab.purge('demo', 'building-')
  })
  const server = { name: 'building', imageRef: image_id, flavorRef: '1', networks: 'none', min_count: building }
  await lab.nova('demo', 'POST', '/servers', { server: { ...server, max_count: building } }, '2.37')
  const inBuild = async () => {
    const { servers } = await lab.nova('demo', 'GET', '/servers/detail?name=^building-&status=BUILD')
    return servers as InBuild[]
  }
  const isSpawning = (server: InBuild) => server['OS-EXT-STS:task_state'] === 'spawning'
  await until(async () => (await inBuild()).filter(isSpawning).length === building, 1_200)

  await conformance(t, toTarget(served))
  t.equal((await inBuild()).length, building, 'they were being built all the time')
})
