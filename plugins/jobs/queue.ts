/** A job that this server runs now. */
export interface TakenJob {
  readonly name: string
  readonly key: string
  readonly data: unknown
  /** How often in a row the job has failed. */
  readonly failures: number
}

/** When a job runs again. `at` is in milliseconds since 1970. */
export interface NextRun {
  at: number
  data: unknown
  failures: number
}

export interface TakenJobs {
  jobs: TakenJob[]
  /** Milliseconds until the next job is due; Infinity if none is known. */
  nextIn: number
}

/**
 * Where jobs wait. A job of a name and a key exists once. All methods throw if the queue cannot be read or written now.
 */
export interface JobQueue {
  /** Milliseconds between two looks for jobs that other servers have planned; Infinity if there are none. */
  readonly pollMs: number
  /**
   * Plans a job at a time, or moves it there. A job that runs now runs again then, at the earliest after its end. With
   * `keep`, a job that exists keeps its time if that is earlier, and one that runs now is left alone.
   */
  put(name: string, key: string, at: number, data: unknown, keep: boolean): Promise<void>
  /** Removes a job that waits. A job that runs now ends, and does not run again. */
  remove(name: string, key: string): Promise<void>
  /** Takes jobs that are due: of each name as many as the map says. */
  take(free: ReadonlyMap<string, number>): Promise<TakenJobs>
  /** Says that this server still runs the jobs. Returns those that another server has not taken over. */
  renew(jobs: readonly TakenJob[]): Promise<TakenJob[]>
  /** Ends a run. The job is put back if it runs again. Does nothing if another server has taken the job over. */
  finish(job: TakenJob, next: NextRun | undefined): Promise<void>
  close(): Promise<void>
}
