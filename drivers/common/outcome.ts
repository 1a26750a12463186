/** The kinds of cloud, by the protocol that they speak. Rackspace speaks `openstack`, Eucalyptus `ec2`. */
export type CloudProtocol = 'openstack' | 'ec2'

/**
 * How a call ended without a useful answer.
 * - `queued`: it ended in a queue of this server.
 * - `unsent`: no byte of it was sent, because there was no connection.
 * - `lost`: it was sent, and its answer is missing or incomplete.
 * - `malformed`: the cloud answered with success, but the answer lacks its content.
 */
export type MissingAnswer = 'queued' | 'unsent' | 'lost' | 'malformed'

export interface CallEnd {
  /** True if the call changes nothing at the cloud, whatever its HTTP method is. */
  read: boolean
  /** The HTTP status of an error, or the reason why there is none. */
  answer: number | MissingAnswer
  /** Undefined for the transport, which is the same for all clouds. */
  cloud?: CloudProtocol
  /** The error code in the body of the answer; '' if it has none. Only EC2's codes matter. */
  code?: string
}

export interface Outcome {
  /** `certain`: the change was not made. `unknown`: it may have been made. */
  outcome: 'certain' | 'unknown'
  reason: string
}

interface OutcomeRule extends Outcome {
  /** Default: reads and changes. */
  calls?: 'read' | 'change'
  answers?: readonly MissingAnswer[]
  /** The first and the last status. */
  statuses?: readonly [number, number]
  /** Default: all. */
  cloud?: CloudProtocol
  code?: RegExp
}

const throttling =
  /^(RequestLimitExceeded|Throttl|RequestThrottled|EC2Throttled|BandwidthLimitExceeded|SlowDown|TooManyRequests)/

/** Decides whether a failed call may have changed something at the cloud. The first rule that matches applies. */
export const outcomeRules: readonly OutcomeRule[] = [
  { calls: 'read', outcome: 'certain', reason: 'A read changes nothing.' },
  {
    answers: ['queued'],
    outcome: 'certain',
    reason: 'The call waited in a queue of this server and was not sent.'
  },
  {
    answers: ['unsent'],
    outcome: 'certain',
    reason: 'There was no connection, so the cloud received nothing.'
  },
  {
    answers: ['lost'],
    outcome: 'unknown',
    reason: 'The cloud may have acted before its answer was lost.'
  },
  {
    answers: ['malformed'],
    outcome: 'unknown',
    reason: 'The cloud answered with success, so it has probably acted.'
  },
  {
    statuses: [300, 399],
    outcome: 'certain',
    reason: 'A redirection says that the request belongs elsewhere.'
  },
  {
    statuses: [400, 499],
    outcome: 'certain',
    reason: 'The cloud refused the request before it acted.'
  },
  { statuses: [501, 501], outcome: 'certain', reason: 'The cloud does not have the function.' },
  {
    statuses: [505, 505],
    outcome: 'certain',
    reason: 'The cloud did not accept the HTTP version, so it did not act.'
  },
  {
    // Amazon's "Error codes for the Amazon EC2 API": InsufficientInstanceCapacity and its like have status 500.
    cloud: 'ec2',
    statuses: [500, 599],
    code: /^Insufficient/,
    outcome: 'certain',
    reason: 'EC2 reports missing capacity with a 5xx and makes nothing.'
  },
  {
    cloud: 'ec2',
    statuses: [500, 599],
    code: throttling,
    outcome: 'certain',
    reason: 'EC2 refuses too frequent requests with 503, before it acts.'
  },
  {
    cloud: 'ec2',
    statuses: [503, 503],
    code: /^Unavailable$/,
    outcome: 'certain',
    reason: 'EC2 is overloaded and did not accept the request.'
  },
  {
    // InternalError, InternalFailure, ServiceUnavailable ("failed due to a temporary failure of the server"), and pages
    // of a load balancer, which have no code.
    cloud: 'ec2',
    statuses: [500, 599],
    outcome: 'unknown',
    reason: 'EC2 failed at an unknown point; it may have acted.'
  },
  {
    // HAProxy answers 503 if it has found no server for a request; so do the services of OpenStack while they start.
    statuses: [503, 503],
    outcome: 'certain',
    reason: 'The service, or the load balancer before it, did not accept the request.'
  },
  {
    // Nova commits a server to its database and casts the build, and can fail after that. Mimic made a server and
    // answered 500.
    statuses: [500, 500],
    outcome: 'unknown',
    reason: 'The service failed at an unknown point; it may have acted.'
  },
  {
    statuses: [502, 502],
    outcome: 'unknown',
    reason: 'A gateway lost the answer of the service, which may have acted.'
  },
  {
    statuses: [504, 504],
    outcome: 'unknown',
    reason: 'A gateway stopped waiting for the service, which may still act.'
  },
  {
    statuses: [500, 599],
    outcome: 'unknown',
    reason: 'The status is not defined, so the point of the failure is unknown.'
  }
]

const isInRange = (answer: CallEnd['answer'], [first, last]: readonly [number, number]) =>
  typeof answer === 'number' && answer >= first && answer <= last

const applies = (rule: OutcomeRule, { read, answer, cloud, code = '' }: CallEnd) =>
  (rule.calls === undefined || rule.calls === (read ? 'read' : 'change')) &&
  (rule.answers === undefined || rule.answers.includes(answer as MissingAnswer)) &&
  (rule.statuses === undefined || isInRange(answer, rule.statuses)) &&
  (rule.cloud === undefined || rule.cloud === cloud) &&
  (rule.code === undefined || rule.code.test(code))

const undefinedStatus: Outcome = {
  outcome: 'unknown',
  reason: 'The cloud answered with a status that HTTP does not have.'
}

/** Returns what is known about a call that has failed, with the reason. */
export function outcomeOf (end: CallEnd): Outcome {
  const { outcome, reason } = outcomeRules.find((rule) => applies(rule, end)) ?? undefinedStatus
  return { outcome, reason }
}

/** Whether a failed call may have changed something at the cloud: the `outcomeUnknown` of its error. */
export const isOutcomeUnknown = (end: CallEnd): boolean => outcomeOf(end).outcome === 'unknown'
