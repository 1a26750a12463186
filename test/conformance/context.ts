import { setTimeout as sleep } from 'node:timers/promises'
import type { Test } from 'tap'
import type { Connection, ServiceName } from '../../drivers/driver.ts'
import type { Api, ApiResponse } from '../helper/api.ts'
import { absentIds } from './absent.ts'

/** A cloud to run the suite against, reached through the HTTP API. */
export interface Target {
  app: { clouds: Readonly<Record<string, Connection | undefined>> }
  api: Api
  /** Name of the cloud. */
  cloud: string
  /** Name of a cloud of the same driver whose account may have one node only. */
  tightCloud: string
  /** Fields of a create on the tight cloud that replace those of the first cloud. */
  tightCreate?: object
  /** An image and two sizes that a node can be made of, and a third of which none can. */
  image_id: string
  size_id: string
  other_size_id: string
  impossible_size_id: string
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
  /** Resources that have a quota, beside nodes; by default vcpus, ram, volumes and volume_storage. */
  quotas?: readonly string[]
  /**
   * How the impossible size is refused: `later` by a node in `error` (where not given), or `at once` by
   * provider_capacity.
   */
  capacity?: 'later' | 'at once'
  /**
   * Cases that fail because of faults of a stand-in: a capability, or the title of a general case → the reason. A case
   * that passes although it is listed fails the run.
   */
  todo?: Readonly<Record<string, string>>
}

export interface Context extends Target {
  t: Test
  driver: string
  /** Ids that fit the cloud's patterns and that no resource has. */
  absent: Readonly<Record<ServiceName, string>>
  /** Path of the cloud. */
  base: string
  capabilities: Record<string, { parameters: string[], filters: string[], limits: Record<string, number> }>
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
  /** Fails where the answer is not this problem. */
  problem (answer: ApiResponse, status: number, code: string): void
}

let made = 0

/** Makes the helpers that the cases share, for one test. */
export function createContext (t: Test, target: Target, capabilities: Context['capabilities']): Context {
  const { app, api, cloud } = target
  const connection = app.clouds[cloud]!
  const base = `/api/v2/clouds/${cloud}`
  const nodes = `${base}/nodes`

  const get = async (id: string) => (await api.get(`${nodes}/${id}`)).body

  const destroy = async (id: string) => {
    for (let tries = 0; tries < 5; tries++) {
      const { status, body } = await api.delete(`${nodes}/${id}`)
      if (status === 404) return
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
      if (status === 204 || status === 404 || status === 200) return
      if (status === 202 && (await api.get(self)).status === 404) return
      await sleep(100)
    }
  })

  const make = async (collection: string, fields: object) => {
    const answer = await api.post(`${base}/${collection}`, { ...target.needs?.[collection], ...fields })
    if (answer.status !== 201) { throw new Error(`create in ${collection} answered ${answer.status}: ${JSON.stringify(answer.body)}`) }
    t.equal(answer.headers['location'], answer.body.self, 'Location is the new resource')
    remove(answer.body.self)
    return answer.body
  }

  const build = async (collection: string, fields: object) => {
    const answer = await api.post(`${base}/${collection}`, { ...target.needs?.[collection], ...fields })
    if (answer.status !== 202) { throw new Error(`create in ${collection} answered ${answer.status}: ${JSON.stringify(answer.body)}`) }
    const operation = await api.ended(answer.body)
    for (const { self } of operation.resources) remove(self)
    if (operation.status !== 'succeeded') { throw new Error(`create in ${collection} ${operation.status}: ${JSON.stringify(operation)}`) }
    return (await api.get(operation.resource.self)).body
  }

  const done = async (path: string, input: object = {}) => {
    const answer = await api.post(path, input)
    if (answer.status >= 400) throw new Error(`POST ${path} answered ${answer.status}: ${JSON.stringify(answer.body)}`)
    if (answer.status === 204 || answer.body.kind === undefined || answer.body.status === undefined) return answer.body
    const operation = await api.ended(answer.body)
    if (operation.status !== 'succeeded') { throw new Error(`POST ${path} ${operation.status}: ${JSON.stringify(operation)}`) }
    return operation
  }

  return {
    ...target,
    t,
    driver: connection.driver,
    absent: absentIds(connection.ids),
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
    has: (capability) => capability in capabilities,
    async node (fields = {}) {
      const answer = await api.post(nodes, body(fields))
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
