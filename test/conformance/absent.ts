import { services, type Connection, type ServiceName } from '../../drivers/driver.ts'

/** As many zeros as the longest ids have: those of EC2. */
const maxRepeats = 17

const characters = '0abcdefghijklmnopqrstuvwxyz-._'

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
    .replaceAll(/(\[[^\]]*\]|\\.|.)(?:\{(\d+)\}|(\{\d+,\d*\}|[+*]))?/g, (_, atom: string, count = '1', many?: string) =>
      characterFor(atom, pattern.flags).repeat(many === undefined ? Number(count) : maxRepeats))
  if (!pattern.test(text)) throw new Error(`${text} does not fit ${pattern}`)
  return text
}

/** An id for each service that fits the pattern of the cloud and that no resource has. */
export function absentIds (patterns: Connection['ids']) {
  const ids = services.map((service) => {
    const pattern = patterns[service]
    return [service, pattern === undefined ? 'none' : textFor(pattern)] as const
  })
  return Object.fromEntries(ids) as Record<ServiceName, string>
}
