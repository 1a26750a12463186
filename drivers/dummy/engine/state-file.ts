import { mkdir, open, readFile, rename, rm, type FileHandle } from 'node:fs/promises'
import { dirname } from 'node:path'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { Compile } from '#typebox/compile'
import { ProblemError, type ProblemDetails } from '../../../openapi/model/index.ts'
import { StateFile } from './records.ts'
import { applyLog, parseLog } from './state-log.ts'
import type { Store } from './store.ts'

const fileError = (file: string, reason: string, details: ProblemDetails) =>
  new ProblemError('provider_error', `The state file ${file} of the dummy cloud ${reason}`, details)

const readHint = 'Repair the file, or move it away to start with a new cloud.'
const writeHint = 'Check that the folder exists, has free space and is writable.'

const logOf = (file: string) => `${file}.log`

/** Reads a file; undefined if it does not exist. */
async function readText (file: string) {
  try {
    return await readFile(file, 'utf8')
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    if (code === 'ENOENT') return undefined
    throw fileError(file, `cannot be read (${code})`, { cause, hint: readHint })
  }
}

/**
 * Reads a state file and its log. Returns undefined if the file does not exist. Throws provider_error if one of them is
 * unreadable or damaged.
 */
export async function readStateFile (file: string): Promise<StateFile | undefined> {
  const text = await readText(file)
  if (text === undefined) return undefined
  const log = await readText(logOf(file)) ?? ''
  const state = tryParse(() => JSON.parse(text) as unknown)
  if (!Compile(StateFile).Check(state)) throw fileError(file, 'is damaged', { hint: readHint })
  const lines = tryParse(() => parseLog(log, state.generation ?? 0))
  const whole = lines === undefined || lines.length === 0 ? state : applyLog(state, lines)
  if (lines !== undefined && (whole === state || Compile(StateFile).Check(whole))) return whole
  throw fileError(logOf(file), 'is damaged', { hint: readHint })
}

function tryParse<T> (parse: () => T): T | undefined {
  try {
    return parse()
  } catch {
    return undefined
  }
}

/** Bytes of a log after which the state file is written again, if the log is longer than twice the file, too. */
const minLogSize = 1024 * 1024

/** Writes a state file in parts, so that a large one does not hold up the event loop. */
async function writeParts (file: string, parts: Iterable<string>) {
  const handle = await open(`${file}.tmp`, 'w', 0o600)
  let size = 0
  try {
    for (const part of parts) {
      size += (await handle.write(part)).bytesWritten
      await nextTurn()
    }
  } finally {
    await handle.close()
  }
  await rename(`${file}.tmp`, file)
  return size
}

/** Creates a small buffer for the parts of a state file, most of which are a few characters. */
function * joinParts (parts: Iterable<string>) {
  let text = ''
  for (const part of parts) {
    text += part
    if (text.length < 64 * 1024) continue
    yield text
    text = ''
  }
  yield text
}

/**
 * Creates the writer of a state file. `save` resolves when the file and its log hold the state of that moment, and
 * throws provider_error, although the change itself has taken place. Saves during a write share the next write.
 *
 * A save appends the changes to the log. The first save, one after a failure, and one that finds the log too long write
 * the whole file under the next generation, and begin a new log. Lines of other generations do not count, so that a
 * process killed at any moment loses nothing that was saved. Changes during a rewrite are in the new log, too.
 */
export function createStateWriter (
  file: string,
  { takeChanges, toJson }: Pick<Store, 'takeChanges' | 'toJson'>,
  firstGeneration: number
) {
  let last: Promise<void> = Promise.resolve()
  let queued: Promise<void> | undefined
  let generation = firstGeneration
  let log: FileHandle | undefined
  let size = 0
  let logSize = 0
  let isLogged = false

  const rewrite = async () => {
    await log?.close()
    log = undefined
    await mkdir(dirname(file), { recursive: true })
    // Later changes are in the log, too.
    takeChanges()
    size = await writeParts(file, joinParts(toJson(generation + 1)))
    generation++
    log = await open(logOf(file), 'w', 0o600)
    logSize = 0
    isLogged = true
  }

  const append = async () => {
    const changes = takeChanges()
    if (changes === undefined) return
    const { bytesWritten } = await log!.write(`{"base":${generation},${changes}}\n`)
    logSize += bytesWritten
  }

  const write = async () => {
    queued = undefined
    try {
      if (!isLogged || logSize > Math.max(minLogSize, 2 * size)) await rewrite()
      await append()
    } catch (cause) {
      // The next whole file has the changes that the log lacks.
      isLogged = false
      const { code } = cause as NodeJS.ErrnoException
      throw fileError(file, `cannot be written (${code})`, {
        cause,
        outcomeUnknown: true,
        hint: writeHint
      })
    }
  }

  return {
    save () {
      queued ??= last = last.catch(() => {}).then(write)
      return queued
    },
    /** Resolves when all writes have ended and the file alone has everything. */
    async close () {
      await last.catch(() => {})
      if (!isLogged) return
      try {
        if (logSize > 0) await rewrite()
        await log?.close()
        await rm(logOf(file), { force: true })
      } catch { /* the file and its log have everything */ }
    }
  }
}
