import { services, type Connection, type ServiceName } from '../../drivers/driver.ts'

/** As many zeros as the longest ids have: those of EC2. */
const maxRepeats = 17

const characters = '01abcdefghijklmnopqrstuvwxyz-._'

/** A character that fits a class such as [0-9a-f], an escape or a literal. */
const characterFor = (atom: string, flags: string) =>
  [...characters].find((one) => new RegExp(`^${atom}$`, flags).test(one)) ?? ''

/**
 * A text that fits a pattern: the first alternative of each group, and zeros wherever they fit. Throws if it finds
 * none.
 */
function textFor (pattern: RegExp) {
  const text = pattern.source
    .replaceAll(/\(\?![^)]*\)/g, '')
    .replaceAll(/\(([^()]*)\)\{(\d+)\}/g, (_, group: string, count) => group.repeat(Number(count)))
    .replaceAll(/\(([^()|]*)[^()]*\)/g, '$1')
    .replaceAll(/^\^|\$$/g, '')
    .replaceAll(/(\[[^\]]*\]|\\.|.)(?:\{(\d+)\}|(\{\d+,(\d*)\}|[+*]))?/g,
      (_, atom: string, count = '1', many?: string, most?: string) => {
        const repeats = many === undefined ? Number(count) : Math.min(maxRepeats, Number(most || maxRepeats))
        return characterFor(atom, pattern.flags).repeat(repeats)
      })
  if (!pattern.test(text)) {
    throw new Error(`No id was found that fits ${pattern}. Name one in \`absent\` of the target.`)
  }
  return text
}

/**
 * Returns an id for each service that fits the pattern of the cloud and that no resource has. `known` are ids to use
 * instead, for patterns that this file does not understand.
 */
export function absentIds (
  patterns: Connection['ids'], known: Partial<Record<ServiceName, string>> = {}
): Record<ServiceName, string> {
  const ids = {} as Record<ServiceName, string>
  for (const service of services) {
    const pattern = patterns[service]
    // Only a case that needs the id fails for a pattern that is not understood.
    const get = () => known[service] ?? (pattern === undefined ? 'none' : textFor(pattern))
    Object.defineProperty(ids, service, { enumerable: true, get })
  }
  return ids
}
