import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads'
import {
  openDatabase,
  type Statement,
  type StatementError,
  type StatementResult
} from './database.ts'

/** A request to the thread of the store. */
export type StoreRequest =
  | { id: number, run: Statement }
  | { id: number, commit: readonly Statement[] }
  | { id: number, close: true }

/** The answers to requests, in their order. */
export type StoreAnswer = { id: number, result?: StatementResult, error?: StatementError }[]

const port = parentPort!
const database = openDatabase((workerData as { file: string }).file)

function run (id: number, statement: Statement): StoreAnswer[number] {
  try {
    return { id, result: database.run(statement) }
  } catch (error) {
    const { code = 'UNKNOWN', message } = error as { code?: string, message: string }
    return { id, error: { code, message } }
  }
}

/** Handles requests in their order. Commits that follow each other are made together. */
function handle (requests: readonly StoreRequest[]) {
  const answers: StoreAnswer = []
  let isClosed = false
  let group: { id: number, commit: readonly Statement[] }[] = []
  const commitGroup = () => {
    if (group.length === 0) return
    const errors = database.commit(group.map(({ commit }) => commit))
    answers.push(...group.map(({ id }, i) => ({ id, error: errors[i] })))
    group = []
  }
  for (const request of requests) {
    if ('commit' in request) {
      group.push(request)
      continue
    }
    commitGroup()
    if ('run' in request) {
      answers.push(run(request.id, request.run))
      continue
    }
    database.close()
    answers.push({ id: request.id })
    isClosed = true
  }
  commitGroup()
  port.postMessage(answers)
  if (isClosed) port.close()
}

port.on('message', (first: StoreRequest[]) => {
  const requests = [...first]
  // Requests that arrived while the disk was busy are written together.
  for (
    let next = receiveMessageOnPort(port); next !== undefined; next = receiveMessageOnPort(port)
  ) {
    requests.push(...next.message as StoreRequest[])
  }
  handle(requests)
})
port.postMessage([{ id: 0 }] satisfies StoreAnswer)
