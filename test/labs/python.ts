import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { accessSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Test } from 'tap'
import { root } from '../helper/app.ts'

/** Returns the path of a program of the labs' Python tools. Throws an Error if they are not installed. */
export function tool (name: string): string {
  const file = path.join(root, '.venv/bin', name)
  try {
    accessSync(file)
  } catch {
    throw new Error(`${file} is missing: run bash test/labs/python-tools`)
  }
  return file
}

/** Returns a port on which nothing listens at this moment. */
async function findFreePort (): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

export interface ToolServer {
  /** Name of the program. */
  name: string
  /** Path of the program, if it is none of the Python tools. */
  file?: string
  args: (port: number) => string[]
  env?: Record<string, string>
  /** Working directory. */
  cwd?: string
  /** A path that answers 200 when the server is ready. */
  readyPath: string
}

/** Starts a server, of the Python tools by default, on a free port. It ends with the test. Resolves to its address. */
export async function startTool (
  t: Test, { name, file, args, env, cwd, readyPath }: ToolServer
): Promise<string> {
  const program = file ?? tool(name)
  const port = await findFreePort()
  const url = `http://127.0.0.1:${port}`
  const child = spawn(program, args(port), {
    cwd,
    env: { PATH: process.env['PATH'] ?? '', ...env },
    stdio: ['ignore', 'ignore', 'pipe']
  })
  let said = ''
  child.stderr.on('data', (chunk) => { said = (said + String(chunk)).slice(-4000) })
  const ended = once(child, 'close')
  t.teardown(async () => {
    child.kill('SIGKILL')
    await ended
  })
  while (!await isReady(url + readyPath)) {
    if (child.exitCode !== null) throw new Error(`${name} ended with ${child.exitCode}:\n${said}`)
    await sleep(50)
  }
  return url
}

const isReady = (url: string) => fetch(url).then(({ ok }) => ok, () => false)
