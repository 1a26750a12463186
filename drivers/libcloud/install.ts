import { execFile, spawn } from 'node:child_process'
import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { promisify } from 'node:util'
import type { InstallOptions } from '../driver.ts'
import { bridge, environmentOf, homeOf, pythonOf, requirements, tableOf } from './places.ts'

const run = promisify(execFile)

/** Runs a command whose output the user sees. Throws an Error that names it, if it fails. */
async function show (command: string, args: readonly string[]) {
  const child = spawn(command, args, { stdio: ['ignore', 'inherit', 'inherit'] })
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', resolve)
  })
  if (code !== 0) {
    throw new Error(`${[command, ...args].join(' ')} ended with the exit code ${code}`)
  }
}

const versionCheck = 'import sys, venv, ensurepip; assert sys.version_info >= (3, 10), sys.version'

async function checkPython (python: string) {
  try {
    await run(python, ['-c', versionCheck])
  } catch (error) {
    const { stderr = '', message } = error as Error & { stderr?: string }
    const reason = stderr.trim().split('\n').at(-1) ?? ''
    throw new Error(
      `Python 3.10 or later with venv is needed (on Debian: apt-get install python3-venv): ${python}: ` +
        `${reason === '' ? message : reason}`
    )
  }
}

/**
 * Makes a virtual environment with Apache Libcloud in the data folder, and writes the table of its providers. pip reads
 * its own settings, so another index or an offline folder works.
 */
export async function install ({ dataDirectory, packages, print }: InstallOptions): Promise<void> {
  const home = homeOf(dataDirectory)
  const environment = environmentOf(home)
  const python = pythonOf(home)
  await checkPython('python3')
  mkdirSync(home, { recursive: true })
  rmSync(environment, { recursive: true, force: true })
  print(`The virtual environment ${environment} is made.`)
  await show('python3', ['-m', 'venv', environment])
  const pip = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check']
  await show(python, [...pip, '--require-hashes', '-r', requirements])
  if (packages.length > 0) await show(python, [...pip, ...packages])
  const { stdout } = await run(python, ['-E', '-s', '-B', bridge, 'providers'], {
    maxBuffer: 64 * 1024 * 1024
  })
  const table = tableOf(home)
  writeFileSync(`${table}.new`, stdout)
  renameSync(`${table}.new`, table)
  const { length } = JSON.parse(stdout) as unknown[]
  print(
    `Apache Libcloud with ${length} providers is installed. GET /api/v2/drivers/libcloud lists them.`
  )
}
