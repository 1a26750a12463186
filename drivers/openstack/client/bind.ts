import type { Action } from 'openstack-client'
import type { Call } from '../../call.ts'
import { readAll, readPages } from '../../common/pages.ts'
import { explainFields, explaining, type FieldRefusal } from '../../common/refusals.ts'
import { malformed, type Client, type ClientRequest, type Upstream } from './client.ts'
import { isFields } from './errors.ts'
import type { Microversion } from './microversions.ts'
import { nextMarker, readFrom, type MarkedPage } from './paging.ts'

export type Query = Readonly<Record<string, unknown>>

/** The calls of one resource, from openstack-client or its `defres`. */
export interface ResourceCalls {
  list?: Action
  show?: Action
  create?: Action
  update?: Action
  del?: Action
}

export interface RefusalContext {
  /** The request fields that the refusal may name. */
  fields: readonly FieldRefusal[]
  /** The ids in the path of the call. */
  ids: readonly string[]
  call: Call
}

export interface BindOptions extends Upstream {
  /** The field that identifies an object; `id` by default. */
  key?: string
  /** The field that a list wraps each of its items in, such as `keypair`. */
  item?: string
  /**
   * Turns the refusal of a change into the error to throw. By default a rejected field becomes
   * validation_failed.
   */
  explain?: (error: unknown, context: RefusalContext) => unknown
}

export interface ChangeOptions {
  /** Rules for the words of a refusal. The first that matches names the field at fault. */
  fields?: readonly FieldRefusal[]
  headers?: Record<string, string>
  /** Replaces the version of `bind`. */
  version?: Microversion | undefined
  /** True for a POST that only reads, such as the output of a console. */
  isRead?: boolean
}

/**
 * The calls of one resource. Each takes ids as they are; a change may explain its refusal. All
 * throw ProblemError.
 */
export interface Bound<T> {
  /** Reads one list answer. `next` is the marker of the next one. */
  list(query: Query, call: Call): Promise<MarkedPage<T>>
  /**
   * Reads the page at a token of an earlier page; null is the first page. Survives the deletion of
   * the marker.
   */
  page(query: Query, token: string | null, call: Call): Promise<MarkedPage<T>>
  /** Iterates over the pages of a list. */
  pages(query: Query, call: Call): AsyncGenerator<T[], void, undefined>
  /** Reads all pages of a list. */
  all(query: Query, call: Call): Promise<T[]>
  /** Reads one object. Throws resource_not_found. */
  show(id: string, call: Call): Promise<T>
  /** Creates an object. Throws provider_error if the answer has no id. */
  create(body: unknown, call: Call, options?: ChangeOptions): Promise<T>
  update(id: string, body: unknown, call: Call, options?: ChangeOptions): Promise<unknown>
  remove(id: string, call: Call, options?: ChangeOptions): Promise<void>
  /** Sends a create below an id (an action, an attachment). Its answer may be anything, or empty. */
  post(id: string, body: unknown, call: Call, options?: ChangeOptions): Promise<unknown>
  /** Sends the same and returns the headers of the answer. */
  postForHeaders(
    id: string,
    body: unknown,
    call: Call,
    options?: ChangeOptions
  ): Promise<Record<string, string>>
  /** Reads an object by a call other than `show`. With `of`, below an id. */
  read<A extends object>(action: Action, call: Call, query?: Query): Promise<A>
  /** Changes something by a call other than those above. With `of`, below an id. */
  send(action: Action, body: unknown, call: Call, options?: ChangeOptions): Promise<unknown>
  /** Returns the same calls with these ids in front: `attachments.of(node).remove(volume, call)`. */
  of(...ids: string[]): Bound<T>
}

/** Binds the calls of one resource to a cloud. `T` is the resource as the cloud returns it. */
export function bind<T extends object> (
  client: Client,
  calls: ResourceCalls,
  options: BindOptions
): Bound<T> {
  return bindBelow<T>(client, calls, options, [])
}

function bindBelow<T extends object> (
  client: Client,
  calls: ResourceCalls,
  options: BindOptions,
  parents: readonly string[]
): Bound<T> {
  const { service, version, key = 'id', item, explain = explainRejection } = options

  const request = (request: ClientRequest, call: Call, needed = version) =>
    client.request({ service, version: needed }, request, call)

  const readObject = async <A extends object>(
    action: Action,
    ids: readonly string[],
    call: Call,
    query: Query = {}
  ) => {
    const { answer } = await request({ action, ids, query, isRead: true }, call)
    return toObject<A>(answer, service)
  }

  const change = async (
    action: Action,
    ids: readonly string[],
    body: unknown,
    call: Call,
    { fields = [], headers, version, isRead = false }: ChangeOptions = {}
  ) =>
    explaining((error) => explain(error, { fields, ids, call }), async () => {
      const response = await request(
        { action, ids, write: { body }, headers, isRead },
        call,
        version
      )
      if (isRead) toObject(response.answer, service)
      return response
    })

  const list = async (query: Query, call: Call): Promise<MarkedPage<T>> => {
    const read = { action: calls.list!, ids: parents, query, isRead: true }
    const { answer, raw } = await request(read, call)
    if (!Array.isArray(answer)) throw malformed(service, true)
    const items = item === undefined
      ? answer
      : answer.map((entry: Record<string, T>) => entry[item]!)
    return { items, next: nextMarker(raw) }
  }

  const idOf = (object: T) => (object as Record<string, unknown>)[key] as string

  const page = (query: Query, token: string | null, call: Call) =>
    readFrom(token, (marker) => list({ ...query, ...marker }, call), idOf)

  return {
    list,
    page,
    pages: (query, call) => readPages((token) => page(query, token, call)),
    all: (query, call) => readAll((token) => page(query, token, call)),
    show: (id, call) => readObject<T>(calls.show!, [...parents, id], call),
    async create (body, call, options) {
      const { answer } = await change(calls.create!, parents, body, call, options)
      const { [key]: id } = (answer ?? {}) as Record<string, unknown>
      if (typeof id !== 'string') throw malformed(service, false)
      return answer as T
    },
    async update (id, body, call, options) {
      return (await change(calls.update!, [...parents, id], body, call, options)).answer
    },
    async remove (id, call, options) {
      await change(calls.del!, [...parents, id], undefined, call, options)
    },
    async post (id, body, call, options) {
      return (await change(calls.create!, [...parents, id], body, call, options)).answer
    },
    async postForHeaders (id, body, call, options) {
      return (await change(calls.create!, [...parents, id], body, call, options)).headers
    },
    read: (action, call, query) => readObject(action, parents, call, query),
    async send (action, body, call, options) {
      return (await change(action, parents, body, call, options)).answer
    },
    of: (...ids) => bindBelow(client, calls, options, [...parents, ...ids])
  }
}

function toObject<A extends object> (answer: unknown, service: string): A {
  if (!isFields(answer)) throw malformed(service, true)
  return answer as A
}

const explainRejection = (error: unknown, { fields }: RefusalContext) =>
  explainFields(error, fields, ['provider_rejected'])

/** An `explain` for requests that name other resources: the cloud answers 404 if one of them is missing. */
export const explainMissing = (error: unknown, { fields }: RefusalContext) =>
  explainFields(error, fields)
