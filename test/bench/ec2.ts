import { writeFileSync } from 'node:fs'
import { Agent } from 'node:http'
import path from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { DescribeInstancesCommand, EC2Client } from '@aws-sdk/client-ec2'
import { createApp } from '../../app.ts'
import { loadSettings } from '../../config/index.ts'
import { openCall } from '../../drivers/call.ts'
import { userAgent } from '../../drivers/driver.ts'
import { loadDrivers } from '../../drivers/load.ts'
import { folder, startChild } from './child.ts'
import { alternate, median, print } from './figures.ts'

const total = 1000
/** The driver's own page. */
const limit = 100
const calls = 20
const location = 'us-east-1'

/** Amazon's client with the settings that the driver gives it. */
const bareClient = (endpoint: string) =>
  new EC2Client({
    region: location,
    endpoint,
    credentials: { accessKeyId: 'bench', secretAccessKey: 'bench' },
    customUserAgent: userAgent,
    maxAttempts: 10,
    retryMode: 'adaptive',
    requestHandler: {
      httpAgent: new Agent({ keepAlive: true, maxSockets: 32 }),
      requestTimeout: 30_000,
      throwOnRequestTimeout: true
    }
  })

/** Microseconds of processor time of this process for each of so many calls. */
async function cpuOf (calls: number, run: () => Promise<unknown>) {
  const before = process.cpuUsage()
  for (let call = 0; call < calls; call++) await run()
  const { user, system } = process.cpuUsage(before)
  return (user + system) / calls
}

/**
 * A thousand instances of an EC2 in pages: what the driver adds to Amazon's client, and how long it holds up the event
 * loop.
 */
export async function ec2 () {
  const upstream = await startChild('ec2-upstream.js')
  const file = path.join(folder, 'ec2.json')
  const own = {
    driver: 'ec2',
    location,
    endpoint: upstream.address,
    access_key_id: 'bench',
    secret_access_key: 'bench'
  }
  writeFileSync(file, JSON.stringify({ store: { file: ':memory:' }, clouds: { default: own } }))
  const drivers = await loadDrivers()
  const app = createApp({ settings: loadSettings({ config: file, env: {}, cwd: folder, drivers }), drivers })
  await app.ready()
  const service = app.clouds['default']!.nodes!
  const client = bareClient(upstream.address)

  const driver = async (token: string | null = null) => {
    const call = openCall({ timeout: 30_000, log: app.log, requestId: 'bench' })
    try {
      return await service.list({ limit, token, filters: {}, extra: false }, call)
    } finally {
      call.end()
    }
  }
  const bare = () => client.send(new DescribeInstancesCommand({ MaxResults: limit }))

  const walk = async () => {
    let token: string | null = null
    let seen = 0
    do {
      const { items, next }: { items: unknown[], next: string | null } = await driver(token)
      seen += items.length
      token = next
    } while (token !== null)
    if (seen !== total) throw new Error(`the driver told ${seen} nodes`)
  }
  const longestStall = async () => {
    const delay = monitorEventLoopDelay({ resolution: 1 })
    delay.enable()
    await walk()
    delay.disable()
    return delay.max / 1e6
  }

  for (let round = 0; round < 5; round++) {
    await walk()
    await cpuOf(calls, bare)
  }
  const found = await alternate(15, { bare: () => cpuOf(calls, bare), driver: () => cpuOf(calls, () => driver()) })
  const stalls: number[] = []
  for (let round = 0; round < 15; round++) stalls.push(await longestStall())
  client.destroy()
  await app.close()
  await upstream.stop()
  print(`${total} nodes of an EC2 through pages of ${limit}`, [
    { what: "a page by Amazon's client alone", value: found.bare, unit: 'µs CPU' },
    {
      what: 'the same by the driver',
      value: found.driver,
      unit: 'µs CPU',
      ratio: found.driver / found.bare,
      atMost: 1.15
    },
    { what: 'longest stall of the event loop in all pages', value: median(stalls), unit: 'ms', atMost: 50 }
  ])
}
