import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import http from 'node:http'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

export interface Load {
  /** Clients that read as fast as they can. */
  clients: number
  /** Clients that read nothing until all events are written. */
  slow: number
  events: number
  /** Bytes of text in each event, beside its other fields. */
  bytes: number
}

export interface Figures {
  /** Clients that did not get each event once and in order, with what was wrong. */
  wrong: string[]
  /** Slow clients whose stream the server has ended. */
  dropped: number
  /** Seconds from the first write until the last of the fast clients had everything. */
  seconds: number
  /** Megabytes that the server uses, without garbage: with all clients before the first event, and at most. */
  memory: { before: number, highest: number }
}

const program = path.join(import.meta.dirname, '../fixtures/event-server.js')

/** A client that checks that events come in order, each once, by the numbers in their resources. */
class Client {
  next = 0
  lastId = ''
  wrong: string | undefined
  isEnded = false
  #rest = ''
  #request: http.ClientRequest | undefined
  #response: http.IncomingMessage | undefined

  async open (url: string) {
    const headers = this.lastId === '' ? {} : { 'last-event-id': this.lastId }
    this.#rest = ''
    this.isEnded = false
    this.#request = http.get(`${url}/api/v2/events`, { agent: false, headers })
    this.#request.on('error', () => { this.isEnded = true })
    const [response] = await once(this.#request, 'response') as [http.IncomingMessage]
    if (response.statusCode !== 200) throw new Error(`a stream answered ${response.statusCode}`)
    this.#response = response
    const end = () => { this.isEnded = true }
    response.setEncoding('latin1').on('error', end).on('close', end).on('data', (text: string) => this.#take(text))
  }

  pause () { this.#response!.pause() }
  resume () { this.#response!.resume() }
  close () { this.#request?.destroy() }

  #take (text: string) {
    const all = this.#rest + text
    let from = 0
    for (let end = all.indexOf('\n\n'); end !== -1; end = all.indexOf('\n\n', from)) {
      this.#takeBlock(all.slice(from, end))
      from = end + 2
    }
    this.#rest = all.slice(from)
  }

  #takeBlock (block: string) {
    const id = /^id: (.*)$/m.exec(block)?.[1]
    if (id !== undefined) this.lastId = id
    const at = block.indexOf('"resource":"/')
    if (at === -1) return
    const number = parseInt(block.slice(at + 13), 10)
    // The cloud itself has events too.
    if (Number.isNaN(number)) return
    if (number !== this.next) this.wrong ??= `event ${number} in place of ${this.next}`
    this.next = number + 1
  }
}

/** Sends events to many clients of a server process of its own, some of which are slow, and checks what they get. */
export async function runLoad (load: Load, env: Record<string, string> = {}): Promise<Figures> {
  const { clients, slow, events, bytes } = load
  const cwd = mkdtempSync(path.join(tmpdir(), 'orchestrator-events-'))
  writeFileSync(path.join(cwd, 'orchestrator.json'), JSON.stringify({
    log_level: 'silent',
    events: { slow_seconds: 2 },
    clouds: { default: { driver: 'dummy', state_file: null } }
  }))
  const server = spawn(process.execPath, ['--expose-gc', program], {
    cwd, env: { PATH: process.env['PATH']!, ...env }, stdio: ['pipe', 'pipe', 'inherit']
  })
  const all: Client[] = []
  try {
    let out = ''
    server.stdout.setEncoding('utf8').on('data', (text: string) => { out += text })
    const answer = async (pattern: RegExp) => {
      for (;;) {
        const found = pattern.exec(out)
        if (found !== null) {
          out = out.slice(found.index + found[0].length)
          return found[1] ?? ''
        }
        if (server.exitCode !== null) throw new Error('the server has ended')
        await sleep(5)
      }
    }
    const readMemory = async () => {
      server.stdin.write('memory\n')
      return Number(await answer(/memory (\d+)\n/))
    }
    const readStreams = async () => {
      server.stdin.write('streams\n')
      return Number(await answer(/streams (\d+)\n/))
    }
    const url = await answer(/API (http:\S+)\/api\/v2\n/)
    const open = async () => {
      const client = new Client()
      all.push(client)
      await client.open(url)
      return client
    }
    const fast: Client[] = []
    const lazy: Client[] = []
    while (fast.length < clients) {
      const length = Math.min(50, clients - fast.length)
      fast.push(...await Promise.all(Array.from({ length }, open)))
    }
    while (lazy.length < slow) lazy.push(await open())
    // The first id has arrived.
    while (!all.every(({ lastId }) => lastId !== '')) await sleep(5)
    for (const client of lazy) client.pause()
    await readMemory()
    await sleep(200)
    const before = await readMemory()

    const began = performance.now()
    server.stdin.write(`${events} ${bytes}\n`)
    const isDone = (client: Client) => client.next >= events
    const deadline = began + 600_000
    /** A client that was too slow continues, as a browser does. */
    const continueAll = (some: readonly Client[]) =>
      Promise.all(some.filter((client) => client.isEnded && !isDone(client)).map((client) => client.open(url)))
    while (!fast.every(isDone) && performance.now() < deadline) {
      await continueAll(fast)
      await sleep(20)
    }
    const seconds = Math.round((performance.now() - began) / 100) / 10
    await answer(/written\n/)
    const slowDeadline = performance.now() + 30_000
    // The server ends the streams of slow clients. They do not notice it while they read nothing.
    while (await readStreams() > clients && performance.now() < slowDeadline) await sleep(20)
    const highest = await readMemory()

    for (const client of lazy) client.resume()
    while (!lazy.every((client) => client.isEnded || isDone(client)) && performance.now() < deadline) await sleep(20)
    const dropped = lazy.filter((client) => !isDone(client))
    while (!dropped.every(isDone) && performance.now() < deadline) {
      await continueAll(dropped)
      await sleep(20)
    }
    const wrong = all.flatMap((client) => {
      if (client.wrong !== undefined) return client.wrong
      return client.next === events ? [] : `${client.next} of ${events} events`
    })
    return { wrong, dropped: dropped.length, seconds, memory: { before, highest } }
  } finally {
    for (const client of all) client.close()
    server.kill('SIGKILL')
    rmSync(cwd, { recursive: true, force: true })
  }
}
