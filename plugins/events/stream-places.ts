import type { Settings } from '../../config/index.ts'
import { ProblemError } from '../../openapi/model/index.ts'

/** The streams that may be open at once. */
export interface StreamPlaces {
  /**
   * Takes a place for a caller. Returns the function that gives it back. Throws overloaded if the server has none, and
   * rate_limited if the caller has too many.
   */
  take(identity: string): () => void
  /** The number of places that are taken. */
  readonly taken: number
}

/** Limits the streams of the server, and those of each caller if callers are known. */
export function createStreamPlaces (
  { streams: maxStreams, streams_per_caller: maxPerCaller }: Settings['events'],
  areCallersKnown: boolean
): StreamPlaces {
  const perCaller = new Map<string, number>()
  let taken = 0

  const give = (identity: string) => {
    taken--
    const left = perCaller.get(identity)! - 1
    if (left === 0) perCaller.delete(identity)
    else perCaller.set(identity, left)
  }

  return {
    get taken () {
      return taken
    },
    take (identity) {
      if (taken >= maxStreams) {
        throw new ProblemError(
          'overloaded',
          `${maxStreams} streams of events are open, which is the limit of this server (events.streams)`,
          { retry_after: 5 }
        )
      }
      const own = perCaller.get(identity) ?? 0
      if (areCallersKnown && own >= maxPerCaller) {
        throw new ProblemError('rate_limited', `A caller may have ${maxPerCaller} streams of events`, {
          retry_after: 5,
          hint: 'Close a stream before you open another.'
        })
      }
      taken++
      perCaller.set(identity, own + 1)
      let isHeld = true
      return () => {
        if (!isHeld) return
        isHeld = false
        give(identity)
      }
    }
  }
}
