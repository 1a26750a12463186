import path from 'node:path'
import { Worker } from 'node:worker_threads'
import type { Statement, StatementError, StatementResult } from './database.ts'
import type { StoreAnswer, StoreRequest } from './worker.ts'

/** Runs statements of SQL in their order. Rejects with StatementErrors. */
export interface Link {
  run(statement: Statement): Promise<StatementResult>
  /** Runs statements as one transaction. Transactions that wait together are committed together. */
  commit(statements: readonly Statement[]): Promise<void>
  close(): Promise<void>
}

type Distribute<T> = T extends unknown ? Omit<T, 'id'> : never

/** Opens a store in memory, in this thread: it never waits for a disk. */
async function openHere (file: string): Promise<Link> {
  // The database is loaded by the thread that opens it.
  const { openDatabase } = await import('./database.ts')
  const database = openDatabase(file)
  return {
    run: async (statement) => database.run(statement),
    async commit (statements) {
      const [error] = database.commit([statements])
      if (error !== undefined) throw error
    },
    close: async () => database.close()
  }
}

const lost: StatementError = { code: 'SQLITE_IOERR', message: 'the thread of the store has ended' }

/**
 * Answers that are handed out in one turn of the event loop. A group of commits ends at one moment, and what each of
 * them waits for may take long.
 */
const answersInTurn = 8

/**
 * Opens a file in a thread of its own, since each commit waits for the disk. Requests of one turn of the event loop go
 * to the thread together.
 */
async function openThread (file: string): Promise<Link> {
  const script = new URL(`worker${path.extname(import.meta.filename)}`, import.meta.url)
  const worker = new Worker(script, {
    workerData: { file },
    // The thread has little to remember.
    resourceLimits: { maxYoungGenerationSizeMb: 4 }
  })
  const pending = new Map<
    number,
    { resolve: (result: StatementResult) => void, reject: (error: unknown) => void }
  >()
  let lastId = 0
  let waiting: StoreRequest[] = []
  /** Answers that were not yet handed to their callers. */
  const arrived: StoreAnswer = []
  let hasEnded = false

  const flush = () => {
    worker.postMessage(waiting)
    waiting = []
  }

  const ask = (request: Distribute<StoreRequest>) =>
    new Promise<StatementResult>((resolve, reject) => {
      if (hasEnded) return reject(lost)
      const id = ++lastId
      pending.set(id, { resolve, reject })
      waiting.push({ id, ...request } as StoreRequest)
      if (waiting.length === 1) setImmediate(flush)
    })

  const settle = ({ id, result, error }: StoreAnswer[number]) => {
    const request = pending.get(id)
    pending.delete(id)
    if (error === undefined) request?.resolve(result!)
    else request?.reject(error)
  }

  const deliver = () => {
    for (const answer of arrived.splice(0, answersInTurn)) settle(answer)
    if (arrived.length > 0) setImmediate(deliver)
  }

  const end = (error: unknown) => {
    hasEnded = true
    for (const answer of arrived.splice(0)) settle(answer)
    for (const { reject } of pending.values()) reject(error)
    pending.clear()
  }

  await new Promise<void>((resolve, reject) => {
    worker.on('error', (error) => {
      end(error)
      reject(error)
    })
    worker.on('exit', () => end(lost))
    worker.on('message', (answers: StoreAnswer) => {
      if (answers[0]?.id === 0) resolve()
      const isDelivering = arrived.length > 0
      arrived.push(...answers)
      if (!isDelivering) deliver()
    })
  })

  return {
    run: (statement) => ask({ run: statement }),
    commit: async (statements) => {
      await ask({ commit: statements })
    },
    async close () {
      if (hasEnded) return
      const exited = new Promise((resolve) => worker.once('exit', resolve))
      await ask({ close: true })
      await exited
    }
  }
}

export const openLink = async (file: string): Promise<Link> =>
  file === ':memory:' ? openHere(file) : openThread(file)
