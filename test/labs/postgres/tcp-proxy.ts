import { once } from 'node:events'
import net, { type AddressInfo, type Socket } from 'node:net'
import type { Ending } from './cluster.ts'

/** A proxy of TCP connections that can be broken. */
export interface TcpProxy {
  port: number
  /** Resets all connections. New ones pass. */
  reset (): void
  /** Passes nothing any longer, in neither direction, also on new connections, as a network that drops packets. */
  drop (): void
  /** Resets the connections that were dropped, and passes new ones. */
  heal (): void
}

/** Starts a proxy to a port of the loopback. It ends with the test. */
export async function startTcpProxy (t: Ending, target: number): Promise<TcpProxy> {
  const sockets = new Set<Socket>()
  let isDropping = false

  const add = (socket: Socket) => {
    sockets.add(socket)
    socket.on('error', () => {}).on('close', () => sockets.delete(socket))
  }
  const forward = (from: Socket, to: Socket) => {
    from.on('data', (chunk) => {
      if (!isDropping) to.write(chunk)
    })
    from.on('close', () => {
      if (!isDropping) to.destroy()
    })
  }
  const server = net.createServer((client) => {
    add(client)
    const upstream = net.connect(target, '127.0.0.1')
    add(upstream)
    forward(client, upstream)
    forward(upstream, client)
  })
  const reset = () => {
    for (const socket of sockets) {
      sockets.delete(socket)
      // The kernel refuses to reset a connection of which one direction is closed (libuv: EINVAL). Node.js 20 then
      // leaves it open, and its event loop turns without a pause.
      const isWhole = !socket.connecting && !socket.readableEnded && !socket.writableEnded
      if (isWhole) socket.resetAndDestroy()
      else socket.destroy()
    }
  }
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    reset()
    server.close()
  })
  return {
    port: (server.address() as AddressInfo).port,
    reset,
    drop () {
      isDropping = true
    },
    heal () {
      reset()
      isDropping = false
    }
  }
}
