import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { once } from 'node:events'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { request } from 'undici'
import type { Child } from './child.ts'

const root = path.resolve(import.meta.dirname, '../../..')

/** Microseconds of a tick of the kernel's clock (`getconf CLK_TCK` is 100 on Linux). */
const tick = 10_000

async function findFreePort (): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

/** The processes that a process has started (proc(5)). */
const childrenOf = (pid: number) =>
  readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter((one) => one !== '').map(Number)

function usageOf (pid: number) {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/^.*\) /, '').split(' ')
  const rss = Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) * 1024
  return { cpu: (Number(fields[11]) + Number(fields[12])) * tick, rss, peak: rss, stall: 0 }
}

/** Starts the original's stack with so many nodes: Flask and Libcloud's dummy cloud under gunicorn with one worker. */
export async function startPeer (nodes: number): Promise<Omit<Child, 'profile'>> {
  const port = await findFreePort()
  const gunicorn = path.join(root, '.venv-bench/bin/gunicorn')
  const args = ['-w', '1', '-b', `127.0.0.1:${port}`, '--chdir', path.join(root, 'test/bench/peer'), 'app:app']
  const child = spawn(gunicorn, args, { env: { PATH: process.env['PATH'], NODES: String(nodes) }, stdio: 'ignore' })
  process.on('exit', () => child.kill('SIGKILL'))
  const address = `http://127.0.0.1:${port}`
  for (let i = 0; ; i++) {
    const isReady = await request(`${address}/nodes`).then(({ body }) => body.dump().then(() => true), () => false)
    if (isReady) break
    if (child.exitCode !== null || i > 300) {
      throw new Error(`${gunicorn} did not start: run bash test/bench/peer/install`)
    }
    await sleep(100)
  }
  const [worker] = childrenOf(child.pid!)
  return {
    address,
    usage: async () => usageOf(worker!),
    watch: async () => {},
    async stop () {
      const ended = once(child, 'exit')
      child.kill('SIGTERM')
      await ended
    }
  }
}
