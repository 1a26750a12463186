import type { EventEnvelope } from '../../openapi/model/index.ts'
import type { Caller } from '../auth/caller.ts'
import { scopeOf } from '../http/answers.ts'
import type { StoredEvent } from './event.ts'
import type { Events } from './index.ts'

/** Selects the events of a client. */
export interface Viewer {
  fits: (event: StoredEvent) => boolean
  /** Equal for equal filters. */
  filterKey: string
}

export interface StreamTexts {
  /** Returns the text of the events of a batch that a client wants and may see; null if there are none. */
  render(viewer: Viewer, caller: Caller, batch: readonly StoredEvent[]): Buffer | null
}

/** Texts that are kept. */
const maxKept = 500

/** Writes an event as server-sent events have it. */
export const toText = (id: string, envelope: EventEnvelope) =>
  `id: ${id}\nevent: ${envelope.type}\ndata: ${JSON.stringify(envelope)}\n\n`

/** Renders the events of streams, once for all clients who see the same. */
export function createStreamTexts (events: Pick<Events, 'show' | 'toId'>): StreamTexts {
  const kept = new Map<string, Buffer | null>()

  const render: StreamTexts['render'] = ({ fits }, caller, batch) => {
    const texts = batch.filter(fits).flatMap((event) => {
      const envelope = events.show(event, caller)
      return envelope === undefined ? [] : [toText(events.toId(event.position), envelope)]
    })
    return texts.length === 0 ? null : Buffer.from(texts.join(''))
  }

  return {
    render (viewer, caller, batch) {
      const range = `${batch[0]!.id} ${batch.at(-1)!.id}`
      const key = `${range} ${caller.identity} ${scopeOf(caller)} ${viewer.filterKey}`
      const known = kept.get(key)
      if (known !== undefined) return known
      const text = render(viewer, caller, batch)
      if (kept.size >= maxKept) kept.clear()
      kept.set(key, text)
      return text
    }
  }
}
