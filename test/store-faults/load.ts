import { setTimeout as sleep } from 'node:timers/promises'

/** What must be 0 in the end. */
export interface Tally {
  creates: number
  stops: number
  deletes: number
  refusals: Record<string, number>
  /** Answers and operations with internal_error, and what else no client should see. */
  wrong: string[]
  /** Operations that ended as failed. */
  failed: string[]
  /** Nodes that should be there at the end, by name. */
  expected: Set<string>
  gone: Set<string>
}

export const newTally = (): Tally => ({
  creates: 0, stops: 0, deletes: 0, refusals: {}, wrong: [], failed: [], expected: new Set(), gone: new Set()
})

export interface Answer {
  status: number
  body: any
}

/** Sends one request. Returns undefined if the connection broke. */
export async function ask (
  url: string, method = 'GET', body?: object, headers: Record<string, string> = {}
): Promise<Answer | undefined> {
  try {
    const response = await fetch(url, {
      method,
      headers: { ...body === undefined ? {} : { 'content-type': 'application/json' }, ...headers },
      ...body === undefined ? {} : { body: JSON.stringify(body) },
      signal: AbortSignal.timeout(60_000)
    })
    const text = await response.text()
    return { status: response.status, body: text === '' ? undefined : JSON.parse(text) }
  } catch {
    return undefined
  }
}

/** A client that repeats what may be repeated, until it is done. */
export function createClient (origin: string, cloud: string, tally: Tally) {
  const nodes = `${origin}/api/v2/clouds/${cloud}/nodes`

  /** Repeats a request while the answer says that a repetition may succeed. */
  const insist = async (title: string, send: () => Promise<Answer | undefined>): Promise<Answer> => {
    for (;;) {
      const answer = await send()
      const code = answer?.body?.code ?? 'no answer'
      if (answer !== undefined && answer.status < 400) return answer
      tally.refusals[code] = (tally.refusals[code] ?? 0) + 1
      if (code === 'internal_error') tally.wrong.push(`${title}: ${answer?.status} ${JSON.stringify(answer?.body)}`)
      const mayRepeat =
        answer === undefined || answer.body?.retryable === true || /_in_progress$/.test(code) || answer.status >= 500
      if (!mayRepeat) return answer
      await sleep(100)
    }
  }

  /** Waits for the end of an operation. */
  const follow = async (title: string, { body: { self } }: Answer): Promise<any> => {
    for (;;) {
      const { status, body } = await insist(`${title}: operation`, () => ask(`${origin}${self}?wait=5`))
      if (status !== 200) {
        tally.wrong.push(`${title}: its operation answers ${status} ${JSON.stringify(body)}`)
        return { status: 'lost' }
      }
      if (body.finished_at === null) continue
      if (body.status === 'failed') tally.failed.push(`${title}: ${body.error?.code} ${body.error?.detail}`)
      if (body.error?.code === 'internal_error') tally.wrong.push(`${title}: internal_error in its operation`)
      return body
    }
  }

  return {
    /** Creates a node with a key. Returns its path; undefined if the operation failed. */
    async create (name: string, input: object): Promise<string | undefined> {
      const send = () => ask(nodes, 'POST', { ...input, name }, { 'idempotency-key': name })
      const answer = await insist(`create ${name}`, send)
      if (answer.status >= 400) {
        tally.failed.push(`create ${name}: ${answer.status} ${answer.body.code} ${answer.body.detail}`)
        return undefined
      }
      const ended = await follow(`create ${name}`, answer)
      if (ended.status !== 'succeeded') return undefined
      tally.creates++
      tally.expected.add(name)
      return ended.resource.self
    },

    /** Stops a node, without a key, until it is stopped. A success must be true. */
    async stop (name: string, self: string) {
      for (let ended: any; ended?.status !== 'succeeded';) {
        const answer = await insist(`stop ${name}`, () => ask(`${origin}${self}/actions/stop`, 'POST', {}))
        if (answer.status >= 400) {
          return tally.wrong.push(`stop ${name}: ${answer.status} ${JSON.stringify(answer.body)}`)
        }
        ended = await follow(`stop ${name}`, answer)
      }
      const { body } = await insist(`stopped ${name}`, () => ask(`${origin}${self}`))
      if (body.state !== 'stopped') tally.wrong.push(`stop ${name} has succeeded, and the node is ${body.state}`)
      tally.stops++
    },

    /** Deletes a node, without a key, until it is gone. */
    async destroy (name: string, self: string) {
      for (let ended: any; ended?.status !== 'succeeded';) {
        const answer = await insist(`delete ${name}`, () => ask(`${origin}${self}`, 'DELETE'))
        if (answer.status === 404) break
        if (answer.status >= 400) {
          return tally.wrong.push(`delete ${name}: ${answer.status} ${JSON.stringify(answer.body)}`)
        }
        ended = await follow(`delete ${name}`, answer)
      }
      const { status } = await insist(`deleted ${name}`, () => ask(`${origin}${self}`))
      if (status !== 404) tally.wrong.push(`delete ${name} has succeeded, and the node answers ${status}`)
      tally.deletes++
      tally.expected.delete(name)
      tally.gone.add(name)
    }
  }
}

/** All items of a list. */
export async function walk (url: string) {
  const items: any[] = []
  let cursor = ''
  do {
    const answer = await ask(`${url}${url.includes('?') ? '&' : '?'}limit=1000${cursor}`)
    if (answer?.status !== 200) throw new Error(`${url}: ${answer?.status} ${JSON.stringify(answer?.body)}`)
    items.push(...answer.body.items)
    cursor = answer.body.next_cursor === null ? '' : `&cursor=${encodeURIComponent(answer.body.next_cursor)}`
  } while (cursor !== '')
  return items
}
