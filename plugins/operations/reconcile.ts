import type { FastifyBaseLogger } from 'fastify'
import type { SlowService } from '../../drivers/driver.ts'
import { ProblemError } from '../../openapi/model/index.ts'
import type { CloudHandle } from '../clouds/handle.ts'
import { readStatus } from './follow.ts'
import { judgeLostChange } from './outcome.ts'
import { toResource, untilCreated } from './resources.ts'
import type { OperationRow } from './rows.ts'
import type { Starter } from './start.ts'
import type { Transitions } from './transitions.ts'

/** The number of times that a create is sent in all, if each answer is lost and nothing is found. */
const maxAttempts = 3

export interface ReconcilerOptions {
  starter: Pick<Starter, 'sendAgain'>
  transitions: Transitions
  log: FastifyBaseLogger
  /** Whether the time is over in which a change whose outcome is unknown may still show. */
  isGivenUp(row: OperationRow): boolean
}

/** The error of an operation whose outcome stays unknown: what the cloud answered, and what is known of it now. */
const outcomeUnknown = ({ failure }: OperationRow, finding: string) => {
  const happened = failure?.detail.replace(/[.\s]+$/, '') ??
    'The server stopped before the cloud had answered'
  return new ProblemError('outcome_unknown', `${happened}. ${finding}`, {
    provider_error: failure?.provider_error
  })
}

/** Looks for what a create has made. Returns the error if the cloud has several resources that it may have made. */
async function findCreated (
  row: OperationRow,
  cloud: CloudHandle,
  service: SlowService<unknown, object, unknown>,
  input: object
) {
  try {
    return await cloud.call((_, call) =>
      service.findCreated!({ id: row.id, input }, new Date(row.created_at), call)
    )
  } catch (error) {
    if (error instanceof ProblemError && error.code === 'outcome_unknown') return error
    throw error
  }
}

/** Finds out what came of changes whose outcome is unknown. */
export function createReconciler ({ starter, transitions, log, isGivenUp }: ReconcilerOptions) {
  /** Looks for the resources of a create. Sends it again when it is certain that nothing was created. */
  const reconcileCreate = async (row: OperationRow, cloud: CloudHandle) => {
    await cloud.prepare()
    const service = cloud.connection[row.kind.split('.')[0] as 'volumes'] as SlowService<
      unknown,
      object,
      unknown
    >
    const input = row.input!
    if (service.findCreated === undefined) {
      return transitions.end(
        row.id,
        'failed',
        outcomeUnknown(
          row,
          'It is not known whether the cloud acted, and this cloud cannot be searched for what it created. ' +
            'Look for the resource before you try again'
        )
      )
    }
    const found = await findCreated(row, cloud, service, input)
    if (found instanceof ProblemError) return transitions.end(row.id, 'failed', found)
    if (found.length > 0) {
      return transitions.accept(row, { resources: found, until: untilCreated[found[0]!.kind] })
    }
    if (!isGivenUp(row)) return
    if (row.attempts >= maxAttempts) {
      return transitions.end(
        row.id,
        'failed',
        outcomeUnknown(
          row,
          `The create was sent ${row.attempts} times. No answer shows whether the cloud acted, and no resource is found`
        )
      )
    }
    const next = await transitions.retry(row)
    if (next === undefined) return
    log.warn({ operation: row.id }, 'the create made nothing and is sent again')
    await starter.sendAgain(next, (_, call) => service.create!(input, call), cloud)
  }

  const reconcileAction = async (row: OperationRow, cloud: CloudHandle) => {
    if (row.target === null) {
      return transitions.end(
        row.id,
        'failed',
        outcomeUnknown(
          row,
          'It is not known whether the cloud acted, and what it created cannot be found automatically'
        )
      )
    }
    const status = await readStatus(cloud, row.target)
    const verdict = judgeLostChange(row.kind, status)
    if (verdict === 'succeeded') {
      const resources = [toResource(row.cloud, row.target, status?.state)]
      return transitions.end(row.id, 'succeeded', null, { resources })
    }
    if (verdict !== 'unknown') {
      return transitions.accept(row, { resources: [row.target], until: verdict.until })
    }
    if (!isGivenUp(row)) return
    const state = status === null ? 'gone' : status.state
    await transitions.end(
      row.id,
      'failed',
      outcomeUnknown(row, `The resource is ${state}, which does not show whether the cloud acted`)
    )
  }

  return (row: OperationRow, cloud: CloudHandle) =>
    row.input === null ? reconcileAction(row, cloud) : reconcileCreate(row, cloud)
}
