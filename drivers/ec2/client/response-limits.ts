import type { EC2Client } from '@aws-sdk/client-ec2'
import { ProblemError } from '../../../openapi/model/index.ts'
import { maxBodySize } from '../../common/http.ts'

type RequestHandler = EC2Client['config']['requestHandler']

/**
 * Makes a request handler of the SDK read each response itself, up to the limits of size and time (milliseconds) that
 * the HTTP client has too. The SDK limits neither. Its clients for credentials use the same handler.
 */
export function limitResponses (handler: RequestHandler, timeout: number) {
  const handle = handler.handle.bind(handler)

  handler.handle = async (request, options) => {
    const controller = new AbortController()
    const timer = setTimeout(() => controller.abort(timedOut()), timeout)
    const { abortSignal: own } = (options ?? {}) as { abortSignal?: AbortSignal }
    const abortSignal = own === undefined
      ? controller.signal
      : AbortSignal.any([controller.signal, own])
    try {
      const result = await handle(request, { ...options, abortSignal })
      // The SDK accepts a body of bytes in place of a stream.
      result.response.body = await collect(result.response.body as AsyncIterable<Uint8Array>)
      return result
    } catch (error) {
      throw controller.signal.aborted ? controller.signal.reason : error
    } finally {
      clearTimeout(timer)
    }
  }
}

const timedOut = () =>
  new ProblemError('provider_timeout', 'The cloud did not answer in time', { outcomeUnknown: true })

/** Leaving the loop destroys the stream and its connection. */
async function collect (body: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  let size = 0
  try {
    for await (const chunk of body) {
      size += chunk.length
      if (size > maxBodySize) throw tooLarge()
      chunks.push(chunk)
    }
  } catch (cause) {
    if (cause instanceof ProblemError) throw cause
    // The SDK decides by the cause whether it may try again.
    throw new ProblemError(
      'provider_error',
      'The connection to the cloud broke before its answer was complete',
      {
        cause,
        outcomeUnknown: true
      }
    )
  }
  return chunks.length === 1 ? Buffer.from(chunks[0]!) : Buffer.concat(chunks)
}

function tooLarge () {
  const detail = `The response of the cloud is larger than ${maxBodySize / 1024 / 1024} MiB`
  return new ProblemError('provider_error', detail, { outcomeUnknown: true })
}
