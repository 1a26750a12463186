/**
 * Errors of Eucalyptus. There are two kinds, and a client must know both:
 * - a fault of the service is EC2's XML with EC2's code (a client's error is 400, missing rights 403, no capacity 503,
 *   anything else 500);
 * - a fault of the pipeline before the service (signature, timestamp, unknown action or parameter, unknown path) is the
 *   same XML sent as text/plain, its code being the line of the HTTP status and its request id the message once more,
 *   neither of them escaped.
 * From Eucalyptus' NioServerHandler, Binding.createRestFault, ErrorHandlerSupport and ComputeErrorHandler.
 */
import { STATUS_CODES } from 'node:http'
import { escape } from './xml.ts'

export interface Answer {
  status: number
  type: string
  text: string
  /** pipeline faults end the connection */
  close?: boolean
}

export class Refusal extends Error {
  readonly answer: (requestId: string) => Answer

  constructor (message: string, answer: (requestId: string) => Answer) {
    super(message)
    this.answer = answer
  }
}

export function fault (code: string, message: string, status = 400): Refusal {
  return new Refusal(message, (requestId) => ({
    status,
    type: 'application/xml; charset=UTF-8',
    text:
      '<?xml version="1.0"?><Response><Errors>' +
      `<Error><Code>${escape(code)}</Code><Message>${escape(message)}</Message></Error></Errors>` +
      `<RequestID>${requestId}</RequestID></Response>`
  }))
}

/** An unexpected error is a failure of the service. */
export function failure (message: string): Refusal {
  return fault('InternalFailure', message, 500)
}

export function pipelineFault (status: number, message: string): Refusal {
  const line = `${status} ${STATUS_CODES[status]}`
  return new Refusal(message, () => ({
    status,
    type: 'text/plain; charset=UTF-8',
    text:
      '<?xml version="1.0"?><Response><Errors>' +
      `<Error><Code>${line}</Code><Message>${message}</Message></Error></Errors>` +
      `<RequestID>${message}</RequestID></Response>`,
    close: true
  }))
}
