import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

export const faultKinds = ['full', 'read-only', 'slow'] as const
export type FaultKind = typeof faultKinds[number]

const mebibyte = 1024 * 1024
/** Milliseconds that a slow disk accepts no write, and those until the next pause. */
const frozenMs = 400
const thawedMs = 100

const run = (command: string, ...args: string[]) => execFileSync(command, args, { stdio: ['ignore', 'pipe', 'pipe'] })

/**
 * A small file system of its own: ext4 on a loop device, whose image is in memory. Needs root. A remount as read-only
 * is refused as long as SQLite has its files open (mount(2), EBUSY), so the files get the immutable attribute: a write
 * to them fails, also one of root to an open file. A slow disk is one that fsfreeze stops again and again.
 */
export function createDisk (sizeMebibytes = 24) {
  const base = mkdtempSync('/dev/shm/orchestrator-disk-')
  const image = path.join(base, 'image')
  const directory = path.join(base, 'mnt')
  const filler = path.join(directory, 'filler')
  mkdirSync(directory)
  run('truncate', '-s', `${sizeMebibytes}M`, image)
  run('mkfs.ext4', '-q', '-m', '0', image)
  run('mount', '-o', 'loop', image, directory)
  const data = path.join(directory, 'data')
  mkdirSync(data)

  /** The folder first, so that no file is created in it meanwhile; its files after it. */
  const paths = () => [data, ...readdirSync(data, { withFileTypes: true })
    .filter((entry) => entry.isFile()).map(({ name }) => path.join(data, name))]

  const fill = () => {
    for (let size = mebibyte; size >= 512; size /= 2) {
      for (let i = 0; ; i++) {
        try {
          writeFileSync(filler, Buffer.alloc(size), { flag: 'a', flush: true })
        } catch {
          break
        }
      }
    }
  }

  const faults: Record<FaultKind, (ms: number) => Promise<void>> = {
    async full (ms) {
      fill()
      await sleep(ms)
      rmSync(filler)
    },
    async 'read-only' (ms) {
      run('chattr', '+i', ...paths())
      await sleep(ms)
      run('chattr', '-i', ...paths())
    },
    async slow (ms) {
      for (const end = performance.now() + ms; performance.now() < end;) {
        run('fsfreeze', '-f', directory)
        await sleep(frozenMs)
        run('fsfreeze', '-u', directory)
        await sleep(thawedMs)
      }
    }
  }

  return {
    /** Where the store goes. */
    data,
    /** Breaks the disk for some milliseconds. */
    fault: (kind: FaultKind, ms: number) => faults[kind](ms),
    remove () {
      if (!existsSync(data)) return
      const commands = [['fsfreeze', '-u', directory], ['chattr', '-i', ...paths()], ['umount', '-l', directory]]
      for (const command of commands) {
        try { run(command[0]!, ...command.slice(1)) } catch { /* it was not frozen, or not immutable */ }
      }
      rmSync(base, { recursive: true, force: true })
    }
  }
}
