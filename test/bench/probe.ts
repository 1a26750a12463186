import inspector, { type Profiler } from 'node:inspector'
import { monitorEventLoopDelay, type IntervalHistogram } from 'node:perf_hooks'

let delay: IntervalHistogram | undefined
let session: inspector.Session | undefined

export interface Usage {
  /** Microseconds of processor time, user and system, of all threads. */
  cpu: number
  /** Bytes of resident memory, and the most there ever was. */
  rss: number
  peak: number
  /** Milliseconds that the event loop stood still at the longest since `watch`; 0 if it is not watched. */
  stall: number
}

const startProfile = () => {
  session = new inspector.Session()
  session.connect()
  session.post('Profiler.enable')
  session.post('Profiler.start', () => process.send!('profiling'))
}

const endProfile = () => session!.post('Profiler.stop', (error, result) => {
  session!.disconnect()
  process.send!(error === null ? result.profile satisfies Profiler.Profile : { nodes: [] })
})

/** Tells the process that measures where this one listens. */
export const tellAddress = (address: string) => process.send!({ address })

// Loaded into each measured process: it says what it has used up to now when it is asked, and ends with who asks.
process.on('message', (message) => {
  if (message === 'startProfile') return startProfile()
  if (message === 'endProfile') return endProfile()
  if (message === 'watch') {
    delay?.disable()
    delay = monitorEventLoopDelay({ resolution: 1 })
    delay.enable()
  }
  const { user, system } = process.cpuUsage()
  process.send!({
    cpu: user + system,
    rss: process.memoryUsage.rss(),
    peak: process.resourceUsage().maxRSS * 1024,
    stall: delay === undefined ? 0 : delay.max / 1e6
  } satisfies Usage)
})
process.on('disconnect', () => process.exit())
