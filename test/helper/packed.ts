import { execFile, spawn } from 'node:child_process'
import { mkdirSync, readFileSync, symlinkSync } from 'node:fs'
import path from 'node:path'
import { promisify } from 'node:util'
import type { Test } from 'tap'
import { root } from './app.ts'

/** Helpers for tests of the package as npm installs it. */

export const run = promisify(execFile)

/** Resolves to the output of a command, also if it fails. */
export const outputOf = async (command: string, args: string[], cwd: string, env: Record<string, string> = {}) => {
  const options = { cwd, env: { PATH: process.env['PATH'], HOME: cwd, ...env } }
  return run(command, args, options).then(
    ({ stdout, stderr }) => ({ ok: true, text: stdout + stderr }),
    ({ stdout, stderr }: { stdout: string, stderr: string }) => ({ ok: false, text: stdout + stderr }))
}

/** Unpacks the tarball as npm would install it. Its dependencies are those of this repository. */
async function install (tarball: string, folder: string) {
  const target = path.join(folder, 'node_modules/cloud-orchestrator')
  mkdirSync(target, { recursive: true })
  await run('tar', ['xzf', tarball, '-C', target, '--strip-components=1'])
  const { dependencies } = JSON.parse(readFileSync(path.join(target, 'package.json'), 'utf8')) as {
    dependencies: Record<string, string>
  }
  for (const name of [...Object.keys(dependencies), '@types/node']) {
    const link = path.join(folder, 'node_modules', name)
    mkdirSync(path.dirname(link), { recursive: true })
    symlinkSync(path.join(root, 'node_modules', name), link)
  }
  return target
}

/** Packs this package and installs it into a folder. Resolves to the folder of the installed package. */
export async function installPacked (folder: string): Promise<string> {
  await run(process.execPath, ['bundle-server.js'], { cwd: root })
  const { stdout } = await run('npm', ['pack', '--ignore-scripts', '--pack-destination', folder], { cwd: root })
  return install(path.join(folder, stdout.trim().split('\n').at(-1)!), folder)
}

/** Starts a server and resolves to its address. It ends with the test. */
export async function startServer (t: Test, cli: string, cwd: string, env: Record<string, string>): Promise<string> {
  const child = spawn(process.execPath, [cli], {
    cwd, env: { PATH: process.env['PATH'], PORT: '0', ...env }, stdio: ['ignore', 'pipe', 'inherit']
  })
  const ended = new Promise((resolve) => child.once('exit', resolve))
  t.teardown(async () => {
    child.kill('SIGTERM')
    await ended
  })
  let output = ''
  for await (const chunk of child.stdout) {
    output += String(chunk)
    const [, address] = /API +(http:\/\/[^/]+)/.exec(output) ?? []
    if (address !== undefined) {
      child.stdout.resume()
      return address
    }
  }
  throw new Error(`the server did not start: ${output}`)
}
