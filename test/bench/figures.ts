/** Whether the bench shall take about a minute: fewer rounds and requests, with more noise. */
export const isQuick = process.argv.includes('--quick')

/** The number of requests of a measurement. */
export const scaled = (requests: number) => isQuick ? Math.ceil(requests / 4) : requests

/** The value below which this part of all values lies. */
export function percentile (values: readonly number[], part: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))]!
}

export const median = (values: readonly number[]) => percentile(values, 0.5)

/**
 * Runs each measurement in turn, so many rounds, and resolves to the median of each: what disturbs a moment disturbs
 * all.
 */
export async function alternate<K extends string> (
  rounds: number, measurements: Record<K, () => Promise<number>>
): Promise<Record<K, number>> {
  const names = Object.keys(measurements) as K[]
  const found = Object.fromEntries(names.map((name) => [name, []])) as unknown as Record<K, number[]>
  for (let round = 0; round < (isQuick ? Math.min(rounds, 3) : rounds); round++) {
    for (const name of names) found[name].push(await measurements[name]())
  }
  return Object.fromEntries(names.map((name) => [name, median(found[name])])) as Record<K, number>
}

/** One figure, and the goal that it is held against. */
export interface Figure {
  what: string
  /** NaN if the build that is measured does not have it. */
  value: number
  unit: string
  /** The figure of the same run that this one is divided by, if it is compared with one. */
  ratio?: number
  atMost?: number
  atLeast?: number
}

const digits = (value: number) => {
  if (Number.isNaN(value)) return '–'
  const maximumFractionDigits = value < 10 ? 2 : value < 100 ? 1 : 0
  return value.toLocaleString('en', { maximumFractionDigits })
}

function verdict ({ value, ratio = value, atMost, atLeast }: Figure): [goal: string, met: string] {
  if (Number.isNaN(ratio)) return ['', '']
  if (atMost !== undefined) return [`≤ ${digits(atMost)}`, ratio <= atMost ? 'met' : 'MISSED']
  if (atLeast !== undefined) return [`≥ ${digits(atLeast)}`, ratio >= atLeast ? 'met' : 'MISSED']
  return ['', '']
}

/** All figures that were printed, for the JSON result. */
export const printed: (Figure & { title: string, met: boolean | null })[] = []

/** Prints figures as a table. A goal is about the ratio where there is one. */
export function print (title: string, figures: readonly Figure[]) {
  for (const figure of figures) {
    const [, met] = verdict(figure)
    printed.push({ title, ...figure, met: met === '' ? null : met === 'met' })
  }
  const head = ['', 'measured', 'ratio', 'goal', '']
  const rows = figures.map((figure) => [
    figure.what,
    `${digits(figure.value)} ${figure.unit}`,
    figure.ratio === undefined ? '' : `${digits(figure.ratio)} ×`,
    ...verdict(figure)
  ])
  const widths = head.map((_, i) => Math.max(...[head, ...rows].map((row) => row[i]!.length)))
  const line = (row: readonly string[]) =>
    row
      .map((cell, i) => (i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!)))
      .join('  ')
      .trimEnd()
  process.stdout.write(`\n${title}\n${[head, ...rows].map((row) => `  ${line(row)}\n`).join('')}`)
}
