/** A moment as Nova and Cinder write it: `2026-01-31T12:00:00.000000`, which is UTC and does not say so. */
export function toTimestamp (time: string | null | undefined) {
  if (typeof time !== 'string' || time === '') return null
  return /Z$|[+-]\d\d:\d\d$/.test(time) ? time : `${time.slice(0, 23)}Z`
}
