import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tellAddress } from './probe.ts'

/** Writes the same body with node:http alone: the baseline for the server. */
const body: unknown = JSON.parse(readFileSync(process.argv[2]!, 'utf8'))

const server = createServer((_request, response) => {
  const text = JSON.stringify(body)
  response.writeHead(200, {
    'content-type': 'application/json; charset=utf-8',
    'content-length': Buffer.byteLength(text)
  })
  response.end(text)
})
server.listen(0, '127.0.0.1', () => tellAddress(`http://127.0.0.1:${(server.address() as AddressInfo).port}`))
