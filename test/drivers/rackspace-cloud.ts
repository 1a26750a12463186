import Fastify from 'fastify'
import type { Test } from 'tap'
import { openCall } from '../../drivers/call.ts'
import type {
  Connection,
  ImageService,
  KeyPairService,
  NetworkService,
  NodeService,
  QuotaService,
  ReadService,
  SnapshotService,
  VolumeService
} from '../../drivers/driver.ts'
import rackspace from '../../drivers/rackspace/index.ts'
import { ProblemError, type Size, type VolumeType } from '../../openapi/model/index.ts'
import { startRackspace, type RackspaceOptions } from '../labs/rackspace/index.ts'

interface Cloud extends Connection {
  nodes: Required<NodeService>
  images: Required<ImageService>
  sizes: ReadService<Size>
  key_pairs: Required<KeyPairService>
  networks: Required<NetworkService>
  volumes: Required<VolumeService>
  volume_types: ReadService<VolumeType>
  snapshots: Required<SnapshotService>
  quotas: QuotaService
}

/** The driver itself on a fake Rackspace, without the rest of the server. */
export async function start (t: Test, options: RackspaceOptions = {}, settings: object = {}) {
  const fake = await startRackspace({ ...options, behaviour: { delay: 0, ...options.behaviour } })
  const logged: string[] = []
  const fastify = Fastify({
    logger: {
      level: 'trace',
      stream: {
        write: (line: string) => {
          logged.push(line)
        }
      }
    }
  })
  t.teardown(async () => {
    await fastify.close()
    await fake.close()
  })
  await fastify.register(rackspace, {
    name: 'default',
    auth_url: fake.url,
    username: fake.username,
    api_key: fake.apiKey,
    ...settings
  })
  const cloud = fastify.clouds['default'] as Cloud
  const call = (more: { timeout?: number, operation?: string } = {}) => {
    const opened = openCall({ timeout: 5000, log: fastify.log, requestId: 't', ...more })
    t.teardown(() => {
      opened.end()
    })
    return opened
  }
  const image = fake.state().images[0]!.id
  const input = { name: 'web', image_id: image, size_id: 'performance1-1' }
  /** Creates a node that runs. */
  const node = async (fields: object = {}) => {
    const {
      resources: [made]
    } = await cloud.nodes.create({ ...input, ...fields }, call())
    fake.state().settle()
    return made!.id
  }
  return { fake, cloud, nodes: cloud.nodes, call, logged, image, input, node }
}

export const query = { limit: 100, token: null, filters: {}, extra: false }
export const plain = { extra: false }
export const none = '00000000-0000-4000-8000-000000000000'

/** The problem that a call is refused with. */
export async function refused (run: Promise<unknown>): Promise<ProblemError> {
  try {
    await run
  } catch (error) {
    if (error instanceof ProblemError) return error
    throw error
  }
  throw new Error('not refused')
}

/** All of a list, page by page. */
export async function walk<T> (
  service: Pick<ReadService<T>, 'list'>,
  call: () => Parameters<ReadService<T>['list']>[1],
  limit: number
) {
  const pages: T[][] = []
  let token: string | null = null
  do {
    const page: Awaited<ReturnType<typeof service.list>> = await service.list({ ...query, limit, token }, call())
    pages.push(page.items)
    token = page.next
  } while (token !== null)
  return pages
}
