interface Timed {
  /** The time in milliseconds since 1970. */
  at: number
}

/** Keeps items by their time, the earliest first, as a binary heap: one item more or less costs log n comparisons. */
export function createDueQueue<T extends Timed> () {
  const heap: T[] = []

  const swap = (i: number, j: number) => {
    const item = heap[i]!
    heap[i] = heap[j]!
    heap[j] = item
  }

  const rise = (start: number) => {
    for (let i = start; i > 0;) {
      const parent = (i - 1) >> 1
      if (heap[parent]!.at <= heap[i]!.at) return
      swap(i, parent)
      i = parent
    }
  }

  const sink = () => {
    for (let i = 0; ;) {
      const left = 2 * i + 1
      const right = left + 1
      let first = i
      if (left < heap.length && heap[left]!.at < heap[first]!.at) first = left
      if (right < heap.length && heap[right]!.at < heap[first]!.at) first = right
      if (first === i) return
      swap(i, first)
      i = first
    }
  }

  return {
    add (item: T) {
      heap.push(item)
      rise(heap.length - 1)
    },
    /** Removes and returns the first item if it is due; undefined otherwise. */
    take (now: number): T | undefined {
      const [first] = heap
      if (first === undefined || first.at > now) return undefined
      const last = heap.pop()!
      if (heap.length > 0) {
        heap[0] = last
        sink()
      }
      return first
    }
  }
}
