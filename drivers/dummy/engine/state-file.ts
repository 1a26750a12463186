import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { Compile } from 'typebox/compile'
import { ProblemError, type ProblemDetails } from '../../../openapi/model/index.ts'
import { StateFile } from './records.ts'

const fileError = (file: string, reason: string, details: ProblemDetails) =>
  new ProblemError('provider_error', `The state file ${file} of the dummy cloud ${reason}`, details)

const readHint = 'Repair the file, or move it away to start with a new cloud.'
const writeHint = 'Check that the folder exists, has free space and is writable.'

/** Returns undefined if the file does not exist. Throws provider_error if it is unreadable or damaged. */
export async function readStateFile (file: string): Promise<StateFile | undefined> {
  let text: string
  try {
    text = await readFile(file, 'utf8')
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    if (code === 'ENOENT') return undefined
    throw fileError(file, `cannot be read (${code})`, { cause, hint: readHint })
  }
  const state = parseJson(text)
  if (Compile(StateFile).Check(state)) return state
  throw fileError(file, 'is damaged', { hint: readHint })
}

function parseJson (text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/**
 * Creates the writer of a state file. `save` resolves when the file holds the state of that moment, and throws
 * provider_error, although the change itself has taken place. Saves during a write share the next write. Each write
 * replaces the whole file, so that a process killed during a write leaves the file before it.
 */
export function createStateWriter (file: string, serialize: () => string) {
  let last: Promise<void> = Promise.resolve()
  let queued: Promise<void> | undefined

  const write = async () => {
    queued = undefined
    try {
      await mkdir(dirname(file), { recursive: true })
      await writeFile(`${file}.tmp`, serialize(), { mode: 0o600 })
      await rename(`${file}.tmp`, file)
    } catch (cause) {
      const { code } = cause as NodeJS.ErrnoException
      throw fileError(file, `cannot be written (${code})`, {
        cause, outcomeUnknown: true, hint: writeHint
      })
    }
  }

  return {
    save () {
      queued ??= last = last.catch(() => {}).then(write)
      return queued
    },
    /** Resolves when all writes have ended. */
    flush: () => last.catch(() => {})
  }
}
