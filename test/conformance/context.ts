import { setTimeout as sleep } from 'node:timers/promises'
import type { BareConnection } from '../../drivers/bare.ts'
import type { ServiceName } from '../../drivers/driver.ts'
import type { Api, ApiResponse } from '../helper/api.ts'
import { absentIds } from './absent.ts'
import type { Check } from './check.ts'
import { Unmet } from './unmet.ts'

/** The facts about a cloud that the suite cannot find out. */
export interface CloudFacts {
  /** An image and two sizes that a node can be made of. */
  image_id: string
  size_id: string
  other_size_id: string
  /** A size of which no node can be made at present. Without it, the lack of capacity is not tested. */
  impossible_size_id?: string
  /**
   * How the impossible size is refused: `later` by a node in `error` (where not given), or `at once` by
   * provider_capacity.
   */
  capacity?: 'later' | 'at once'
  /** A network that leads outside, for the routers and floating IPs of clouds that have such a network. */
  external_network_id?: string
  /** Fields that a create needs beside image and size, such as a network. */
  create?: object
  /** Collection, as in paths → what a create there needs on this cloud beside what the cases ask for. */
  needs?: Readonly<Record<string, object>>
  /** GiB of the smallest volume; 1 by default. */
  smallestVolume?: number
  /** A public key to import, for a cloud that does not show the public keys of its key pairs. */
  public_key?: string
  /** Resources that have a quota, beside nodes. */
  quotas?: readonly string[]
  /** Ids that no resource has, for services whose pattern the suite does not understand. */
  absent?: Partial<Record<ServiceName, string>>
  /** All capabilities that the driver is to have: the suite fails if it gains or loses one. */
  capabilities?: readonly string[]
}

/** A cloud to run the suite against, reached through the HTTP API. */
export interface Target extends Omit<CloudFacts, 'capabilities' | 'absent'> {
  app: { clouds: Readonly<Record<string, BareConnection | undefined>> }
  api: Api
  /** Name of the cloud. */
  cloud: string
  /** Name of a cloud of the same driver whose account may have one node only. Without it, quotas are not tested. */
  tightCloud?: string
  /** Fields of a create on the tight cloud that replace those of the first cloud. */
  tightCreate?: object
  absentIds?: CloudFacts['absent']
  expected?: readonly string[]
  /**
   * Cases that fail because of faults of a stand-in: a capability, or the title of a general case → the reason. A case
   * that passes although it is listed fails the run.
   */
  todo?: Readonly<Record<string, string>>
}

export interface Context extends Target {
  t: Check
  driver: string
  /** Ids that fit the cloud's patterns and that no resource has. */
  absent: Readonly<Record<ServiceName, string>>
  /** Path of the cloud. */
  base: string
  capabilities: Record<string, {
    parameters: string[], required: string[], filters: string[], limits: Record<string, number>
  }>
  /** A body that creates a node. */
  body (fields?: object): Record<string, unknown>
  /** Creates a node and waits until it runs; it is destroyed when the test ends. */
  node (fields?: object): Promise<any>
  /** Destroys a node when the test ends. */
  cleanUp (id: string): void
  /** Creates a resource that is made at once; it is deleted when the test ends. */
  make (collection: string, fields: object): Promise<any>
  /** Creates a resource that takes its time, waits until it is there; it is deleted when the test ends. */
  build (collection: string, fields: object): Promise<any>
  /** Deletes what is at a path when the test ends. */
  cleanUpAt (self: string): void
  /** A name that nothing else has. */
  name (what: string): string
  /** Posts an action of a resource, which must succeed, and waits for the end of its operation, if it has one. */
  done (path: string, body?: object): Promise<any>
  /** Asks for a verb and waits for its end, which must be a success. */
  act (id: string, verb: string, body?: object): Promise<any>
  get (id: string): Promise<any>
  has (capability: string): boolean
  /** Whether the cloud honours a field of a request. */
  takes (capability: string, field: string): boolean
  /** Skips the case unless the cloud has the capability and honours the fields. */
  demand (capability: string, ...fields: string[]): void
  /** Tags for a request, if the cloud honours them there; otherwise no field. */
  tags (capability: string, tags: object): { tags?: object }
  /** Fails where the answer is not this problem. */
  problem (answer: ApiResponse, status: number, code: string): void
}

let made = 0

/** Makes the helpers that the cases share, for one test. */
export function createContext (t: Check, target: Target, capabilities: Context['capabilities']): Context {
  const { app, api, cloud } = target
  const connection = app.clouds[cloud]!
  const base = `/api/v2/clouds/${cloud}`
  const nodes = `${base}/nodes`

  const has = (capability: string) => capability in capabilities
  const takes = (capability: string, field: string) => capabilities[capability]?.parameters.includes(field) === true
  const demand = (capability: string, ...fields: string[]) => {
    if (!has(capability)) throw new Unmet(capability)
    const missing = fields.find((field) => !takes(capability, field))
    if (missing !== undefined) throw new Unmet(`${capability}.${missing}`)
  }
  const tags = (capability: string, tags: object) => takes(capability, 'tags') ? { tags } : {}

  const get = async (id: string) => (await api.get(`${nodes}/${id}`)).body

  const destroy = async (id: string) => {
    for (let tries = 0; tries < 5; tries++) {
      const { status, body } = await api.delete(`${nodes}/${id}`)
      if (status === 404 || status === 501) return
      if (status === 409 && body.code === 'protected') await api.patch(`${nodes}/${id}`, { protected: false })
      if (status === 202) await api.ended(body)
      if (status === 200) return
    }
  }

  const cleanUp = (id: string) => t.teardown(() => destroy(id))

  const body = (fields: object = {}) => ({
    name: `conformance-${process.pid}-${++made}`,
    image_id: target.image_id,
    size_id: target.size_id,
    ...target.create,
    ...fields
  })

  const act = async (id: string, verb: string, input?: object) => {
    demand(`nodes.${verb}`)
    const answer = await api.post(`${nodes}/${id}/actions/${verb}`, input)
    t.ok(answer.status === 202 || answer.status === 200, `${verb} is accepted`, { answer: answer.body })
    const operation = await api.ended(answer.body)
    t.equal(operation.status, 'succeeded', `${verb} succeeds`, { operation })
    t.equal(operation.kind, `nodes.${verb}`)
    return get(id)
  }

  const name = (what: string) => `conformance-${what}-${process.pid}-${++made}`

  /** Deletes what a test has made, the last first; what goes away with something else takes a moment. */
  const remove = (self: string) => t.teardown(async () => {
    for (let tries = 0; tries < 20; tries++) {
      const { status, body } = await api.delete(self)
      if (status === 202) await api.ended(body)
      if (status === 204 || status === 404 || status === 200 || status === 501) return
      if (status === 202 && (await api.get(self)).status === 404) return
      await sleep(100)
    }
  })

  const createOf = (collection: string) => `${collection.replaceAll('-', '_')}.create`

  const make = async (collection: string, fields: object) => {
    demand(createOf(collection))
    const answer = await api.post(`${base}/${collection}`, { ...target.needs?.[collection], ...fields })
    if (answer.status !== 201) {
      throw new Error(`create in ${collection} answered ${answer.status}: ${JSON.stringify(answer.body)}`)
    }
    t.equal(answer.headers['location'], answer.body.self, 'Location is the new resource')
    remove(answer.body.self)
    return answer.body
  }

  const build = async (collection: string, fields: object) => {
    demand(createOf(collection))
    const answer = await api.post(`${base}/${collection}`, { ...target.needs?.[collection], ...fields })
    if (answer.status !== 202) {
      throw new Error(`create in ${collection} answered ${answer.status}: ${JSON.stringify(answer.body)}`)
    }
    const operation = await api.ended(answer.body)
    for (const { self } of operation.resources) remove(self)
    if (operation.status !== 'succeeded') {
      throw new Error(`create in ${collection} ${operation.status}: ${JSON.stringify(operation)}`)
    }
    return (await api.get(operation.resource.self)).body
  }

  const done = async (path: string, input: object = {}) => {
    const [, collection = '', verb] = /\/([\w-]+)\/[^/]+\/actions\/(\w+)$/.exec(path) ?? []
    if (verb !== undefined) demand(`${collection.replaceAll('-', '_')}.${verb}`)
    if (path.endsWith('/security-groups')) demand('nodes.add_security_group')
    if (path.endsWith('/nics')) demand('nodes.attach_nic')
    const answer = await api.post(path, input)
    if (answer.status >= 400) throw new Error(`POST ${path} answered ${answer.status}: ${JSON.stringify(answer.body)}`)
    if (answer.status === 204 || answer.body.kind === undefined || answer.body.status === undefined) return answer.body
    const operation = await api.ended(answer.body)
    if (operation.status !== 'succeeded') {
      throw new Error(`POST ${path} ${operation.status}: ${JSON.stringify(operation)}`)
    }
    return operation
  }

  return {
    ...target,
    t,
    driver: connection.driver,
    absent: absentIds(connection.ids, target.absentIds),
    name,
    cleanUpAt: remove,
    make,
    build,
    done,
    base,
    capabilities,
    body,
    cleanUp,
    act,
    get,
    has,
    takes,
    demand,
    tags,
    async node (fields = {}) {
      demand('nodes.create', ...Object.keys(fields).filter((field) => field !== 'tags'))
      const { tags: _, ...others } = fields as { tags?: object }
      const answer = await api.post(nodes, body(takes('nodes.create', 'tags') ? fields : others))
      if (answer.status !== 202) throw new Error(`create answered ${answer.status}: ${JSON.stringify(answer.body)}`)
      const operation = await api.ended(answer.body)
      for (const { id } of operation.resources) cleanUp(id)
      if (operation.status !== 'succeeded') throw new Error(`create ${operation.status}: ${JSON.stringify(operation)}`)
      return get(operation.resource.id)
    },
    problem (answer, status, code) {
      t.equal(answer.status, status, `answers ${status}`, { body: answer.body })
      t.equal(answer.body.code, code, `with ${code}`, { body: answer.body })
      t.ok(answer.body.hint, 'and says what to do next')
    }
  }
}
