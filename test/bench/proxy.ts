import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Pool } from 'undici'
import { tellAddress } from './probe.ts'

/**
 * The least possible work. Makes the same two calls, parses them, joins them and writes the answer; for `/names` makes
 * the first call only, and writes ids and names. The arguments are the address of the cloud and the number of calls at
 * once.
 */
const pool = new Pool(process.argv[2]!, { connections: Number(process.argv[3] ?? 64) })
const headers = { accept: 'application/json', 'x-auth-token': 'token' }

async function read<T> (path: string): Promise<T> {
  const { body } = await pool.request({ path, method: 'GET', headers })
  return JSON.parse(await body.text()) as T
}

async function readAnswer (url: string) {
  const { servers } = await read<{ servers: { id: string, name: string }[] }>(
    '/compute/v2.1/servers/detail?limit=100'
  )
  if (url === '/names') return { servers: servers.map(({ id, name }) => ({ id, name })) }
  const { ports } = await read<{ ports: object[] }>(
    `/network/v2.0/ports?${servers.map(({ id }) => `device_id=${id}`).join('&')}`
  )
  return { servers, ports }
}

const server = createServer(async (request, response) => {
  const text = JSON.stringify(await readAnswer(request.url!))
  response.writeHead(200, {
    'content-type': 'application/json; charset=utf-8',
    'content-length': Buffer.byteLength(text)
  })
  response.end(text)
})
server.listen(0, '127.0.0.1', () => tellAddress(`http://127.0.0.1:${(server.address() as AddressInfo).port}`))
