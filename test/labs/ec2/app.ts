import { DescribeInstancesCommand, EC2Client } from '@aws-sdk/client-ec2'
import type { Test } from 'tap'
import { build, type BuildOptions } from '../../helper/app.ts'
import type { Account } from './behaviour.ts'
import { startMoto, type MotoOptions } from './moto.ts'
import { startEc2Proxy } from './proxy.ts'

export const location = 'us-east-1'

/** A type that the proxy has no capacity for. */
export const exhausted = 'x1.32xlarge'

const account = (name: string) => ({
  access_key_id: `AKIALAB${name.toUpperCase()}`,
  secret_access_key: `secret-of-${name}`
})

export const users = { default: account('default'), tight: account('tight') }

const accounts: Record<string, Account> = {
  [users.default.access_key_id]: { id: '111111111111' },
  [users.tight.access_key_id]: { id: '222222222222', nodes: 1 }
}

export interface MotoLab {
  /** Address of moto itself. */
  moto: string
  proxy: Awaited<ReturnType<typeof startEc2Proxy>>
  /** Amazon's own client at moto itself, past the proxy and the driver. */
  client: EC2Client
  /** Debian, of images.json. */
  image_id: string
}

/** moto behind the proxy. */
export async function motoLab (t: Test, options: MotoOptions = {}): Promise<MotoLab> {
  const moto = await startMoto(t, options)
  const proxy = await startEc2Proxy(moto, { accounts, exhausted: [exhausted] })
  t.teardown(() => proxy.close())
  const client = directClient(moto)
  t.teardown(() => client.destroy())
  return { moto, proxy, client, image_id: 'ami-0a11ce00000000002' }
}

/** Amazon's client as the first account. */
export function directClient (endpoint: string, region = location): EC2Client {
  const { access_key_id: accessKeyId, secret_access_key: secretAccessKey } = users.default
  const client = new EC2Client({ endpoint, region, credentials: { accessKeyId, secretAccessKey } })
  client.middlewareStack.add((next) => async (args) => {
    Object.assign((args.request as { headers: object }).headers, { 'x-moto-account-id': accounts[accessKeyId]!.id })
    return next(args)
  }, { step: 'build' })
  return client
}

/** The settings of a cloud that is moto behind the proxy, as this user. */
export const motoCloud = (
  { proxy }: Pick<MotoLab, 'proxy'>,
  user: keyof typeof users = 'default',
  settings: object = {}
) => ({
  driver: 'ec2',
  location,
  endpoint: proxy.url,
  // The tests change moto behind the server, and read the change at once.
  cache_seconds: 0,
  catalog_cache_seconds: 0,
  ...users[user],
  ...settings
})

interface OnMoto {
  moto?: MotoOptions
  clouds?: (lab: MotoLab) => Record<string, object>
  options?: BuildOptions
}

/** A server on moto behind the proxy. */
export async function buildOnMoto (t: Test, { moto, clouds, options }: OnMoto = {}) {
  const lab = await motoLab(t, moto)
  const served = await build(t, {
    settings: { operations: { reconcile_seconds: 1 } },
    listen: true,
    clouds: clouds?.(lab) ?? { default: motoCloud(lab), tight: motoCloud(lab, 'tight') },
    ...options
  })
  return { ...served, ...lab }
}

/** The instances that moto has, but for those that are terminated. */
export async function instancesAt (client: EC2Client) {
  const { Reservations: reservations = [] } = await client.send(new DescribeInstancesCommand({}))
  return reservations
    .flatMap(({ Instances: own = [] }) => own)
    .filter(({ State: state }) => state?.Name !== 'terminated')
}
