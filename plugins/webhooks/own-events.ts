import type { StoredEvent } from '../events/event.ts'
import { resetData, resetType } from '../events/reset.ts'
import { createEventId } from '../events/writer.ts'

/** The type of the event that an owner sends to try a webhook. */
export const testType = 'webhook.test'

/** Makes an event of one webhook, which is only in its deliveries. */
const createOwn = (
  { type, resource, content }: Pick<StoredEvent, 'type' | 'resource' | 'content'>
): StoredEvent => ({
  id: createEventId(),
  type,
  cloud: null,
  resource,
  content,
  position: { xid: 0, seq: 0 },
  time: new Date().toISOString(),
  server: null,
  size: 0
})

export const createTestEvent = (webhook: string) =>
  createOwn({
    type: testType,
    resource: `/api/v2/webhooks/${webhook}`,
    content: { message: 'This is a test.' }
  })

/** Tells the receiver that events are missing. */
export const createResetEvent = () =>
  createOwn({
    type: resetType,
    resource: null,
    content: resetData('Events before this one are no longer kept and were not sent.')
  })
