import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tellAddress } from './probe.ts'

/**
 * Writes the same body with node:http alone: the baseline for the server. It serializes the body for each answer, or
 * with the argument `bytes` writes the same bytes each time.
 */
const bytes = readFileSync(process.argv[2]!)
const body: unknown = JSON.parse(bytes.toString())
const next = process.argv[3] === 'bytes' ? () => bytes : () => JSON.stringify(body)

const server = createServer((_request, response) => {
  const content = next()
  response.writeHead(200, {
    'content-type': 'application/json; charset=utf-8',
    'content-length': Buffer.byteLength(content)
  })
  response.end(content)
})
server.listen(0, '127.0.0.1', () => tellAddress(`http://127.0.0.1:${(server.address() as AddressInfo).port}`))
