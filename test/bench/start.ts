import { startProgram } from './child.ts'
import { median, print } from './figures.ts'
import { send } from './load.ts'

/** Measures the start of the program until it listens, with the default settings. */
export async function start () {
  const cpu: number[] = []
  const rss: number[] = []
  for (let i = 0; i < 7; i++) {
    const program = await startProgram()
    cpu.push((await program.usage()).cpu)
    await send(program, { path: '/api/v2/nodes', requests: 1, connections: 1 })
    rss.push((await program.usage()).rss)
    await program.stop()
  }
  print('Start, with the default farm', [
    { what: 'processor time until it listens', value: median(cpu) / 1e6, unit: 's', atMost: 1.2 },
    { what: 'resident memory after the first list', value: median(rss) / 1e6, unit: 'MB', atMost: 100 }
  ])
}
