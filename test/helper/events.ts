import http from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Test } from 'tap'

export interface Heard {
  id: string
  type: string
  data: any
}

/** Parses a stream of server-sent events as the HTML standard says, and hands out each event that has data. */
export function createParser (onEvent: (event: Heard) => void) {
  let rest = ''
  let lastId = ''
  let comments = 0
  const parseBlock = (block: string) => {
    let type = 'message'
    const data: string[] = []
    for (const line of block.split('\n')) {
      const [, name, value] = /^([^:]*):? ?(.*)$/.exec(line)!
      if (name === '') comments++
      if (name === 'id') lastId = value!
      if (name === 'event') type = value!
      if (name === 'data') data.push(value!)
    }
    if (data.length > 0) onEvent({ id: lastId, type, data: JSON.parse(data.join('\n')) })
  }
  return {
    get lastId () { return lastId },
    get comments () { return comments },
    push (text: string) {
      const blocks = (rest + text).split('\n\n')
      rest = blocks.pop()!
      for (const block of blocks) if (block !== '') parseBlock(block)
    }
  }
}

export interface EventClient {
  status: number
  headers: http.IncomingHttpHeaders
  events: Heard[]
  /** The types of the events, with the resource of each. */
  names (): string[]
  /** The id to continue from. */
  lastId (): string
  comments (): number
  /** Waits until this holds. Fails after a minute. */
  until (isTrue: () => boolean): Promise<void>
  /** Resolves when the server or the client has ended the stream. */
  ended: Promise<void>
  isEnded (): boolean
  /** Reads nothing more. */
  pause (): void
  resume (): void
  close (): void
}

/** Opens a stream of events, which ends with the test. */
export function listenTo (t: Pick<Test, 'teardown'>, url: string, headers: Record<string, string> = {}) {
  return new Promise<EventClient>((resolve, reject) => {
    const request = http.get(url, { headers: { accept: 'text/event-stream', ...headers }, agent: false })
    t.teardown(() => { request.destroy() })
    request.on('error', reject)
    request.on('response', (response) => {
      const events: Heard[] = []
      const parser = createParser((event) => { events.push(event) })
      let text = ''
      let over = false
      const ended = new Promise<void>((resolve) => {
        const end = () => {
          over = true
          resolve()
        }
        response.on('close', end).on('error', end)
      })
      const client: EventClient = {
        status: response.statusCode!,
        headers: response.headers,
        events,
        names: () => events.map(({ type, data: { resource } }) => `${type} ${resource}`),
        lastId: () => parser.lastId,
        comments: () => parser.comments,
        async until (isTrue) {
          const deadline = performance.now() + 60_000
          while (!isTrue()) {
            if (performance.now() > deadline) throw new Error(`not seen in time: ${client.names().join(', ')} ${text}`)
            await sleep(5)
          }
        },
        ended,
        isEnded: () => over,
        pause: () => { response.pause() },
        resume: () => { response.resume() },
        close: () => request.destroy()
      }
      response.setEncoding('utf8').on('data', (chunk: string) => {
        if (response.statusCode === 200) parser.push(chunk)
        else text += chunk
      })
      resolve(client)
    })
  })
}
