import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { accessSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Test } from 'tap'
import { root } from '../../helper/app.ts'

export interface MotoOptions {
  /** refuses images, key pairs and types that it does not have */
  validate?: boolean
  /** checks signatures and rights, but for the first calls */
  authenticate?: boolean
}

/** How many calls are not checked, to make a user with. */
export const unchecked = 3

/** A program of the labs' Python tools. Throws where they are not there. */
export function tool (name: string): string {
  const file = path.join(root, '.venv/bin', name)
  try {
    accessSync(file)
  } catch {
    throw new Error(`${file} is missing: run bash test/labs/python-tools`)
  }
  return file
}

/** A port that nothing listens on at this moment. */
async function freePort (): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

/** Starts moto, a stand-in of Amazon in memory, which ends with the test. Resolves to its address. */
export async function startMoto (
  t: Test,
  { validate = false, authenticate = false }: MotoOptions = {}
): Promise<string> {
  const program = tool('moto_server')
  const port = await freePort()
  const url = `http://127.0.0.1:${port}`
  const moto = spawn(program, ['-H', '127.0.0.1', '-p', String(port)], {
    env: {
      PATH: process.env['PATH'] ?? '',
      // Of its own more than a thousand it says that all their snapshots are everybody's.
      MOTO_AMIS_PATH: path.join(root, 'test/labs/ec2/images.json'),
      ...(authenticate ? { INITIAL_NO_AUTH_ACTION_COUNT: String(unchecked) } : {}),
      ...(validate
        ? {
            MOTO_ENABLE_AMI_VALIDATION: '1',
            MOTO_ENABLE_KEYPAIR_VALIDATION: '1',
            MOTO_EC2_ENABLE_INSTANCE_TYPE_VALIDATION: '1'
          }
        : {})
    },
    stdio: ['ignore', 'ignore', 'pipe']
  })
  let said = ''
  moto.stderr.on('data', (chunk) => {
    said = (said + String(chunk)).slice(-4000)
  })
  const ended = once(moto, 'close')
  t.teardown(async () => {
    moto.kill('SIGKILL')
    await ended
  })
  while (!(await answers(url))) {
    if (moto.exitCode !== null) throw new Error(`moto ended with ${moto.exitCode}:\n${said}`)
    await sleep(50)
  }
  return url
}

const answers = (url: string) => fetch(`${url}/moto-api/`).then(({ ok }) => ok, () => false)
