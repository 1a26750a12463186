import { readdirSync, readFileSync } from 'node:fs'

const read = (file: string) => {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}

/** The parent of a process (proc(5)); 0 if there is none. */
const parentOf = (pid: number) => Number(/\) \w (\d+)/.exec(read(`/proc/${pid}/stat`))?.[1] ?? 0)

const isBelow = (pid: number, ancestor: number): boolean =>
  pid > 1 && (pid === ancestor || isBelow(parentOf(pid), ancestor))

/** The Python processes of Libcloud that the servers of this test have started. */
export const findBridges = () => readdirSync('/proc').map(Number).filter((pid) => pid > 0 &&
  /^[^\0]*python[^\0]*\0.*orchestrator_libcloud/.test(read(`/proc/${pid}/cmdline`)) && isBelow(pid, process.pid))

/** Bytes of resident memory of a process. */
export const memoryOf = (pid: number) => Number(/VmRSS:\s+(\d+)/.exec(read(`/proc/${pid}/status`))?.[1] ?? 0) * 1024

/** Milliseconds of processor time of a process. A tick of the kernel is 10 ms. */
export function processorTimeOf (pid: number) {
  const fields = read(`/proc/${pid}/stat`).replace(/^.*\) /, '').split(' ')
  return (Number(fields[11]) + Number(fields[12])) * 10
}

export function kill (pid: number, signal: NodeJS.Signals = 'SIGKILL') {
  try {
    process.kill(pid, signal)
  } catch { /* it has ended */ }
}
