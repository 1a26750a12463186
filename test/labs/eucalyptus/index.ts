/**
 * A Eucalyptus of its own for the tests: EC2's protocol as 4.4 speaks it, over a small cloud in memory whose changes
 * take their time. It is strict where Eucalyptus is: signatures, clocks, unknown parameters, ids, references in use. No
 * real server can be installed for the tests, so it is built from what Eucalyptus' own sources say; each file names
 * them.
 */
import http from 'node:http'
import { randomUUID } from 'node:crypto'
import type { AddressInfo } from 'node:net'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { addressActions } from './addresses.ts'
import { Refusal, fault, pipelineFault } from './faults.ts'
import { addImage, imageActions } from './images.ts'
import { instanceAttributeActions } from './instance-attributes.ts'
import { instanceActions } from './instances.ts'
import { interfaceActions } from './interfaces.ts'
import { keyPairActions } from './key-pairs.ts'
import { bundleTaskActions } from './bundle-tasks.ts'
import { edgeActions, refuseVpcs } from './edge.ts'
import { bind } from './parameters.ts'
import { reader } from './query.ts'
import { routeTableActions } from './route-tables.ts'
import { securityGroupActions } from './security-groups.ts'
import { signatureCheck } from './signature.ts'
import { snapshotActions } from './snapshots.ts'
import { createCloud, system } from './state.ts'
import { tagActions } from './tags.ts'
import { volumeActions } from './volumes.ts'
import { createSubnet, createVpc, vpcActions } from './vpcs.ts'
import { element } from './xml.ts'
import { zoneActions } from './zones.ts'
import type { Actions } from './action.ts'
import type { Answer } from './faults.ts'
import type { Behaviour, Cloud, InstanceState, Snapshot } from './state.ts'

export interface EucalyptusOptions {
  accessKeyId?: string
  secretAccessKey?: string
  /** the admin's names; there is a default subnet in each */
  zones?: string[]
  region?: string
  /** 4.4 makes 8 unless told otherwise, later ones 17 */
  idLength?: 8 | 17
  behaviour?: Partial<Omit<Behaviour, 'quotas'>> & { quotas?: Partial<Behaviour['quotas']> }
}

/** One request that had the right signature, and what became of it. */
export interface Asked {
  action: string
  parameters: Record<string, string>
  status: number
  /** of the fault */
  code?: string
  /** the header traceparent, and whether the signature covers it */
  trace?: { parent: string, isSigned: boolean }
}

export type Eucalyptus = Awaited<ReturnType<typeof startEucalyptus>>

const version = '4.4.0'
const paths = /^\/services\/(compute|Eucalyptus)\/?$/
const actions: Actions = Object.assign(
  {},
  instanceActions,
  instanceAttributeActions,
  imageActions,
  keyPairActions,
  securityGroupActions,
  addressActions,
  volumeActions,
  snapshotActions,
  tagActions,
  zoneActions,
  vpcActions,
  routeTableActions,
  interfaceActions,
  bundleTaskActions
)

export async function startEucalyptus (options: EucalyptusOptions = {}) {
  const { accessKeyId = 'AKIAEUCALYPTUSFAKE00', secretAccessKey = 'euca-secret/euca+secret' } = options
  const { zones = ['one', 'two'], region = 'eucalyptus', idLength = 8 } = options
  const { quotas, ...given } = options.behaviour ?? {}
  const behaviour: Behaviour = {
    delay: 30,
    terminatedFor: 60_000,
    full: new Set(),
    dying: new Set(),
    replayWindow: 0,
    administrator: false,
    edge: false,
    ...given,
    quotas: { instances: 20, volumes: 50, snapshots: 50, addresses: 5, vpcs: 5, gateways: 5, ...quotas }
  }
  const cloud = createCloud({ idLength, zones, region, behaviour })
  const images = furnish(cloud)
  const requests: Asked[] = []
  const check = signatureCheck({ accessKeyId, secretAccessKey, replayWindow: () => behaviour.replayWindow })

  const server = http.createServer((req, res) => {
    const id = randomUUID()
    serve(req)
      .catch((error: unknown) => answerOf(error, id))
      .then(
        (answer) => {
          send(res, answer, id)
        },
        () => {
          res.destroy()
        }
      )
  })

  async function serve (req: IncomingMessage): Promise<Answer> {
    const body = await text(req)
    const [path = '', search = ''] = (req.url ?? '').split(/\?(.*)/s)
    if (!paths.test(path)) throw pipelineFault(404, `No pipeline accepts the message: ${req.method} ${path}`)
    const query = new URLSearchParams(search)
    const isForm =
      req.method === 'POST' && /^application\/x-www-form-urlencoded\b/.test(req.headers['content-type'] ?? '')
    const parameters = new Map([...query, ...isForm ? new URLSearchParams(body) : []])
    check({ method: req.method ?? 'GET', path, headers: req.headers, query, parameters, body })
    const action = parameters.get('Action') ?? parameters.get('Operation')
    const namespace = parameters.get('Version') ?? '2013-10-15'
    for (const name of ['Action', 'Operation', 'Version']) parameters.delete(name)
    const asked: Asked = { action: action ?? '', parameters: Object.fromEntries(parameters), status: 200 }
    const { traceparent: parent, authorization = '' } = req.headers
    if (typeof parent === 'string') {
      asked.trace = { parent, isSigned: /SignedHeaders=[^,]*\btraceparent\b/.test(authorization) }
    }
    requests.push(asked)
    try {
      bind(action, parameters)
      const edge = behaviour.edge ? edgeActions[action!] : undefined
      if (behaviour.edge && edge === undefined) refuseVpcs(action!)
      const tree = (edge ?? actions[action!]!)(cloud, reader(parameters)) ?? { return: true }
      // Actions that only Eucalyptus has are in its own namespace.
      const xmlns =
        action === 'DescribeInstanceTypes'
          ? `http://msgs.eucalyptus.com/${version}`
          : `http://ec2.amazonaws.com/doc/${namespace}/`
      const xml = element(`${action}Response`, { requestId: randomUUID(), ...tree }, ` xmlns="${xmlns}"`)
      return {
        status: 200,
        type: 'application/xml; charset=UTF-8',
        text: `<?xml version="1.0" encoding="UTF-8"?>${xml}`
      }
    } catch (error) {
      const { status, text } = answerOf(error, '')
      Object.assign(asked, { status, code: /<Code>(.*?)<\/Code>/.exec(text)?.[1] })
      throw error
    }
  }

  server.listen(0, '127.0.0.1')
  await new Promise((resolve, reject) => { server.once('listening', resolve).once('error', reject) })
  const { port } = server.address() as AddressInfo
  const host = '127.0.0.1'

  return {
    /** the endpoint of EC2's protocol */
    url: `http://${host}:${port}/services/compute`,
    origin: `http://${host}:${port}`,
    host,
    port,
    path: '/services/compute',
    /** of Eucalyptus' own namespace */
    version,
    region,
    zones,
    accessKeyId,
    secretAccessKey,
    /** may be changed at any time */
    behaviour,
    /** the things themselves, by their ids, for looking at them */
    cloud,
    /**
     * ids of the images that are there from the beginning: of ebs (public and own), of the instance store with its
     * kernel and ramdisk
     */
    images,
    requests,
    /** makes everything that is on its way happen now */
    settle: () => {
      cloud.settle()
    },
    /** puts an instance into a state, as the cloud itself might */
    setState (id: string, state: InstanceState) {
      cloud.instances.get(id)!.state = state
    },
    async close () {
      cloud.stop()
      await new Promise((resolve) => {
        server.close(resolve)
        server.closeAllConnections()
      })
    }
  }
}

/** A default network with a subnet in every zone, and images. */
function furnish (cloud: Cloud) {
  const vpc = createVpc(cloud, '172.31.0.0/16', true)
  cloud.zones.forEach((zone, index) => createSubnet(cloud, vpc, `172.31.${index * 16}.0/20`, zone, true))
  const gateway = { id: cloud.id('igw'), vpc: vpc.id }
  cloud.gateways.set(gateway.id, gateway)
  for (const table of cloud.routeTables.values()) {
    table.routes.push({ cidr: '0.0.0.0/0', gateway: gateway.id, origin: 'CreateRoute' })
  }

  const ebs = (name: string, own: boolean) => {
    const id = cloud.id('snap')
    const snapshot: Snapshot = {
      id,
      volume: cloud.id('vol'),
      status: 'completed',
      progress: 100,
      size: 5,
      started: new Date(),
      description: name
    }
    cloud.snapshots.set(id, snapshot)
    return addImage(cloud, { name, root: { snapshot: id, size: 5 }, isPublic: !own, ...!own && { owner: system } }).id
  }
  const kernel = addImage(cloud, { prefix: 'eki', kind: 'kernel', name: 'kernel', owner: system, isPublic: true }).id
  const ramdisk = addImage(cloud, { prefix: 'eri', kind: 'ramdisk', name: 'ramdisk', owner: system, isPublic: true }).id
  const store = addImage(cloud, {
    name: 'instance-store',
    owner: system,
    isPublic: true,
    kernel,
    ramdisk,
    rootDevice: '/dev/sda1'
  }).id
  return { ebs: ebs('centos-7-ebs', false), own: ebs('own-ebs', true), store, kernel, ramdisk }
}

function answerOf (error: unknown, requestId: string): Answer {
  const refusal = error instanceof Refusal ? error : fault('InternalFailure', String(error), 500)
  return refusal.answer(requestId)
}

function send (res: ServerResponse, { status, type, text, close }: Answer, id: string) {
  const more = close ? { connection: 'close' } : { 'x-amzn-requestid': id }
  res.writeHead(status, { 'content-type': type, 'content-length': Buffer.byteLength(text), ...more })
  res.end(text)
}

async function text (req: IncomingMessage): Promise<string> {
  const parts: Buffer[] = []
  for await (const part of req) parts.push(part as Buffer)
  return Buffer.concat(parts).toString()
}
