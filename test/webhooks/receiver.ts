import { EventEmitter, once } from 'node:events'
import { createServer, type IncomingHttpHeaders, type RequestListener } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { Test } from 'tap'

export interface Received {
  path: string
  headers: IncomingHttpHeaders
  text: string
  body: any
}

type Answer = (received: Received, ...args: Parameters<RequestListener>) => void

const accept: Answer = (_received, _request, response) => response.writeHead(204).end()

/** The texts of a certificate and its key. */
export interface Certificate {
  cert: string
  key: string
}

/** Starts a receiver on the loopback, with a certificate for https. `answer` decides what it says; 204 by default. */
export async function startReceiver (t: Test, answer: Answer = accept, certificate?: Certificate) {
  const received: Received[] = []
  const arrivals = new EventEmitter()
  const listener: RequestListener = async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const text = Buffer.concat(chunks).toString()
    const one = { path: request.url!, headers: request.headers, text, body: JSON.parse(text) }
    received.push(one)
    answer(one, request, response)
    arrivals.emit('request')
  }
  const server = certificate === undefined ? createServer(listener) : createTlsServer(certificate, listener)
  await once(server.listen(0, '127.0.0.1'), 'listening')
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  return {
    url: `${certificate === undefined ? 'http' : 'https'}://127.0.0.1:${(server.address() as AddressInfo).port}`,
    received,
    /** Resolves when a request fits. */
    async until (fits: (received: Received) => boolean): Promise<Received> {
      for (;;) {
        const found = received.find(fits)
        if (found !== undefined) return found
        await once(arrivals, 'request')
      }
    }
  }
}
