import { setTimeout as sleep } from 'node:timers/promises'
import type { Filter, Tag } from '@aws-sdk/client-ec2'
import { ProblemError } from '../../../openapi/model/index.ts'
import type { Call } from '../../call.ts'
import type { Identity, ListQuery, ListResult, ReadOptions } from '../../driver.ts'
import { runSteps, step } from '../../steps.ts'
import { checkTags } from '../../tags.ts'
import type { Cloud } from './cloud.ts'
import { malformed } from './errors.ts'
import { createFresh } from './consistency.ts'
import { nextOf, pageOf, pushDown, type Pushed } from './lists.ts'
import { explainFields, type RefusedField } from './refusals.ts'
import { ec2Tags, patchTags, readTags, rename } from './tags.ts'

/** What is asked of one of the cloud's lists. */
export interface Asked {
  Filters?: Filter[]
  MaxResults?: number
  NextToken?: string
  /** In the place of filters and pages: only these. */
  ids?: string[]
}

export interface Answered<Raw> {
  items: Raw[] | undefined
  token?: string | undefined
}

/** What of one kind of resource is its own. */
export interface Kind<Raw, T> {
  cloud: Cloud
  /** What one is, in words. */
  word: string
  idOf (raw: Raw): string | undefined
  send (asked: Asked, call: Call): Promise<Answered<Raw>>
  /** The least and the most of a page that the action takes; none where it has no pages. */
  page?: readonly [number, number]
  /** Our filters, as the action has them. */
  filters: Readonly<Record<string, Pushed>>
  /** A page at a time, since what one item needs of other resources is read for all at once. */
  map (raws: readonly Raw[], extra: boolean, call: Call): Promise<T[]>
}

/**
 * The list and the reads of one kind of resource. `note` tells of what was just made, which the cloud may not know yet,
 * `forget` of its end.
 */
export function createReads<Raw, T> ({ cloud, word, idOf, send, page, filters, map }: Kind<Raw, T>) {
  const fresh = createFresh()

  const read = async (asked: Asked, call: Call) => {
    const { items, token } = await send(asked, call)
    if (items === undefined) throw malformed(`The cloud answered without a list of ${word}s`)
    return { items, token }
  }

  /** As the cloud tells it. Throws resource_not_found. Ids are the same in capitals. */
  const find = (id: string, call: Call): Promise<Raw> => fresh.read(id, call, async () => {
    const { items } = await read({ ids: [id] }, call)
    const found = items.find((raw) => idOf(raw)?.toLowerCase() === id.toLowerCase())
    if (found === undefined) throw new ProblemError('resource_not_found', `There is no ${word} ${id}`)
    return found
  })

  return {
    async list ({ limit, token, filters: wanted, extra }: ListQuery, call: Call): Promise<ListResult<T>> {
      const { applied, ...query } = pushDown(wanted, filters)
      const asked = { ...query, ...(page === undefined ? {} : pageOf(cloud, { limit, token }, page)) }
      const answered = await read(asked, call)
      return { items: await map(answered.items, extra, call), next: nextOf(answered.token), applied }
    },
    async get (id: string, { extra }: ReadOptions, call: Call): Promise<T> {
      return (await map([await find(id, call)], extra, call))[0]!
    },
    find,
    note: (id: string) => { fresh.note([id]) },
    forget: (id: string) => { fresh.forget(id) }
  }
}

/** All pages of one of the cloud's lists. */
export async function readAll<Raw> (send: (token: string | undefined) => Promise<Answered<Raw>>): Promise<Raw[]> {
  const all: Raw[] = []
  let token: string | undefined
  do {
    const answered = await send(token)
    if (answered.items === undefined) throw malformed('The cloud answered without a list')
    for (const item of answered.items) all.push(item)
    token = nextOf(answered.token) ?? undefined
  } while (token !== undefined)
  return all
}

interface Tagged {
  Tags?: Tag[] | undefined
}

/** What all resources have. None of the network's tells when it was made. */
export function commonOf (raw: Tagged, { id, cloud, driver, location, self }: Identity, state: string | undefined) {
  const { name, tags } = readTags(raw.Tags)
  return { id, cloud, driver, location, self, name, provider_state: state ?? null, created_at: null, updated_at: null, tags }
}

interface Labelled {
  name?: string
  tags?: Record<string, string | null>
}

/** Changes name and tags: all that can be changed of most of what a network is made of. */
export function createUpdate<T> (cloud: Cloud, { find, get }: Pick<ReturnType<typeof createReads<unknown, T>>, 'find' | 'get'>) {
  return {
    async update (id: string, { name, tags }: Labelled, call: Call): Promise<T> {
      checkTags(tags ?? {}, ec2Tags)
      // Tags of what is not there are set again and again, since it may only be new.
      await find(id, call)
      return runSteps(labelSteps(cloud, id, { name, tags }, call), () => get(id, { extra: false }, call), async (error) => error)
    }
  }
}

type Given = { [field in keyof Labelled]: Labelled[field] | undefined }

export const labelSteps = (cloud: Cloud, id: string, { name, tags }: Given, call: Call) => [
  ...step('name', name, (value) => rename(cloud, id, value, call)),
  ...step('tags', tags, (value) => patchTags(cloud, id, value, call))
]

/** Runs a call whose refusal may name fields of the request. */
export async function explained<T> (fields: readonly RefusedField[], run: () => Promise<T>): Promise<T> {
  try {
    return await run()
  } catch (error) {
    throw explainFields(error, fields)
  }
}

/** Milliseconds in which what was changed is waited for. */
const patience = 10_000

/** Reads until it is no longer on its way; after 10 s what is there is what there is. */
export async function settled<T> (call: Call, read: () => Promise<T>, isOnItsWay: (item: T) => boolean): Promise<T> {
  const until = performance.now() + patience
  for (let pause = 100; ; pause = Math.min(pause * 2, 1000)) {
    const item = await read()
    if (!isOnItsWay(item) || performance.now() + pause > until) return item
    await sleep(pause, undefined, { signal: call.signal }).catch(() => call.signal.throwIfAborted())
  }
}
