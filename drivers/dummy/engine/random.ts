/** Creates a generator of numbers in [0, 1), which are the same for the same seed (mulberry32). */
export function createRandom (seed: number) {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** Draws ids until `isTaken` accepts one: the prefix and eight hexadecimal digits. */
export function newId (
  prefix: string,
  isTaken: (id: string) => boolean,
  random: () => number = Math.random
) {
  for (;;) {
    const digits = Math.floor(random() * 2 ** 32).toString(16).padStart(8, '0')
    const id = `${prefix}-${digits}`
    if (!isTaken(id)) return id
  }
}
