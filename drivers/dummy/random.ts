/** Numbers from 0 up to 1 that are the same for the same seed (mulberry32): seeded nodes and faults can be told beforehand. */
export function createRandom (seed: number) {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** Eight hexadecimal digits from a source of random numbers. */
export const hexOf = (random: () => number) => Math.floor(random() * 2 ** 32).toString(16).padStart(8, '0')
