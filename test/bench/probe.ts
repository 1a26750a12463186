export interface Usage {
  /** Microseconds of processor time, user and system, of all threads. */
  cpu: number
  /** Bytes of resident memory, and the most there ever was. */
  rss: number
  peak: number
}

/** Tells the process that measures where this one listens. */
export const tellAddress = (address: string) => process.send!({ address })

// Loaded into each measured process: it says what it has used up to now when it is asked, and ends with who asks.
process.on('message', () => {
  const { user, system } = process.cpuUsage()
  process.send!({
    cpu: user + system,
    rss: process.memoryUsage.rss(),
    peak: process.resourceUsage().maxRSS * 1024
  } satisfies Usage)
})
process.on('disconnect', () => process.exit())
