import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { Compile } from 'typebox/compile'
import { ProblemError } from '../../openapi/model/index.ts'
import { StoredState } from './stored.ts'

const hint = 'Repair the file, or move it away: the cloud then begins anew.'

/** The state in this file; undefined where there is no such file. Throws provider_error where it cannot be read or is damaged. */
export async function readState (file: string): Promise<StoredState | undefined> {
  let text: string
  try {
    text = await readFile(file, 'utf8')
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    if (code === 'ENOENT') return undefined
    throw new ProblemError('provider_error', `The state file ${file} of the dummy cloud cannot be read (${code})`, { cause, hint })
  }
  const state = parse(text)
  if (Compile(StoredState).Check(state)) return state
  throw new ProblemError('provider_error', `The state file ${file} of the dummy cloud is damaged`, { hint })
}

function parse (text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/**
 * Writes what `content` tells whenever `save` is called; a save resolves when the state of its moment is in the file.
 * Those that come during a write share the next one. The file is replaced whole: who is killed meanwhile leaves the one
 * before. Throws provider_error; the change itself has taken place then.
 */
export function createWriter (file: string, content: () => string) {
  let last: Promise<void> = Promise.resolve()
  let queued: Promise<void> | undefined

  const write = async () => {
    queued = undefined
    try {
      await mkdir(dirname(file), { recursive: true })
      await writeFile(`${file}.tmp`, content(), { mode: 0o600 })
      await rename(`${file}.tmp`, file)
    } catch (cause) {
      const { code } = cause as NodeJS.ErrnoException
      throw new ProblemError('provider_error', `The state file ${file} of the dummy cloud cannot be written (${code})`, {
        cause, outcomeUnknown: true, hint: 'See that the folder is there, has room and may be written to.'
      })
    }
  }

  return {
    save () {
      queued ??= last = last.catch(() => {}).then(write)
      return queued
    },
    /** Resolves when nothing is left to write. */
    flush: () => last.catch(() => {})
  }
}
