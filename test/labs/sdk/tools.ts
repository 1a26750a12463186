import { spawn } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'
import { root } from '../../helper/app.ts'

/** The folder of the tools that test/labs/sdk/install has installed. */
export const tools = path.join(root, '.tools')

/** Runs a program in a folder to its end. Resolves with its exit code, its stdout, and all of its output. */
export async function runProgram (cwd: string, program: string, args: readonly string[]) {
  const env = {
    ...process.env,
    // The folder has a Go of its own if the installed one is too old.
    PATH: `${tools}/python/bin:${process.env['PATH']}`,
    GOTOOLCHAIN: 'local',
    REDOCLY_SUPPRESS_UPDATE_NOTICE: 'true',
    REDOCLY_TELEMETRY: 'off',
    PYTHONPATH: 'orchestrator'
  }
  const child = spawn(program, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] })
  const written = { stdout: '', output: '' }
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    written.stdout += text
    written.output += text
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => { written.output += text })
  const [code] = await once(child, 'close') as [number | null]
  return { ...written, code: code ?? 128 }
}

/** Does the same. Resolves with its stdout; throws an Error with its output if it exits with another code than 0. */
export async function runOrThrow (cwd: string, program: string, args: readonly string[]): Promise<string> {
  const { code, stdout, output } = await runProgram(cwd, program, args)
  if (code !== 0) throw new Error(`${program} ${args.join(' ')} ended with ${code}:\n${output.slice(-6000)}`)
  return stdout
}
