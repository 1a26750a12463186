import { startProgram } from './child.ts'
import { median, print } from './figures.ts'
import { send } from './load.ts'

/** Measures the start of the program until it listens, with the default settings. */
export async function start () {
  const cpu: number[] = []
  const idle: number[] = []
  const used: number[] = []
  for (let i = 0; i < 7; i++) {
    const program = await startProgram()
    const atStart = await program.usage()
    cpu.push(atStart.cpu)
    idle.push(atStart.rss)
    await send(program, { path: '/api/v2/nodes', requests: 1, connections: 1 })
    used.push((await program.usage()).rss)
    await program.stop()
  }
  print('Start, with the default farm', [
    { what: 'processor time until it listens', value: median(cpu) / 1e6, unit: 's', atMost: 0.6 },
    { what: 'resident memory when it listens', value: median(idle) / 1e6, unit: 'MB', atMost: 95 },
    { what: 'resident memory after the first list', value: median(used) / 1e6, unit: 'MB' }
  ])
}
